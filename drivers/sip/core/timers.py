"""Deadlines of the core: many owners, one heap, time passed in."""

import heapq
from typing import Final, Protocol

TIDIED_ABOVE: Final = 4096  # entries; fewer cost nothing worth mentioning


class TimerOwner(Protocol):
    """Something with deadlines; ``timers`` holds those that still count."""

    timers: dict[int, float]

    def timer_fired(self, timer: int) -> None: ...


class Timers:
    """All deadlines of the core in one heap; ``now`` is set by whoever drives the core."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, TimerOwner, int]] = []
        self._count = 0
        self._tidy_at = TIDIED_ABOVE

    def __len__(self) -> int:
        """Entries, also of deadlines that were stopped and not tidied away yet."""
        return len(self._heap)

    def start(self, owner: TimerOwner, timer: int, delay: float) -> None:
        """Let ``timer`` of the owner fire after ``delay`` seconds; a running one is replaced."""
        when = self.now + delay
        owner.timers[timer] = when
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, owner, timer))
        if len(self._heap) > self._tidy_at:
            self._tidy()

    def next_deadline(self) -> float | None:
        """When the earliest running timer fires; None when none runs."""
        heap = self._heap
        while heap:
            when, _, owner, timer = heap[0]
            if owner.timers.get(timer) == when:
                return when
            heapq.heappop(heap)  # stopped or started anew since
        return None

    def fire(self, now: float) -> None:
        """Fire everything that is due at ``now``, in order of its deadline."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            when, _, owner, timer = heapq.heappop(heap)
            if owner.timers.get(timer) == when:
                del owner.timers[timer]
                self.now = max(self.now, when)
                owner.timer_fired(timer)
        self.now = max(self.now, now)

    def _tidy(self) -> None:
        """Drop what was stopped: a session of half an hour must not outlive its short call."""
        heap = self._heap
        heap[:] = [one for one in heap if one[2].timers.get(one[3]) == one[0]]
        heapq.heapify(heap)
        self._tidy_at = max(TIDIED_ABOVE, 2 * len(heap))
