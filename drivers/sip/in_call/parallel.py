"""Several phones of one station that ring for one call; the first to answer has it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from drivers.events import Cause
from drivers.sip.core.call import Call

GLOBAL: Final = (600, 603, 604, 606)
"""Statuses with which one phone refuses for all of them (RFC 3261 21.6)."""

# What the station says when its phones disagree: the one somebody decided comes first.
_WEIGHT: Final = (
    Cause.REJECTED,
    Cause.BUSY,
    Cause.NO_ANSWER,
    Cause.INCOMPATIBLE,
    Cause.NO_USER_RESPONDING,
)


class Verdict(NamedTuple):
    """Why a call to all phones of a station failed."""

    cause: Cause
    detail: str


class Parallel:
    """The calls to the single phones; the driver knows the lead only, until one answers."""

    __slots__ = ("lead", "members", "rings", "verdict")

    def __init__(self, lead: Call, others: Iterable[Call]) -> None:
        self.lead = lead
        self.members = [lead, *others]
        """Those that may still answer."""
        self.rings = False
        """The driver was told that it rings."""
        self.verdict: Verdict | None = None
        for member in self.members:
            member.group = self

    def leave(self, member: Call, cause: Cause, detail: str) -> Verdict | None:
        """One phone is out of the running; returns what to tell when it was the last."""
        member.group = None
        self.members.remove(member)
        if self.verdict is None or _rank(cause) < _rank(self.verdict.cause):
            self.verdict = Verdict(cause, detail)
        return None if self.members else self.verdict

    def dissolve(self) -> list[Call]:
        """End the race; returns those that were still in it."""
        members, self.members = self.members, []
        for member in members:
            member.group = None
        return members


def _rank(cause: Cause) -> int:
    return _WEIGHT.index(cause) if cause in _WEIGHT else len(_WEIGHT)
