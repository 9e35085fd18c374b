"""What one call needs of the control process, what its parts share, what people may ask of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol
from weakref import ref

from structlog.typing import FilteringBoundLogger as BoundLogger

from acd_core.ids import AgentId, SkillId, TierId, to_text
from daemon.config import AudioOptions, OutgoingOptions
from daemon.control.acd_runner import AcdRunner
from daemon.control.alarms.disk import DiskWatch
from daemon.control.audio.caller_ears import CallerEars
from daemon.control.calls.call import Call, Part
from daemon.control.calls.moves.asking import CallRequest, Moving
from daemon.control.calls.parts.quiet_calls import QuietCalls
from daemon.control.calls.places import KeptPlaces
from daemon.control.dial_plan import Target
from daemon.control.facade.directory import QueueInfo
from daemon.control.flows.active import FlowSource
from daemon.control.flows.faxing import Faxes
from daemon.control.flows.hooks import CallMedia, Listener
from daemon.control.flows.prompts import Prompts
from daemon.control.mailboxes.mailboxes import Mailboxes
from daemon.control.records import Records
from drivers.api import Line, LineId, PortId, Transfers
from drivers.ctilink.details import CallDetail

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife
    from daemon.control.calls.parts.told import CallInput, ToldCall


class HangUpRequest(CallRequest, frozen=True, kw_only=True):
    """End the call; ``by`` is caller, agent or system."""

    by: str = "system"


class HoldRequest(CallRequest, frozen=True, kw_only=True):
    """Put the caller on hold, or take the call back."""

    on: bool


class TransferRequest(CallRequest, frozen=True, kw_only=True):
    """Connect the caller with somebody else, and let the agent go when it answers."""

    to: str


class PauseRecordingRequest(CallRequest, frozen=True, kw_only=True):
    """Record silence instead of the conversation, or the conversation again."""

    on: bool
    done: asyncio.Future[bool]
    """Whether it is so; False when nothing is recorded, or media does not do it."""


class SupervisingRequest(CallRequest, frozen=True, kw_only=True):
    """Base of what concerns the supervisor of a conversation."""


class SuperviseRequest(SupervisingRequest, frozen=True, kw_only=True):
    """Ring a supervisor's station and let him in when he answers; or change his part."""

    login: str
    station: str
    part: Part


class StopSupervisingRequest(SupervisingRequest, frozen=True, kw_only=True):
    """Let the supervisor's station go."""


class SupervisorDue(SupervisingRequest, frozen=True, kw_only=True):
    """The supervisor's station rang long enough."""

    leg: int


class BridgingMedia(CallMedia, Protocol):
    """The part of the link to media that a call needs."""

    def bridge(self, bridge: int, a: PortId, b: PortId) -> Awaitable[None]: ...
    def unbridge(self, bridge: int) -> Awaitable[None]: ...
    def join(
        self, bridge: int, port: PortId, *, part: str = "talks", agent: PortId | None = None
    ) -> Awaitable[None]: ...
    def record(
        self,
        recording: int,
        port: PortId,
        path_relative: str,
        *,
        stereo: bool,
        max_s: float = 0.0,
        silence_s: float = 0.0,
        chain: bool = False,
        tone_s: float = 0.0,
    ) -> Awaitable[None]: ...
    def host(self, host: str, payload: bytes) -> Awaitable[bytes]: ...
    def pause_record(self, recording: int, *, on: bool) -> Awaitable[None]: ...
    def hear_caller(self, port: PortId, *, on: bool) -> Awaitable[None]: ...
    def attend(self, port: PortId, *, level: bool, speaker: bool = False) -> Awaitable[None]: ...


class EndingCall(Protocol):
    """A call's life, as the controller sees it."""

    call: Call


