"""Deadlines of the core: many owners, time passed in.

Most deadlines come after one of few delays (T1, 64 times T1, T4): those of one delay are in the
order in which they were started, so each such delay has a line, and only the others a heap.
"""

import heapq
from collections import deque
from typing import Final, Protocol

NEVER: Final = float("inf")
NONE: Final[dict[int, float]] = {}
"""Timers of an owner that has none for long; never written to."""
TIDIED_ABOVE: Final = 128  # entries of the heap or a line; fewer cost nothing worth mentioning


class TimerOwner(Protocol):
    """Something with deadlines; ``timers`` holds those that still count, or is ``NONE``."""

    timers: dict[int, float]

    def timer_fired(self, timer: int) -> None: ...


class Deadline:
    """When, the number that orders equal ones, whose, and which of the owner's.

    A class of its own, as compiled code makes and reads it at a fraction of a tuple's price.
    """

    __slots__ = ("number", "owner", "timer", "when")

    def __init__(self, when: float, number: int, owner: TimerOwner, timer: int) -> None:
        self.when = when
        self.number = number
        self.owner = owner
        self.timer = timer

    @property
    def runs(self) -> bool:
        """Whether it was neither stopped nor started anew since."""
        return self.owner.timers.get(self.timer) == self.when


class Line:
    """Deadlines of one delay, in the order in which they were started."""

    __slots__ = ("entries", "tidy_at")

    def __init__(self) -> None:
        self.entries: deque[Deadline] = deque()
        self.tidy_at = TIDIED_ABOVE

    def tidy(self) -> None:
        """Drop what was stopped: it would keep calls that are over for half a minute."""
        self.entries = deque([one for one in self.entries if one.runs])
        self.tidy_at = max(TIDIED_ABOVE, 2 * len(self.entries))


class Timers:
    """All deadlines of the core; ``now`` is set by whoever drives the core."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Deadline]] = []
        self._lines: dict[float, Line] = {}
        self._first: Deadline | None = None
        """The earliest deadline, unless it was stopped since; None: to be looked for."""
        self.not_before = NEVER
        """No deadline is earlier; whoever waits until then asks for ``next_deadline`` again."""
        self._count = 0
        self._tidy_at = TIDIED_ABOVE

    def __len__(self) -> int:
        """Entries, also of deadlines that were stopped and not tidied away yet."""
        return len(self._heap) + sum(len(line.entries) for line in self._lines.values())

    def often(self, *delays: float) -> None:
        """Expect many deadlines after these delays."""
        for delay in delays:
            self._lines.setdefault(delay, Line())

    def start(self, owner: TimerOwner, timer: int, delay: float) -> None:
        """Let ``timer`` of the owner fire after ``delay`` seconds; a running one is replaced."""
        when = self.now + delay
        if owner.timers is NONE:
            owner.timers = {timer: when}
        else:
            owner.timers[timer] = when
        self._count += 1
        one = Deadline(when, self._count, owner, timer)
        line = self._lines.get(delay)
        # A line stays in order even when somebody sets ``now`` back.
        if line is not None and (not line.entries or line.entries[-1].when <= when):
            line.entries.append(one)
            if len(line.entries) > line.tidy_at:
                line.tidy()
        else:
            heapq.heappush(self._heap, (when, self._count, one))
            if len(self._heap) > self._tidy_at:
                self._tidy()
        if self._first is not None and when < self._first.when:
            self._first = one
        if when < self.not_before:
            self.not_before = when

    def next_deadline(self) -> float | None:
        """When the earliest running timer fires; None when none runs."""
        first = self._first
        if first is None or not first.runs:
            first = self._first = self._look()
        self.not_before = NEVER if first is None else first.when
        return None if first is None else first.when

    def fire(self, now: float) -> None:
        """Fire everything that is due at ``now``, in order of its deadline."""
        while (when := self.next_deadline()) is not None and when <= now:
            first, self._first = self._first, None
            assert first is not None
            del first.owner.timers[first.timer]  # its entry goes with the others that do not run
            self.now = max(self.now, when)
            first.owner.timer_fired(first.timer)
        self.now = max(self.now, now)

    def _look(self) -> Deadline | None:
        """The earliest deadline that runs; stopped ones in front of it are dropped."""
        heap = self._heap
        found: Deadline | None = None
        while heap:
            found = heap[0][2]
            if found.runs:
                break
            heapq.heappop(heap)  # stopped or started anew since
            found = None
        for line in self._lines.values():
            entries = line.entries
            while entries:
                one = entries[0]
                if one.runs:
                    if found is None or (one.when, one.number) < (found.when, found.number):
                        found = one
                    break
                entries.popleft()
        return found

    def _tidy(self) -> None:
        """Drop what was stopped: a session of half an hour must not outlive its short call."""
        heap = self._heap
        heap[:] = [one for one in heap if one[2].runs]
        heapq.heapify(heap)
        self._tidy_at = max(TIDIED_ABOVE, 2 * len(heap))
