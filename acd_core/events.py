"""What the distribution engine is told; every event is journaled before it is handled."""

from enum import StrEnum

import msgspec

from acd_core.agent import AgentConfig
from acd_core.call_queue import CallerTier, QueueConfig
from acd_core.errors import AcdError
from acd_core.ids import AgentId, CallId, QueueId, SkillId, TierId
from acd_core.skills import Requirement


class Preference(StrEnum):
    """Why a call wants one agent before all others."""

    LAST = "last"
    """He served this caller last; he must meet the demands, and be at work."""
    NAMED = "named"
    """The caller asked for him; his skills do not matter."""


class Outcome(StrEnum):
    """How one visit of a call to a queue ends."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    OVERFLOWED = "overflowed"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    VOICEMAIL = "voicemail"
    CALLBACK_TAKEN = "callback_taken"
    TRANSFERRED_OUT = "transferred_out"


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Base of everything the engine is told."""


class QueueConfigured(Event, frozen=True, kw_only=True):
    """A queue is new or changed: full replacement, effective for calls that wait."""

    config: QueueConfig
    version: int
    """Version of the configuration; named in the reasons of each offer."""


class QueueRemoved(Event, frozen=True, kw_only=True):
    """A queue exists no more; calls in it leave by time-out."""

    queue: QueueId
    version: int


class AgentConfigured(Event, frozen=True, kw_only=True):
    """An agent is new or changed: full replacement, effective at once, even in a call."""

    config: AgentConfig
    version: int


class AgentRemoved(Event, frozen=True, kw_only=True):
    """An agent exists no more; only one who is logged out can be removed."""

    agent: AgentId
    version: int


class QueueAttended(Event, frozen=True, kw_only=True):
    """A queue is switched to unattended, or back; the rest of its configuration stays."""

    queue: QueueId
    unattended: bool
    version: int


class TierConfigured(Event, frozen=True, kw_only=True):
    """A tier of callers is new or changed: full replacement, effective for calls that wait."""

    config: CallerTier
    version: int


class TierRemoved(Event, frozen=True, kw_only=True):
    """A tier exists no more; its callers wait as all others do."""

    tier: TierId
    version: int


class SkillsChanged(Event, frozen=True, kw_only=True):
    """The skills of an agent are replaced; the rest of him stays."""

    agent: AgentId
    skills: dict[SkillId, int]
    """Level of each skill, 1 to 10, 10 best."""
    version: int


class AgentLoggedIn(Event, frozen=True, kw_only=True):
    """An agent sat down at a station; he is paused until AgentReady."""

    agent: AgentId
    station: str


class AgentLoggedOut(Event, frozen=True, kw_only=True):
    """An agent leaves; in a call it counts when the call and its wrap-up are over."""

    agent: AgentId


class AgentReady(Event, frozen=True, kw_only=True):
    """An agent wants calls; it ends a pause or a wrap-up."""

    agent: AgentId


class AgentPaused(Event, frozen=True, kw_only=True):
    """An agent wants no calls; in a call it counts when call and wrap-up are over."""

    agent: AgentId
    reason: str


class AgentUnreachable(Event, frozen=True, kw_only=True):
    """The agent's station is lost (unregistered, unplugged, out of service)."""

    agent: AgentId


class AgentReachable(Event, frozen=True, kw_only=True):
    """The agent's station is back."""

    agent: AgentId


class AgentBusy(Event, frozen=True, kw_only=True):
    """The agent is in a call that no queue gave."""

    agent: AgentId


class AgentFree(Event, frozen=True, kw_only=True):
    """That other call is over."""

    agent: AgentId


