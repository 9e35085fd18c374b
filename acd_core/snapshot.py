"""How the floor looks now: queues with their callers, agents with their states."""

import msgspec

from acd_core.agent import AgentState
from acd_core.ids import AgentId, CallId, QueueId


class Visits(msgspec.Struct, frozen=True, kw_only=True):
    """Visits of one queue since the day began.

    At any moment offered = answered + abandoned + overflowed + timed_out + refused +
    voicemail + callback_taken + transferred_out + in_system.
    """

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    overflowed: int = 0
    timed_out: int = 0
    refused: int = 0
    voicemail: int = 0
    callback_taken: int = 0
    transferred_out: int = 0
    in_system: int = 0
    """Waiting now, including those whose offer rings."""
    answered_in_time: int = 0
    """Answered with wait <= T of the queue."""
    abandoned_in_time: int = 0
    answered_wait_s: float = 0.0
    """Sum of the waits of answered visits."""
    abandoned_wait_s: float = 0.0
    longest_wait_s: float = 0.0


class WaitingCall(msgspec.Struct, frozen=True, kw_only=True):
    """One caller in a queue."""

    call: CallId
    position: int
    ani: str
    priority: int
    entered: float
    waited_s: float
    offers: int
    """How often it was offered to an agent."""
    agent: AgentId | None
    """Whose station rings for it now."""
    preferred: AgentId | None
    """For whom it waits alone, while that lasts."""
    step: int = 0
    """How far its demands are widened; 0 is what the queue demands."""
    ringing: tuple[AgentId, ...] = ()
    """Every agent whose station rings for it now; ``agent`` is the first of them."""


class KeptPlace(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a caller who is to be called."""

    call: CallId
    position: int
    """Among those who wait and those whose place is kept."""
    number: str
    since: float
    """Arrival with credit, in Unix seconds."""
    attempts: int
    due: float | None
    """When he is called again, if that is settled."""


class WaitEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """How long a new caller will wait, as a range."""

    estimator: str
    """Which one speaks: that with the smallest rolling error."""
    seconds: float
    low_s: float
    high_s: float
    error: float
    """Rolling mean of |predicted - real| / real."""


class EstimatorScore(msgspec.Struct, frozen=True, kw_only=True):
    """One estimator of the wait and how it did."""

    estimator: str
    seconds: float | None
    """What it says to the next caller; None for never."""
    scored: int
    """Callers it was compared with."""
    bias_s: float
    """Rolling mean of predicted - real."""
    error: float
    """Rolling mean of |predicted - real| / real."""


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """One queue now."""

    queue: QueueId
    name: str
    waiting: tuple[WaitingCall, ...]
    """Who comes first, as far as was asked for."""
    callers: int = 0
    """How many there are, those whose offer rings too."""
    oldest: float | None = None
    """When the caller entered who waits longest."""
    agents: int
    """Logged in with the skills."""
    ready: int
    talking: int
    """Agents who talk or hold for this queue."""
    visits: Visits
    estimate: WaitEstimate | None = None
    """None while no estimator is good enough."""
    estimators: tuple[EstimatorScore, ...] = ()
    open: bool = True
    """Within opening hours and attended."""
    unattended: bool = False
    reserves: bool = False
    """Reserve agents help at present."""
    callbacks: tuple[KeptPlace, ...] = ()


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """One agent now."""

    agent: AgentId
    name: str
    state: AgentState
    since: float
    station: str
    reason: str
    next_reason: str
    """Pause that begins after the present work; empty when none."""
    call: CallId | None
    queue: QueueId | None
    until: float | None
    """End of an offer, a wrap-up or a rest, in Unix seconds; of chats the first to end."""
    misses: int
    contacts: tuple[CallId, ...] = ()
    """What he has beside ``call`` at the same time: chats, mails."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything now, in key order."""

    at: float
    queues: tuple[QueueView, ...]
    agents: tuple[AgentView, ...]
