"""A call in the engine: its state table, and what is known of it while it is here."""

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from acd_core.call_queue import CallerTier, CallRule
from acd_core.errors import IllegalTransition
from acd_core.events import CallOffered
from acd_core.ids import CallId, QueueId

if TYPE_CHECKING:
    from acd_core.floor.records import AgentRecord, QueueRecord

Order = tuple[int, float, CallId]


class ContactState(StrEnum):
    """Where a call is."""

    WAITING = "waiting"
    OFFERED = "offered"
    """Agents are reserved for it, their stations ring."""
    ACCEPTED = "accepted"
    """The agent took it; the two are being joined."""
    TALKING = "talking"
    ON_HOLD = "on_hold"
    LEFT = "left"
    """The engine knows it no more."""


class ContactStep(StrEnum):
    """What may happen to a call."""

    OFFER = "offer"
    JOIN = "join"
    """One more agent's station rings for it."""
    LOSE = "lose"
    """One of several stations rings no more."""
    ACCEPT = "accept"
    GO_BACK = "go_back"
    ANSWER = "answer"
    HOLD = "hold"
    RETRIEVE = "retrieve"
    LEAVE = "leave"
    """It leaves the queue unanswered."""
    END = "end"


_S, _T = ContactState, ContactStep

TABLE: Final[dict[tuple[ContactState, ContactStep], ContactState]] = {
    (_S.WAITING, _T.OFFER): _S.OFFERED,
    (_S.OFFERED, _T.JOIN): _S.OFFERED,
    (_S.OFFERED, _T.LOSE): _S.OFFERED,
    (_S.OFFERED, _T.ACCEPT): _S.ACCEPTED,
    (_S.OFFERED, _T.GO_BACK): _S.WAITING,
    (_S.ACCEPTED, _T.GO_BACK): _S.WAITING,
    (_S.ACCEPTED, _T.ANSWER): _S.TALKING,
    (_S.TALKING, _T.HOLD): _S.ON_HOLD,
    (_S.ON_HOLD, _T.RETRIEVE): _S.TALKING,
    (_S.TALKING, _T.END): _S.LEFT,
    (_S.ON_HOLD, _T.END): _S.LEFT,
    (_S.WAITING, _T.LEAVE): _S.LEFT,
    (_S.OFFERED, _T.LEAVE): _S.LEFT,
    (_S.ACCEPTED, _T.LEAVE): _S.LEFT,
}

# Members by names of their own: Python 3.11 finds Kind.MEMBER ten times as slowly.
_AGING: Final = CallRule.AGING
_WAITING: Final = ContactState.WAITING
WITH_AGENT: Final = frozenset({_S.OFFERED, _S.ACCEPTED})


class Contact:
    """One call, from entering a queue to the end of its conversation."""

    __slots__ = (
        "agent",
        "alone",
        "answered",
        "began",
        "call",
        "demand",
        "entered",
        "event",
        "found",
        "handle",
        "joinable",
        "medium",
        "offers",
        "order",
        "others",
        "overdue",
        "predicted",
        "preference_over",
        "preferring",
        "queue",
        "slot",
        "state",
        "step",
        "tier",
        "visited",
    )

    def __init__(self, event: CallOffered, queue: "QueueRecord", entered: float) -> None:
        self.event = event
        self.call = event.call
        self.queue = queue
        self.medium = queue.config.medium
        """A call stays one, whatever its queue takes from now on."""
        self.entered = entered
        self.began = entered - event.waited_s
        """When its wait began, credit included; a kept place and a move hand it on as it is."""
        self.state = _WAITING
        self.agent: AgentRecord | None = None
        """Reserved for it, or talking to it; of several the first."""
        self.others: tuple[AgentRecord, ...] = ()
        """Whose stations ring for it too."""
        self.joinable = False
        """It rings, and whoever becomes free joins in."""
        self.preferring: AgentRecord | None = None
        """Whom alone it waits for now."""
        self.preference_over = False
        self.tier: CallerTier | None = None
        """Green channel of its caller."""
        self.alone = False
        """It waits for the tier's own agents alone."""
        self.overdue = False
        """Its longest wait passed while an offer was out."""
        self.offers = 0
        self.found = 0
        """Callers before it when it came, kept places among them."""
        self.answered = entered
        """When it was answered, once it is."""
        self.predicted: tuple[float, ...] | None = None
        """What each estimator said of its wait; None when it is not followed."""
        self.step = 0
        """How far its demands are widened; 0 is what the queue demands."""
        self.demand = 0
        self.handle = -1
        """In the matcher."""
        self.slot = -1
        """In the deadlines."""
        self.order: Order = (0, 0.0, event.call)
        self.visited: tuple[QueueId, ...] = ()
        """Queues that it has been moved out of."""

    def next_state(self, step: ContactStep) -> ContactState:
        """Look a step up in the table; raise IllegalTransition when it cannot happen."""
        try:
            return TABLE[self.state, step]
        except KeyError:
            raise IllegalTransition(self.state, step, f"call {self.call}") from None

    def follow(self, step: ContactStep) -> None:
        """Take a step."""
        try:
            self.state = TABLE[self.state, step]
        except KeyError:
            raise IllegalTransition(self.state, step, f"call {self.call}") from None

    def rings(self, record: "AgentRecord") -> bool:
        """Whether an agent is reserved for it, or has it."""
        return self.agent is record or record in self.others

    def has_demands(self) -> bool:
        """Whether it may want other agents than its queue does."""
        config = self.queue.config
        if config.widening or self.event.requirements or self.tier is not None:
            return True
        return self.medium is not config.medium

    def place(self) -> Order:
        """Order among all calls: priority, then time of arrival with credit, then number."""
        config = self.queue.config
        priority = config.priority + self.event.priority
        if self.tier is not None:
            priority += self.tier.priority
        if config.call_rule is _AGING:
            return (0, self.began - config.aging_s * priority, self.call)
        return (-priority, self.began, self.call)
