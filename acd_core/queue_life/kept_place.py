"""The place of a caller who hung up and is to be called: its state table and what is known."""

from enum import StrEnum
from math import inf
from typing import Final

from acd_core.errors import IllegalTransition
from acd_core.floor.contact import Contact
from acd_core.queue_life.options import CallbackRules

ATTEMPTS: Final = 2


class PlaceState(StrEnum):
    """Where a kept place is."""

    KEPT = "kept"
    """His turn has not come near."""
    DIALLED = "dialled"
    """He is being called."""
    RESTING = "resting"
    """He was not reached; there is one more attempt after a while."""
    GRACE = "grace"
    """He was not reached; he may still call in himself."""


class PlaceStep(StrEnum):
    """What may happen to a kept place, besides that it is taken or given up."""

    DIAL = "dial"
    FAIL = "fail"
    FAIL_LAST = "fail_last"
    WAKE = "wake"


_S, _T = PlaceState, PlaceStep

TABLE: Final[dict[tuple[PlaceState, PlaceStep], PlaceState]] = {
    (_S.KEPT, _T.DIAL): _S.DIALLED,
    (_S.DIALLED, _T.FAIL): _S.RESTING,
    (_S.DIALLED, _T.FAIL_LAST): _S.GRACE,
    (_S.RESTING, _T.WAKE): _S.KEPT,
}


class Place:
    """One kept place."""

    __slots__ = (
        "attempts",
        "contact",
        "deadline",
        "number",
        "rules",
        "since",
        "slot",
        "state",
        "taken",
    )

    def __init__(self, contact: Contact, number: str, rules: CallbackRules, now: float) -> None:
        self.contact = contact
        """The call as it left: its order stays that of the place."""
        self.number = number
        self.rules = rules
        """As they are in force, or were before the queue had none any more."""
        self.state = PlaceState.KEPT
        self.since = now
        """When this state began."""
        self.taken = now
        self.attempts = 0
        self.deadline = now
        """When the attempt that is out is over: as it was said when it began."""
        self.slot = -1
        """In the deadlines."""

    def follow(self, step: PlaceStep, now: float) -> None:
        """Take a step of the table; raise IllegalTransition when it cannot happen."""
        try:
            self.state = TABLE[self.state, step]
        except KeyError:
            detail = f"call {self.contact.event.call}"
            raise IllegalTransition(self.state, step, detail) from None
        self.since = now

    @property
    def expires(self) -> float:
        """When it is given up at the latest, in Unix seconds."""
        return self.taken + self.rules.longest_s

    @property
    def until(self) -> float:
        """When the present state is over, in Unix seconds; infinity where that is open."""
        match self.state:
            case PlaceState.DIALLED:
                return self.deadline
            case PlaceState.RESTING:
                return self.since + self.rules.retry_s
            case PlaceState.GRACE:
                return self.since + self.rules.grace_s
            case PlaceState.KEPT:
                return inf

    @property
    def due(self) -> float:
        """When something has to be done about it; nobody is given up while he is called."""
        if self.state is PlaceState.DIALLED:
            return self.until
        return min(self.until, self.expires)

    @property
    def in_line(self) -> bool:
        """Whether his turn counts among those of others: he is called, or may be at once."""
        return self.state in (PlaceState.KEPT, PlaceState.DIALLED)
