"""A call and its legs: phases as a table, data, and the record that survives a crash.

Nothing here performs anything; ``call_life.py`` does, and it is the only writer.
"""

from enum import StrEnum
from typing import Final

import msgspec

from daemon.control.calls.moves.tables import ConsultState, DirectState, ParkState
from drivers.api import LineId, PortId


class Phase(StrEnum):
    """What the caller lives through at the moment."""

    RINGING = "ringing"
    DIALLING = "dialling"
    """We call him; his telephone may ring."""
    FLOW = "ivr"
    WAITING = "waiting"
    OFFERED = "offered"
    TALKING = "talking"
    ON_HOLD = "on_hold"
    OUTSIDE = "outside"
    """He talks with somebody whom no queue found."""
    PARKED = "parked"
    """He hears music in a slot until somebody takes him back."""
    ENDED = "ended"


class Step(StrEnum):
    """What moves a call from one phase to the next."""

    ANSWER = "answer"
    ENQUEUE = "enqueue"
    OFFER = "offer"
    OFFER_ENDS = "offer_ends"
    CONNECT = "connect"
    HOLD = "hold"
    RETRIEVE = "retrieve"
    LEAVE_QUEUE = "leave_queue"
    GO_OUT = "go_out"
    PARK = "park"
    END = "end"


TABLE: Final[dict[tuple[Phase, Step], Phase]] = {
    (Phase.RINGING, Step.ANSWER): Phase.FLOW,
    (Phase.DIALLING, Step.ANSWER): Phase.FLOW,
    (Phase.FLOW, Step.ENQUEUE): Phase.WAITING,
    (Phase.WAITING, Step.OFFER): Phase.OFFERED,
    (Phase.WAITING, Step.LEAVE_QUEUE): Phase.FLOW,
    (Phase.OFFERED, Step.OFFER_ENDS): Phase.WAITING,
    (Phase.OFFERED, Step.LEAVE_QUEUE): Phase.FLOW,
    (Phase.OFFERED, Step.CONNECT): Phase.TALKING,
    (Phase.TALKING, Step.HOLD): Phase.ON_HOLD,
    (Phase.TALKING, Step.LEAVE_QUEUE): Phase.FLOW,
    (Phase.ON_HOLD, Step.RETRIEVE): Phase.TALKING,
    (Phase.FLOW, Step.GO_OUT): Phase.OUTSIDE,
    (Phase.TALKING, Step.GO_OUT): Phase.OUTSIDE,
    (Phase.ON_HOLD, Step.GO_OUT): Phase.OUTSIDE,
    (Phase.OUTSIDE, Step.LEAVE_QUEUE): Phase.FLOW,
    # Picked up by somebody whom the queue did not name.
    (Phase.WAITING, Step.GO_OUT): Phase.OUTSIDE,
    (Phase.OFFERED, Step.GO_OUT): Phase.OUTSIDE,
    (Phase.TALKING, Step.PARK): Phase.PARKED,
    (Phase.ON_HOLD, Step.PARK): Phase.PARKED,
    (Phase.OUTSIDE, Step.PARK): Phase.PARKED,
    (Phase.PARKED, Step.GO_OUT): Phase.OUTSIDE,
    **{(phase, Step.END): Phase.ENDED for phase in Phase if phase is not Phase.ENDED},
}


class IllegalStep(Exception):
    """A call was told something that its phase does not know."""

    def __init__(self, phase: Phase, step: Step) -> None:
        super().__init__(f"a call that is {phase} cannot {step}")
        self.phase = phase
        self.step = step


