"""Audio ports on top of the engine, and what drivers that run in media get of it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import asdict

from cython_ext.media import EngineError
from daemon.link import commands as ask
from daemon.link import messages as told
from daemon.link.errors import MediaRefused
from daemon.link.frames import COMMANDS
from daemon.link.messages import Command, MediaEvent
from daemon.link.server import Carried
from daemon.media.events import event_of
from daemon.media.files import SiteFiles
from daemon.media.holding import (
    HOLD_CADENCE,
    HOLD_LEVEL,
    HOLD_PLAYER,
    HOLD_TONE,
    Holding,
)
from daemon.media.host_services import ServicesOf
from daemon.media.options import MediaOptions
from daemon.media.picture import take_picture
from daemon.media.recordings import DiskTrouble
from daemon.media.rtp_ports import RtpPorts
from drivers.api import PortId

if TYPE_CHECKING:  # in pure mode there is no engine, yet drivers are tested
    from cython_ext.media import Engine, Event

CODINGS: Final = {"pcm16": "s16", "alaw": "A", "ulaw": "U"}
DONE: Final = Carried(told.Done())
_CLAIMED: Final = {
    kind: tuple(name for name in ("port", "a", "b") if name in kind.__struct_fields__)
    for kind in COMMANDS
}
"""The fields of a command that name a port: whoever steers a port has claimed it."""


class Host(Protocol):
    """A driver that runs in the media process, because it holds a device with audio."""

    name: str
    """The driver's name in the site's configuration; commands are addressed by it."""

    async def open(self, services: "HostServices") -> None:
        """Start; a device that is missing is retried inside, not raised."""

    async def handle(self, payload: bytes) -> bytes:
        """Answer a HostCommand; a failure is told inside the answer."""

    def device_event(self, port: PortId, kind: str, value: int) -> None:
        """Hear of a port: ``event`` (the board wants to be asked) or ``lost``."""

    async def control_gone(self) -> None:
        """Release calls: no control process has come back within the grace time."""

    async def close(self) -> None:
        """Release every line and device; safe to call twice."""


class HostServices(Protocol):
    """What the media process does for a host."""

    def emit(self, payload: bytes) -> None:
        """Send a numbered HostEvent to control, also when control is away for now."""

    def open_device(self, port: PortId, fd: int, law: str, *, digits: str = "inband") -> None:
        """Make a descriptor with 20 ms chunks an audio port; the descriptor is duplicated.

        ``law`` is A, U (160-byte chunks) or s16 (320-byte chunks); ``digits`` is inband, or
        device when the hardware reports keys. Such a port is never closed by media itself.
        """

    def play(self, command: ask.PlayCaller | ask.PlayTone) -> None:
        """Play to a port of the host's; MediaRefused when that cannot be."""

    def heard_by(self, port: PortId) -> Mapping[str, float]:
        """Counters of the one whom a port hears in its bridge; nothing where it is alone."""

    def close(self, port: PortId) -> None:
        """Give a port back; closing twice is harmless."""


