"""Visits of one queue: every visit that is offered ends in exactly one outcome."""

from typing import Final

from acd_core.events import Outcome
from acd_core.snapshot import Visits

OUTCOMES: Final = tuple(Outcome)


class VisitCounter:
    """Counts of the day; offered = the sum of all outcomes + in system, at any moment."""

    __slots__ = ("_ended", "_in_time", "_longest", "_waits", "in_system", "offered")

    def __init__(self) -> None:
        self.in_system = 0
        self._longest = 0.0
        self._clear()

    def begin(self) -> None:
        """A visit begins."""
        self.offered += 1
        self.in_system += 1

    def refuse(self) -> None:
        """A visit ends before it began."""
        self.offered += 1
        self._ended[Outcome.REFUSED] += 1

    def end(self, outcome: Outcome, wait_s: float, threshold_s: float) -> None:
        """A visit ends; a wait of exactly the threshold is in time."""
        self.in_system -= 1
        self._ended[outcome] += 1
        self._waits[outcome] += wait_s
        self._in_time[outcome] += wait_s <= threshold_s
        self._longest = max(self._longest, wait_s)

    def new_day(self) -> None:
        """Start again with those who are in the system."""
        self._clear()
        self.offered = self.in_system

    def view(self) -> Visits:
        """Return the counts as a value."""
        ended = {outcome.value: count for outcome, count in self._ended.items()}
        return Visits(
            offered=self.offered,
            in_system=self.in_system,
            answered_in_time=self._in_time[Outcome.ANSWERED],
            abandoned_in_time=self._in_time[Outcome.ABANDONED],
            answered_wait_s=self._waits[Outcome.ANSWERED],
            abandoned_wait_s=self._waits[Outcome.ABANDONED],
            longest_wait_s=self._longest,
            **ended,
        )

    def _clear(self) -> None:
        self.offered = 0
        self._ended = dict.fromkeys(OUTCOMES, 0)
        self._in_time = dict.fromkeys(OUTCOMES, 0)
        self._waits = dict.fromkeys(OUTCOMES, 0.0)
        self._longest = 0.0