class CallOffered(Event, frozen=True, kw_only=True):
    """A call enters a queue: one visit begins."""

    call: CallId
    queue: QueueId
    ani: str = ""
    priority: int = 0
    requirements: tuple[Requirement, ...] = ()
    """Skills this call needs beyond those of the queue."""
    waited_s: float = 0.0
    """Credit for waiting done before, for order only; figures count this visit."""
    preferred: AgentId | None = None
    preference: Preference = Preference.LAST
    preferred_limit_s: float = 0.0
    """How long to wait for the preferred agent alone when he is not free."""
    tier: TierId | None = None
    """Green channel of the caller, if he has one."""
    callback: CallId | None = None
    """The call whose kept place this one takes, with its age and what it needed."""


class CallbackTaken(Event, frozen=True, kw_only=True):
    """A waiting caller hangs up and wants to be called; his place is kept."""

    call: CallId
    number: str
    """Where he wants to be called."""


class CallbackFailed(Event, frozen=True, kw_only=True):
    """The called party was not reached, answered by ``DialCallback``."""

    call: CallId
    reason: str = ""


class CallbackCancelled(Event, frozen=True, kw_only=True):
    """A kept place is given up: the caller or somebody for him says so."""

    call: CallId


class CallAbandoned(Event, frozen=True, kw_only=True):
    """The caller hung up before he was joined to an agent."""

    call: CallId


class CallWithdrawn(Event, frozen=True, kw_only=True):
    """A waiting call leaves the queue for something else."""

    call: CallId
    outcome: Outcome


class OfferRinging(Event, frozen=True, kw_only=True):
    """The agent's station rings. Need not be told: accepting works without."""

    call: CallId
    agent: AgentId


class OfferAccepted(Event, frozen=True, kw_only=True):
    """The agent took the offer (answered his station); answered by ConnectToAgent."""

    call: CallId
    agent: AgentId


class OfferRejected(Event, frozen=True, kw_only=True):
    """The agent or his station turned the offer down; counts as a missed offer."""

    call: CallId
    agent: AgentId
    reason: str = "declined"


class CallAnswered(Event, frozen=True, kw_only=True):
    """Caller and agent are joined and talk."""

    call: CallId
    agent: AgentId


class CallHeld(Event, frozen=True, kw_only=True):
    """The agent put the call on hold."""

    call: CallId


class CallRetrieved(Event, frozen=True, kw_only=True):
    """The agent took the call back from hold."""

    call: CallId


class CallEnded(Event, frozen=True, kw_only=True):
    """An answered call is over for its agent: hung up, or handed on."""

    call: CallId


class WrapUpEnded(Event, frozen=True, kw_only=True):
    """The agent is done with his after-call work before its time."""

    agent: AgentId


class DeadlineReached(Event, frozen=True, kw_only=True):
    """``next_deadline()`` has come; everything due is done."""


class DayBegan(Event, frozen=True, kw_only=True):
    """Counts of the day start again; calls in the system are carried over."""


AcdEvent = (
    QueueConfigured
    | QueueRemoved
    | AgentConfigured
    | AgentRemoved
    | QueueAttended
    | TierConfigured
    | TierRemoved
    | SkillsChanged
    | AgentLoggedIn
    | AgentLoggedOut
    | AgentReady
    | AgentPaused
    | AgentUnreachable
    | AgentReachable
    | AgentBusy
    | AgentFree
    | CallOffered
    | CallbackTaken
    | CallbackFailed
    | CallbackCancelled
    | CallAbandoned
    | CallWithdrawn
    | OfferRinging
    | OfferAccepted
    | OfferRejected
    | CallAnswered
    | CallHeld
    | CallRetrieved
    | CallEnded
    | WrapUpEnded
    | DeadlineReached
    | DayBegan
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AcdEvent] = msgspec.msgpack.Decoder(AcdEvent)


def encode(event: AcdEvent) -> bytes:
    """Write an event as msgpack, for the journal."""
    return _encoder.encode(event)


def decode(data: bytes) -> AcdEvent:
    """Read what ``encode`` wrote; raise AcdError on anything else."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AcdError(f"not an event: {error}: {data[:32].hex()}") from error