class CallContext(Moving, Protocol):
    """The control process as one call sees it."""

    log: BoundLogger
    clock: Callable[[], float]
    ids: Callable[[], int]
    acd: AcdRunner
    listener: Listener
    prompts: Prompts
    records: Records
    flows: FlowSource
    places: KeptPlaces
    quiet: QuietCalls
    faxes: Faxes
    mailboxes: Mailboxes
    outgoing: OutgoingOptions
    disk: DiskWatch
    audio: AudioOptions
    callers: CallerEars
    speaking: dict[int, tuple[str, ...]]
    """By call, who speaks now."""

    @property
    def media(self) -> BridgingMedia:
        """The link to media."""

    def line(self, line: LineId) -> Line:
        """A line by its name; DriverError when it is gone."""

    async def call_detail(self, line: LineId) -> CallDetail | None:
        """What a serial link tells of the call ringing on a board port."""

    def station_line(self, station: str) -> Line:
        """A line towards a station; DriverError when it cannot be reached."""

    def watch(self, line: LineId, life: "EndingCall | None") -> None:
        """Send the events of a line to this call from now on; None sends them to nobody."""

    def watched(self, line: LineId) -> bool:
        """Whether we have not read yet that the last call on a line is over."""

    def is_station(self, name: str) -> bool:
        """Whether agents may sit at a station of this name."""

    def free_trunk(self) -> Line | None:
        """A trunk line on which we may call somebody now."""

    def transfers(self, call: Call) -> Transfers | None:
        """Whom to tell how a transfer goes that the agent's telephone asked for."""

    def find_target(self, dnis: str) -> Target | None:
        """What a called number leads to now."""

    def admits(self, call: Call) -> bool:
        """Whether a call that rings may be answered."""

    def tier(self, ani: str) -> TierId | None:
        """The green channel of a calling number, if it has one."""

    def queue(self, slug: str) -> QueueInfo | None:
        """A queue that takes calls, by its slug."""

    def queue_by_key(self, key: int) -> QueueInfo | None:
        """A queue by its key."""

    def records_queue(self, key: int) -> bool:
        """Whether conversations of a queue are recorded."""

    def skill(self, slug: str) -> SkillId | None:
        """A skill by its name."""

    def last_agent(self, ani: str) -> AgentId | None:
        """Who served this caller last."""

    def remember_agent(self, call: Call) -> None:
        """The call's agent has served its caller."""

    def station_lost(self, agent: int) -> bool:
        """The agent's station did not answer to us; True when the offer is taken back."""

    def message_lamp(self, mailbox: str, *, on: bool) -> None:
        """Light or darken the message lamp of a station."""

    def keep(self, call: Call) -> None:
        """Journal the call as it is now, and show it."""

    def changed(self, call: Call) -> None:
        """Show the call as it is now."""

    def wake(self, life: "ToldCall") -> None:
        """Something happened on a call that rests."""

    def ended(self, life: "EndingCall") -> None:
        """The call is over."""


class CallPart:
    """A part of one call's life, which holds its parts; they do not hold it in turn.

    So a call is freed when its life ends, and not when the collector looks for cycles next: in
    a flood that is half a minute later.
    """

    __slots__ = ("_context", "_life_ref", "call")

    def __init__(self, life: "CallLife", context: CallContext) -> None:
        self.call = life.call
        self._context = context
        self._life_ref = ref(life)

    @property
    def is_spare(self) -> bool:
        """Whether it knows nothing by itself, so that another one may be made later."""
        return True

    @property
    def _log(self) -> BoundLogger:
        return log_of(self.call, self._context)

    @property
    def _life(self) -> "CallLife":
        """The life; it stands while it runs, and as long as somebody asks something of it."""
        life = self._life_ref()
        if life is None:
            raise ReferenceError(f"call {self.call.id} ended, and its life is gone")
        return life

    def _tell_in(self, delay_s: float, happened: "CallInput") -> None:
        """Put something into the call's queue later, unless its life is over by then."""
        asyncio.get_running_loop().call_later(delay_s, _tell, self._life_ref, happened)


def log_of(call: Call, context: CallContext) -> BoundLogger:
    """A log that names the call: made for each thing said, for a call says little and lasts."""
    return context.log.bind(call=to_text(call.id), line=call.caller.line)


def _tell(life_ref: "ref[CallLife]", happened: "CallInput") -> None:
    life = life_ref()
    if life is not None:
        life.tell(happened)