class Leg(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One use of a line by a call, from seizure or ringing to release."""

    id: int
    line: LineId
    port: PortId | None = None
    answered: float = 0.0
    """When the conversation on the leg stood; 0 before."""
    ref: str = ""
    """The driver's reference of it (SIP Call-ID)."""


# For the many calls of which there is nothing to say; never written to.
NOTHING: Final[dict[str, str]] = {}
NOBODY: Final[dict[int, Leg | None]] = {}


class Onward(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Somebody beyond the queues whom the caller is, or is to be, connected with."""

    to: str
    leg: Leg
    transfer: str = ""
    """What the driver calls the wish of the telephone that asked; empty for a flow's."""
    by_agent: bool = False
    after_agent: bool = False
    """The agent who asked has hung up; the caller hears it ring."""
    by: str = ""
    """Who moved the caller here: a login, a station, or empty for a flow."""
    way: str = ""
    """How: blind, attended, pick-up, park or direct."""
    replaces: str = ""
    """Dialog elsewhere that the call to the target takes over (RFC 3891)."""
    referred_by: str = ""
    asker: LineId = LineId("")
    """Line of who asked, where he has left already; else the agent did."""
    early: bool = False
    """Caller and target are joined already, for what the target's network says."""


class Consult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Somebody whom the agent asks while the caller waits (attended transfer)."""

    to: str
    leg: Leg
    by: str
    state: ConsultState = ConsultState.RINGS
    bridge: int = 0
    """Of agent and target, while they talk."""
    player: int = 0
    """What the target hears while the agent is with the caller, or the agent while it rings."""


class Guest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Somebody more in the conversation of caller and agent (conference)."""

    to: str
    leg: Leg
    by: str


class Parked(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where the caller rests."""

    slot: str
    by: str
    """Station of who parked him: it rings when nobody takes him back in time."""
    since: float
    state: ParkState = ParkState.RESTS
    returns: int = 0


class Direct(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A call that somebody inside began: at a telephone, or with a click."""

    station: str
    to: str
    state: DirectState = DirectState.TARGET_RINGS
    agent: int = 0
    """Key of who sits there: no calls are offered to him meanwhile."""
    by: str = ""
    """Login of who clicked."""


class Part(StrEnum):
    """What a supervisor does in a conversation that is not his."""

    LISTEN = "listen"
    """Nobody hears him."""
    WHISPER = "whisper"
    """The agent hears him, the caller does not."""
    BARGE = "barge"
    """Both hear him."""


class Supervision(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A supervisor whose station rings, or who is in the conversation."""

    login: str
    station: str
    part: Part
    leg: Leg


class OpenSegment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A segment that has begun and not ended."""

    id: int
    kind: str
    started: float
    leg: int = 0
    line: str = ""
    visit: int = 0
    queue: int = 0
    agent: int = 0
    detail: dict[str, str] = {}
    """Of those with somebody else: who moved the caller there, to whom, and how."""


class Visit(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The present stay in a queue."""

    id: int
    queue: int
    entered: float
    priority: int = 0
    offers: int = 0
    first_offer: float = 0.0
    answered: float = 0.0
    agent: int = 0
    talk_s: float = 0.0
    hold_s: float = 0.0
    closed: bool = False


class OpenRecording(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A recorder that runs in the media process."""

    id: int
    path: str
    kind: str
    started: float
    mailbox: str = ""
    paused: float = 0.0
    """Since when silence is recorded instead, as the agent wished; 0 while all is recorded."""
    part_of: int = 0
    """The first recording of the conversation, when media was started anew in it."""


class Call(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One call; this struct, written to the journal at each change, is all of its state."""

    id: int
    started: float
    caller: Leg
    agent_leg: Leg | None = None
    """That of the agent whom the caller talks to."""
    ringing: dict[int, Leg | None] = {}
    """By key, in order, the agents whose stations ring; None while a line is looked for."""
    onward: Onward | None = None
    supervision: Supervision | None = None
    """Lasts at most as long as caller and agent are joined."""
    consult: Consult | None = None
    guests: tuple[Guest, ...] = ()
    parked: Parked | None = None
    direct: Direct | None = None
    phase: Phase = Phase.RINGING
    since: float = 0.0
    """When the present phase began."""
    ani: str = ""
    ani_verbatim: str = ""
    dnis: str = ""
    name: str = ""
    redirecting: str = ""
    reason: str = ""
    language: str = "en"
    flow: str = ""
    flow_version: int = 0
    inputs: list[bytes] = []
    """What the flow was told so far, encoded: replayed after a restart."""
    path: list[str] = []
    data: dict[str, str] = {}
    queue: int = 0
    """Key of the last queue entered."""
    agent: int = 0
    """Key of the agent who took it, or took it last."""
    visit: Visit | None = None
    segments: dict[str, OpenSegment] = {}
    """By kind, and rings by agent as well: at most one of each is open."""
    recording: OpenRecording | None = None
    bridge: int = 0
    player: int = 0
    """What the caller hears; 0 when nothing plays."""
    answered: float = 0.0
    """When an agent answered first."""
    message_left: bool = False
    disposition: str = ""
    """How the call ended, as the agent says."""
    outcome: str = ""
    """How the last visit ended; decides the outcome of the call."""
    direction: str = "in"
    """``out`` for those that we called."""
    fax: int = 0
    """The fax that it is to send; 0 for none."""
    callback: int = 0
    """The call whose kept place this one is to take; 0 for none."""
    engaged: tuple[int, ...] = ()
    """Keys of agents who are in it although no queue has put them there."""
    restricted: bool = False
    """The caller withholds the number."""
    uui: str = ""
    """User-to-user information, passed on as it came (RFC 7433)."""
    headers: dict[str, str] = {}
    """Headers that the trunks' options let through, passed on as they came."""
    begun_by: str = ""
    """Number that called and gave the place to whom ``ani`` names; its flow knows this one."""
    hops: int = 70
    """How many more hops the call may take (Max-Forwards)."""

    def step(self, step: Step, now: float) -> None:
        """Move to the next phase; raise IllegalStep when the table has none."""
        try:
            phase = TABLE[self.phase, step]
        except KeyError:
            raise IllegalStep(self.phase, step) from None
        self.phase = phase
        self.since = now

    @property
    def in_queue(self) -> bool:
        """True while the caller waits, also while an agent's station rings."""
        return self.phase in (Phase.WAITING, Phase.OFFERED)

    @property
    def connected(self) -> bool:
        """True while caller and agent are joined."""
        return self.phase in (Phase.TALKING, Phase.ON_HOLD)

    @property
    def agents(self) -> tuple[int, ...]:
        """Keys of the agent who has the call, and of those whose stations ring for it."""
        return (*((self.agent,) if self.connected else ()), *self.ringing)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Every leg, the caller's first."""
        legs = [self.caller]
        if self.agent_leg is not None:
            legs.append(self.agent_leg)
        if self.ringing:
            legs += [leg for leg in self.ringing.values() if leg is not None]
        if self.onward is not None:
            legs.append(self.onward.leg)
        if self.supervision is not None:
            legs.append(self.supervision.leg)
        if self.consult is not None:
            legs.append(self.consult.leg)
        legs += [guest.leg for guest in self.guests]
        return tuple(legs)

    @property
    def partners(self) -> tuple[Leg, ...]:
        """Legs beside the caller's that stand: of those who talk with him, or listen."""
        parts = (self.onward, self.supervision, self.consult, *self.guests)
        beside = [each.leg for each in parts if each is not None]
        standing = (leg for leg in beside if leg.answered)
        return (*((self.agent_leg,) if self.agent_leg is not None else ()), *standing)

    def let_go(self) -> None:
        """Forget everybody but the caller."""
        self.agent_leg = self.onward = self.supervision = self.consult = None
        self.guests = ()

    def rings_no_more(self, agent: int) -> Leg | None:
        """Take an agent off those whose stations ring, and give his leg back."""
        leg = self.ringing.get(agent)
        # Made anew: a dict that was emptied keeps its room for as long as the call lasts.
        self.ringing = {who: rung for who, rung in self.ringing.items() if who != agent} or NOBODY
        return leg

    def rung_on(self, line: LineId) -> int:
        """Key of the agent whose station rings on a line; 0 for none."""
        for agent, leg in self.ringing.items():
            if leg is not None and leg.line == line:
                return agent
        return 0


def ring_of(agent: int) -> str:
    """Under which name the segment of a ringing agent is kept."""
    return f"ring/{agent}"


def outcome_of(call: Call, *, failed: bool) -> str:
    """The outcome of a call that ends; ``failed``: a line or one of us broke down."""
    if call.answered:
        return "answered"
    if call.message_left:
        return "voicemail"
    if call.outcome:
        return call.outcome
    return "failed" if failed or not call.caller.answered else "ivr_contained"


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Call] = msgspec.msgpack.Decoder(Call)


def encode_call(call: Call) -> bytes:
    """Write the state of a call for the journal."""
    return _encoder.encode(call)


def decode_call(data: bytes) -> Call:
    """Read what ``encode_call`` wrote; raise msgspec.DecodeError on anything else."""
    return _decoder.decode(data)
