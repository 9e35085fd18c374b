"""Room of an agent: what he has beside each other, and for which media he has room yet.

A call fills him: with one he gets nothing else. Chats and mails go beside each other, each
medium up to its capacity, and a call besides them only where all media he has then are
interruptible. After-work of a chat or a mail keeps its room taken.
"""

from typing import TYPE_CHECKING

from acd_core.agent import AgentConfig, AgentState, Medium
from acd_core.eligibility.marks import places
from acd_core.ids import CallId
from acd_core.stats.occupancy import LOADS, Load

if TYPE_CHECKING:
    from acd_core.floor.contact import Contact


class Beside:
    """Contacts that an agent has beside each other, and those whose after-work he does."""

    __slots__ = ("closing", "open")

    def __init__(self) -> None:
        self.open: dict[CallId, Contact] = {}
        self.closing: dict[CallId, tuple[float, Contact]] = {}
        """With the end of the after-work, in Unix seconds."""

    @property
    def used(self) -> bool:
        """Whether anything takes room."""
        return bool(self.open or self.closing)

    def taken(self) -> dict[Medium, int]:
        """How much room of each medium is taken."""
        counts: dict[Medium, int] = {}
        for contact in (*self.open.values(), *(contact for _, contact in self.closing.values())):
            counts[contact.medium] = counts.get(contact.medium, 0) + 1
        return counts

    def due(self) -> float | None:
        """When the first after-work ends."""
        return min((until for until, _ in self.closing.values()), default=None)

    def done(self, now: float) -> list["Contact"]:
        """Take out those whose after-work is over."""
        over = [call for call, (until, _) in self.closing.items() if until <= now]
        return [self.closing.pop(call)[1] for call in over]


def room(config: AgentConfig, beside: Beside | None) -> frozenset[Medium]:
    """The media of which an agent without a call can take one contact more."""
    taken = beside.taken() if beside is not None else {}
    free = {medium for medium in Medium if taken.get(medium, 0) < places(config, medium)}
    if not all(medium in config.interruptible for medium in taken):
        free.discard(Medium.CALL)
    return frozenset(free)


def load_of(state: AgentState, beside: Beside) -> Load:
    """How a state counts for an agent who may have contacts beside each other."""
    resting = state in (AgentState.READY, AgentState.BUSY)
    return Load.WORK if resting and beside.used else LOADS[state]
