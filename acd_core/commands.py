"""What the distribution engine asks for; control performs it."""

from enum import StrEnum

import msgspec

from acd_core.agent import AgentState
from acd_core.ids import AgentId, CallId, QueueId


class WithdrawReason(StrEnum):
    """Why an offer is taken back."""

    RONA = "rona"
    """The offer ran out: redirect on no answer."""
    REJECTED = "rejected"
    CALLER_LEFT = "caller_left"
    CALL_WITHDRAWN = "call_withdrawn"
    """The call left the queue for something else (voicemail, overflow ...)."""
    AGENT_LEFT = "agent_left"
    """The agent paused, logged out, lost his station or took another call."""
    NOT_CONNECTED = "not_connected"
    """The agent accepted, but the two could not be joined in time."""
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    """Several agents rang, and another one was first."""
    OVERFLOWED = "overflowed"
    """The call moved to another queue."""
    QUEUE_CHANGED = "queue_changed"
    """The queue was removed."""


class RefuseReason(StrEnum):
    """Why a queue does not take a call."""

    FULL = "full"
    LONG_WAIT = "long_wait"
    """The wait would be longer than the queue allows."""
    RATIO = "ratio"
    """Too many would wait for each agent who is logged in."""
    NO_AGENTS = "no_agents"
    CLOSED = "closed"
    """Outside the opening hours of the queue."""
    UNATTENDED = "unattended"


class LeaveReason(StrEnum):
    """Why a queue gives up a waiting call."""

    MAX_WAIT = "max_wait"
    NO_AGENTS = "no_agents"
    QUEUE_REMOVED = "queue_removed"
    CLOSED = "closed"
    UNATTENDED = "unattended"


class MoveReason(StrEnum):
    """Why a call went on to another queue."""

    WAITED = "waited"
    REFUSED = "refused"
    NO_AGENTS = "no_agents"


class CallbackEnd(StrEnum):
    """Why a kept place is kept no more."""

    SERVED = "served"
    """A call took it."""
    UNREACHED = "unreached"
    """He did not answer, and did not call in while his place was kept."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    QUEUE_REMOVED = "queue_removed"


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Base of everything the engine asks for."""


class OfferToAgent(Command, frozen=True, kw_only=True):
    """Ring the agent's station; answered by OfferAccepted or OfferRejected."""

    call: CallId
    agent: AgentId
    queue: QueueId
    station: str
    deadline: float
    """Unix seconds at which the engine takes the offer back."""
    reasons: tuple[int, ...]
    """Why this agent and this call; ``acd_core.reasons`` puts it into words."""


class WithdrawOffer(Command, frozen=True, kw_only=True):
    """Stop ringing the agent for this call."""

    call: CallId
    agent: AgentId
    why: WithdrawReason


class ConnectToAgent(Command, frozen=True, kw_only=True):
    """Join caller and agent; answered by CallAnswered."""

    call: CallId
    agent: AgentId
    queue: QueueId
    waited_s: float
    """Wait of this visit up to the acceptance."""


class AgentStateChanged(Command, frozen=True, kw_only=True):
    """An agent is in a new state; for the desk, the live page and the records."""

    agent: AgentId
    state: AgentState
    since: float
    reason: str = ""
    """Pause reason; empty in other states."""
    call: CallId | None = None
    queue: QueueId | None = None
    until: float | None = None
    """End of a wrap-up, an offer or a rest after a miss, in Unix seconds."""


class CallWaiting(Command, frozen=True, kw_only=True):
    """A call has entered a queue and waits, or is back after an offer."""

    call: CallId
    queue: QueueId
    position: int
    """1 is next."""
    returned: bool = False
    """It is back after an offer that came to nothing."""


class CallTimedOut(Command, frozen=True, kw_only=True):
    """A waiting call has left the queue unserved; do what its flow says."""

    call: CallId
    queue: QueueId
    reason: LeaveReason


class CallRefused(Command, frozen=True, kw_only=True):
    """A call was not let into the queue; do what its flow says."""

    call: CallId
    queue: QueueId
    reason: RefuseReason


class CallMoved(Command, frozen=True, kw_only=True):
    """A call waits in another queue than before: one visit ended, another one began."""

    call: CallId
    origin: QueueId
    queue: QueueId
    position: int
    reason: MoveReason


class AnnounceToCaller(Command, frozen=True, kw_only=True):
    """Tell a waiting caller how he stands, then let him hear what he heard before."""

    call: CallId
    queue: QueueId
    position: int | None = None
    low_s: float | None = None
    high_s: float | None = None
    """Estimated wait as a range; None when it is not told."""
    prompt: str = ""


class CallbackKept(Command, frozen=True, kw_only=True):
    """The place of a caller who wants to be called is kept; his line may be released."""

    call: CallId
    queue: QueueId
    number: str
    position: int


class DialCallback(Command, frozen=True, kw_only=True):
    """Call a caller back now; answered by CallOffered with ``callback``, or CallbackFailed."""

    call: CallId
    queue: QueueId
    number: str
    attempt: int
    """1 or 2."""
    deadline: float
    """Unix seconds at which the engine takes the attempt as failed."""


class CallbackOver(Command, frozen=True, kw_only=True):
    """A place is kept no more."""

    call: CallId
    queue: QueueId
    why: CallbackEnd


AcdCommand = (
    OfferToAgent
    | WithdrawOffer
    | ConnectToAgent
    | AgentStateChanged
    | CallWaiting
    | CallTimedOut
    | CallRefused
    | CallMoved
    | AnnounceToCaller
    | CallbackKept
    | DialCallback
    | CallbackOver
)
