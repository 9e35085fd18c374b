"""Seeded chance, the same on every machine: uniform, exponential, log-normal."""

from math import cos, exp, log, log1p, pi, sqrt
from typing import Final

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15  # SplitMix64, Steele, Lea and Flood 2014


class Chance:
    """One stream of numbers; give each purpose its own, so that they do not disturb."""

    def __init__(self, seed: int, purpose: int = 0) -> None:
        self._state = (seed * _GOLDEN ^ purpose * 0xD1B54A32D192ED03) & _MASK
        self._bits()

    def uniform(self) -> float:
        """Return a number from 0 up to but without 1."""
        return (self._bits() >> 11) * 2.0**-53

    def exponential(self, mean: float) -> float:
        """Return a duration without memory."""
        return -log1p(-self.uniform()) * mean

    def log_normal(self, mean: float, variation: float) -> float:
        """Return a duration whose standard deviation is ``variation`` times the mean."""
        square = log1p(variation * variation)
        normal = sqrt(-2 * log(1 - self.uniform())) * cos(2 * pi * self.uniform())
        return mean * exp(sqrt(square) * normal - square / 2)

    def _bits(self) -> int:
        self._state = (self._state + _GOLDEN) & _MASK
        mixed = self._state
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
        return mixed ^ mixed >> 31
