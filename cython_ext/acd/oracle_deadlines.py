"""Deadlines of the distribution kernel in plain Python: the twin of ``_deadlines.pyx``."""

import math
from typing import Final

_MOST_DEADLINES: Final = 1 << 24


class Deadlines:
    """One deadline a handle, the earliest first; equal times in the order they were set."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def set(self, handle: int, when: float) -> None:
        """Set or replace the deadline of a handle (0 or above)."""
        if not 0 <= handle < _MOST_DEADLINES:
            raise ValueError(f"handle {handle} is not 0 to {_MOST_DEADLINES - 1}")
        finite(when)
        self._due.pop(handle, None)
        self._due[handle] = when

    def cancel(self, handle: int) -> None:
        """Forget the deadline of a handle; nothing when it has none."""
        self._due.pop(handle, None)

    def first(self) -> float | None:
        """The earliest deadline."""
        return min(self._due.values(), default=None)

    def state(self) -> list[tuple[int, float]]:
        """Every handle with its time, in the order they were set."""
        return list(self._due.items())

    def pop(self, now: float) -> int:
        """Take the earliest handle whose deadline is not after now; -1 for none."""
        # min() keeps the first of equal ones, and a dict keeps the order of setting.
        handle = min(self._due, key=self._due.__getitem__, default=-1)
        if handle < 0 or not self._due[handle] <= now:
            return -1
        del self._due[handle]
        return handle


def finite(when: float) -> float:
    """Return a time; ValueError when it is none."""
    if not math.isfinite(when):
        raise ValueError(f"time {when} is not finite")
    return when
