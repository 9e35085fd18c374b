"""The one clock of a process: Unix seconds that never go back.

Wall time at the start plus the monotonic clock, slewed towards wall time by at most
500 ppm, so that a clock step of the machine neither ends waits nor makes them negative.
"""

import time
from collections.abc import Callable
from typing import Final

MAX_SLEW: Final = 500e-6  # s per s, as adjtime(3) does
SLEW_EVERY: Final = 0.02  # s between two looks at wall time; one moves us by 10 µs at most


class SteadyClock:
    """Callable that returns seconds since the Unix epoch."""

    __slots__ = ("_last", "_last_monotonic", "_monotonic", "_told", "_wall")

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._last = self._told = wall()
        self._last_monotonic = monotonic()

    def now(self) -> float:
        """Seconds since the Unix epoch; calling this takes half as long as calling the clock."""
        elapsed = self._monotonic() - self._last_monotonic
        if elapsed < SLEW_EVERY:
            self._told = told = self._last + elapsed
            return told
        return self._slew()

    __call__ = now

    def _slew(self) -> float:
        """Look at wall time, and go towards it."""
        monotonic = self._monotonic()
        elapsed = monotonic - self._last_monotonic
        error = self._wall() - (self._last + elapsed)
        limit = elapsed * MAX_SLEW
        slewed = self._last + elapsed + min(max(error, -limit), limit)
        # Slowed down it may be behind what was told a moment ago without the slew.
        self._last = self._told = max(slewed, self._told)
        self._last_monotonic = monotonic
        return self._last

    def not_before(self, moment: float) -> None:
        """Never tell less than ``moment``: what was journaled has already happened."""
        self._last = self._told = max(self._last, self._told, moment)
