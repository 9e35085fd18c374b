"""The one clock of a process: Unix seconds that never go back.

Wall time at the start plus the monotonic clock, slewed towards wall time by at most
500 ppm, so that a clock step of the machine neither ends waits nor makes them negative.
"""

import time
from collections.abc import Callable
from typing import Final

MAX_SLEW: Final = 500e-6  # s per s, as adjtime(3) does


class SteadyClock:
    """Callable that returns seconds since the Unix epoch."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._last = wall()
        self._last_monotonic = monotonic()

    def __call__(self) -> float:
        monotonic = self._monotonic()
        elapsed = max(monotonic - self._last_monotonic, 0.0)
        error = self._wall() - (self._last + elapsed)
        limit = elapsed * MAX_SLEW
        self._last += elapsed + min(max(error, -limit), limit)
        self._last_monotonic = monotonic
        return self._last

    def not_before(self, moment: float) -> None:
        """Never tell less than ``moment``: what was journaled has already happened."""
        self._last = max(self._last, moment)