class Ports:
    """Carries out what control asks of the engine, and tells what the engine reports."""

    def __init__(
        self,
        engine: "Engine",
        files: SiteFiles,
        options: MediaOptions,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._files = files
        self._options = options
        self._clock = clock
        self._rtp = RtpPorts(engine, options)
        self.holding = Holding(options.grace_s)
        self._hosts: dict[str, Host] = {}
        self._host_of: dict[PortId, Host] = {}
        self._picture: list[told.Snapshot] = []
        self._disk = DiskTrouble()
        self._said_while_away: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.emit: Callable[[MediaEvent], None] = lambda _event: None
        self.last_event: Callable[[], int] = lambda: 0
        self._perform: dict[type[Command], Callable[..., told.Reply | Carried | None]] = {
            ask.OpenRtp: self._open_rtp,
            ask.ConnectRtp: self._rtp.connect,
            ask.GrantPorts: lambda c: self._rtp.grant(c.count),
            ask.OpenDtls: self._open_dtls,
            ask.ConnectDtls: lambda c: engine.connect_dtls(**asdict(c)),
            ask.ClosePort: lambda c: self.close(c.port),
            ask.SendDigits: lambda c: engine.send_digits(c.port, c.digits),
            ask.Play: self._play,
            ask.PlayTone: lambda c: engine.play_tone(**asdict(c)),
            ask.StopPlay: lambda c: engine.stop_play(c.player),
            ask.SeekPlay: lambda c: engine.seek_play(c.player, c.ms, relative=c.relative),
            ask.SetSpeed: lambda c: engine.set_speed(c.player, c.speed),
            ask.SetRepeat: lambda c: engine.set_repeat(c.player, c.repeat),
            ask.Bridge: self._bridge,
            ask.Join: lambda c: engine.join(c.bridge, c.port, part=c.part, agent=c.agent or None),
            ask.Leave: lambda c: engine.leave(c.port),
            ask.SetGain: lambda c: engine.set_gain(c.bridge, c.heard, c.by, c.gain_db),
            ask.Unbridge: lambda c: engine.unbridge(c.bridge),
            ask.StartRecording: self._record,
            ask.WatchFax: lambda c: engine.watch_fax(c.port, on=c.on),
            ask.HearCaller: lambda c: engine.hear_caller(c.port, on=c.on),
            ask.PlayCaller: lambda c: engine.play_caller(
                c.port, c.player, c.message, standard=c.standard, level_dbm0=c.level_dbm0
            ),
            ask.PauseRecording: lambda c: engine.pause_record(c.recording, on=c.on),
            ask.StopRecording: lambda c: engine.stop_record(c.recording),
            ask.OpenTap: self._tap,
            ask.CopyPackets: self._tap,
            ask.EndCopies: lambda c: engine.end_copies(c.port),
            ask.CloseTap: lambda c: engine.untap(c.port, rate=c.rate),
            ask.ArmBargeIn: lambda c: engine.arm_barge_in(c.port, on=c.on),
            ask.Attend: lambda c: engine.attend(c.port, level=c.level, speaker=c.speaker),
            ask.Claim: self._claim,
            ask.SayWhileAway: self._say_while_away,
            ask.TakeSnapshot: self._snapshot,
            ask.ReadCounters: self._counters,
        }

    def add_host(self, host: "Host") -> "HostServices":
        """Make a host known and return what it may use."""
        self._hosts[host.name] = host
        return ServicesOf(self, host)

    def carry_out(self, command: Command) -> Carried:
        """Carry out a command at once; MediaRefused when that cannot be."""
        if self.holding.waits_for_claims:
            for name in _CLAIMED[type(command)]:
                self.holding.claim(getattr(command, name))
        try:
            done = self._perform[type(command)](command)
        except EngineError as error:
            raise MediaRefused(error.code, str(error)) from error
        except FileExistsError as error:
            raise MediaRefused("exists", f"there is already a file {error.filename}") from error
        except OSError as error:
            raise MediaRefused("system", str(error)) from error
        if done is None:
            return DONE
        return done if isinstance(done, Carried) else Carried(done)

    async def ask_host(self, command: ask.HostCommand) -> told.HostAnswer:
        """Pass a request to a driver that runs here."""
        host = self._hosts.get(command.host)
        if host is None:
            raise MediaRefused("unknown-host", f"no driver {command.host!r} runs in media")
        return told.HostAnswer(payload=await host.handle(command.payload))

    def control_came(self, *, same: bool) -> None:
        """Control is there: it hears for itself what its callers hear."""
        self.holding.control_came(self._clock(), same=same)
        for player, _ in self._engine.players():
            if player & HOLD_PLAYER:
                self._engine.stop_play(player)

    def control_went(self) -> None:
        """Control is away; the deadlines of its absence run, and its grants end."""
        self._rtp.end_grants()
        opened = (PortId(port) for port, kind, *_ in self._engine.ports() if kind == "rtp")
        self.holding.control_went(self._clock(), opened)

    def review_grants(self) -> None:
        """Withdraw what was granted and should not be used any more."""
        if withdrawn := self._rtp.withdraw():
            self.emit(told.PortsWithdrawn(ports=withdrawn))

    def absent(self, now: float) -> None:
        """Do what is due while control is away or has not claimed everything."""
        if self.holding.tone_due(now):
            self._hold()
        lost = self.holding.due_for_closing(now)
        if lost is None:
            return
        for port in lost:
            self._engine.close(port)
            self.emit(told.PortClosed(port=port, reason="unclaimed"))
        if self.holding.away:
            for host in self._hosts.values():
                self._spawn(host)

    def _spawn(self, host: "Host") -> None:
        task = asyncio.get_running_loop().create_task(host.control_gone(), name="control-gone")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _say_while_away(self, command: ask.SayWhileAway) -> None:
        self._said_while_away = [self._files.prompt(path) for path in command.files]

    def _hold(self) -> None:
        """Tell callers who hear nothing that the line is alive: by what is to be said, else a beep."""
        busy = {port for _, port in self._engine.players()}
        bridges = (ports for _, ports in self._engine.bridges())
        busy |= {port for ports in bridges if len(ports) > 1 for port in ports}
        for port, *_ in self._engine.ports():
            if port in busy:
                continue
            try:
                self._engine.play(port, HOLD_PLAYER | port, self._said_while_away)
            except (EngineError, OSError):  # nothing is to be said, or it is gone from the cache
                self._beep(port)

    def _beep(self, port: int) -> None:
        self._engine.play_tone(
            port, HOLD_PLAYER | port, [HOLD_TONE], list(HOLD_CADENCE), level_dbm0=HOLD_LEVEL
        )

    def open_device(self, host: "Host", port: PortId, fd: int, law: str, *, digits: str) -> None:
        """Make a host's descriptor an audio port; EngineError when that cannot be."""
        self._engine.open_device(port, fd, law, digits=digits)
        self._host_of[port] = host

    def close(self, port: PortId) -> None:
        """Give a port back."""
        self._engine.close(port)
        self._host_of.pop(port, None)
        self.holding.closed(port)

    def heard_by(self, port: PortId) -> Mapping[str, float]:
        """Counters of the one whom a port hears."""
        return self._engine.heard_by(port)

    def happened(self) -> None:
        """Hear what the engine has to report."""
        self.tell(self._engine.poll())

    def tell(self, events: "list[Event]") -> None:
        """Tell control, and hosts, what the engine reported."""
        for event in events:
            message = event_of(event, self._files.relative)
            match message:
                case told.PlayFinished(player=player) if player & HOLD_PLAYER:
                    self._hold_ended(message)
                    continue
                case told.DeviceEvent(port=port) if port in self._host_of:
                    self._host_of[port].device_event(port, message.kind, message.value)
                case told.RecordFinished(recording=number):
                    self._files.finished(number)
                    self._disk.finished(number, message.gap_ms, message.reason)
            self.emit(message)

    def _hold_ended(self, ended: told.PlayFinished) -> None:
        if ended.reason == "finished" and self.holding.away and self._engine.has_port(ended.port):
            self._beep(ended.port)

    def _open_rtp(self, command: ask.OpenRtp) -> told.RtpOpened | None:
        opened = self._rtp.open(command)
        return None if command.granted else opened  # control knows where it is

    def _open_dtls(self, command: ask.OpenDtls) -> told.DtlsOpened:
        return told.DtlsOpened(**self._engine.open_dtls(**asdict(command))._asdict())

    def _play(self, command: ask.Play) -> None:
        files = [self._files.prompt(path) for path in command.files]
        self._engine.play(**{**asdict(command), "files": files})

    def _bridge(self, command: ask.Bridge) -> None:
        for port in (command.a, command.b):
            if not self._engine.has_port(port):
                raise EngineError("unknown-port", f"no audio port {port} is open")
        self._engine.join(command.bridge, command.a)
        self._engine.join(command.bridge, command.b)

    def _record(self, command: ask.StartRecording) -> None:
        law = CODINGS.get(command.coding)
        if law is None:
            raise MediaRefused("codec", f"nothing is recorded as {command.coding!r}")
        path = self._files.recording(command.path)
        self._engine.record(
            command.recording,
            command.port,
            path,
            stereo=command.stereo,
            max_s=command.max_s,
            silence_s=command.silence_s,
            law=law,
            chain=command.chain,
            tone_s=command.tone_s,
        )
        self._files.started(command.recording, path)

    def _tap(self, command: ask.OpenTap | ask.CopyPackets) -> Carried:
        if isinstance(command, ask.OpenTap):
            memfd, event, capacity = self._engine.tap(command.port, rate=command.rate)
        else:
            memfd, event, capacity = self._engine.copies(command.port)
        return Carried(told.TapOpened(capacity=capacity), (memfd, event))

    def _claim(self, command: ask.Claim) -> None:
        for port in command.ports:
            self.holding.claim(port)

    def _counters(self, command: ask.ReadCounters) -> told.Counters:
        engine = self._engine
        if command.port:
            found = engine.port_counters(command.port)
        else:
            found = {**engine.counters(), **self._disk.counters()}
            found["ports_refused_overload"] = self._rtp.shed
        return told.Counters(values=tuple(found.items()))

    def _snapshot(self, command: ask.TakeSnapshot) -> told.Snapshot:
        if command.page == 0:
            self._picture = take_picture(
                self._engine,
                last_event=self.last_event(),
                claimed=self.holding.is_claimed,
                relative=self._files.relative,
            )
        if command.page >= len(self._picture):
            raise MediaRefused("page", f"the snapshot has no page {command.page}")
        return self._picture[command.page]
