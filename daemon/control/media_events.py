"""What media tells, passed on to the call or the board that it concerns."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final, Protocol

import structlog

from daemon.control.alarms.disk import DiskWatch
from daemon.control.audio.caller_ears import CallerEars
from daemon.control.calls.call import Call, Leg
from daemon.control.calls.context import BridgingMedia
from daemon.control.calls.life import CallLife
from daemon.control.flows.faxing import Faxes
from daemon.control.flows.prompts import Prompts
from daemon.control.line_table import LineTable
from daemon.control.records import Records
from daemon.control.remote_driver import RemoteDriver
from daemon.fax import messages as fax
from daemon.link.messages import (
    CUT_OFF,
    CallerHeard,
    DigitDetected,
    DtlsChanged,
    EventsLost,
    HostEvent,
    MediaEvent,
    MediaRestarted,
    PlayFinished,
    RecordFinished,
    Snapshot,
    SpeakerChanged,
    SpeechStarted,
    StreamEnded,
)
from daemon.recordings.audio_file import Left, what_is_left
from drivers.api import PortId, RestartedAudio
from drivers.errors import DriverError
from drivers.events import Cause, LineDown

log = structlog.get_logger()

NO_PORT: Final = PortId(0)
NOBODY: Final = (0, None)
OF_CALLERS: Final = frozenset((DigitDetected, PlayFinished, SpeechStarted))
"""What comes all the time, and concerns the call of its port alone."""
MOST_LEGS: Final = 20_000
NO_KEYS: Final = ("failed", "closed")


class EventfulMedia(BridgingMedia, Protocol):
    """The link to media with its events."""

    def events(self) -> AsyncIterator[MediaEvent]:
        """Every event once and in order."""

    async def snapshot(self) -> Snapshot:
        """What media holds now."""


class Hearing(Protocol):
    """The control process, as far as events of media concern it."""

    media: EventfulMedia
    records: Records
    lines: LineTable
    prompts: Prompts
    calls: dict[int, CallLife]
    dirty: asyncio.Event
    streams: Counter[str]
    disk: DiskWatch
    callers: CallerEars
    faxes: Faxes


class MediaEvents:
    """Reads the events of media; which call owns which port is known here."""

    def __init__(self, control: Hearing) -> None:
        self.ports: dict[PortId, CallLife] = {}
        self._legs: dict[PortId, tuple[int, Leg]] = {}
        """The call and leg of each port; figures come when the call may be over."""
        self._control = control
        self._hosted = {
            item.driver.name: item.driver
            for item in control.lines.drivers
            if isinstance(item.driver, RemoteDriver)
        }

    async def run(self) -> None:
        """Pass on every event until cancelled."""
        control = self._control
        async for event in control.media.events():
            if type(event) in OF_CALLERS:
                self._tell_port(event.port, event)  # type: ignore[attr-defined]
                continue
            match event:
                case RecordFinished(recording=recording):
                    left = Left(event.duration_ms, event.chain, event.paused_ms)
                    control.records.recording_finished(recording, left, event.gap_ms)
                    control.disk.recorded(event)
                    self._tell_port(event.port, event)
                    control.dirty.set()
                case DtlsChanged(port=port):
                    await self._dtls_changed(port, event)
                case StreamEnded(port=port):
                    self._stream_ended(port, event)
                case CallerHeard(port=port):
                    if control.callers.heard(event) is not None:
                        self._tell_port(port, event)
                case SpeakerChanged(port=port):
                    life = control.calls.get(self._legs[port][0]) if port in self._legs else None
                    if life is not None:
                        life.tell(event)
                case HostEvent(host=host, payload=payload):
                    if host == fax.HOST:
                        control.faxes.media_event(payload)
                    elif host in self._hosted:
                        self._hosted[host].happened(payload)
                case MediaRestarted() | EventsLost():
                    restarted = isinstance(event, MediaRestarted)
                    if isinstance(event, MediaRestarted):
                        await self._media_restarted(event)
                    else:
                        await self._events_lost(event)
                    for driver in self._hosted.values():
                        await _resync(driver, restarted=restarted)
                case _:
                    self._tell_port(getattr(event, "port", NO_PORT), event)

    def follow(self, life: CallLife) -> None:
        """Know a call's legs by their ports, and that the caller's port is this call's."""
        call = life.call
        caller, agent = call.caller, call.agent_leg
        if caller.port is not None:
            self.ports[caller.port] = life
            self.own(call, caller)
        if agent is not None:
            self.own(call, agent)
        for leg in call.ringing.values():
            if leg is not None and leg.port is not None:
                self.own(call, leg)
        # An agent who reads his own calls is not to learn of who supervises.
        if call.onward or call.consult or call.guests:
            for part in (call.onward, call.consult, *call.guests):
                if part is not None:
                    self.own(call, part.leg)

    def own(self, call: Call, leg: Leg) -> None:
        """Know a leg by its port, until the figures of its stream have come."""
        if leg.port is not None and self._legs.get(leg.port, NOBODY)[1] is not leg:
            self._legs[leg.port] = (call.id, leg)
            if len(self._legs) > MOST_LEGS:
                # Ports of boards have no stream, so nothing takes them away.
                del self._legs[next(iter(self._legs))]

    def _stream_ended(self, port: PortId, ended: StreamEnded) -> None:
        sums = self._control.streams
        sums["streams"] += 1
        sums["packets_in"] += ended.packets_in
        sums["packets_out"] += ended.packets_out
        sums["lost"] += ended.lost
        sums["late"] += ended.late
        owner = self._legs.pop(port, None)
        if owner is not None:
            self._control.records.stream(*owner, ended)

    async def _dtls_changed(self, port: PortId, event: DtlsChanged) -> None:
        """A leg whose handshake failed, or whose peer said goodbye, has no audio: it ends."""
        number, leg = self._legs.get(port, (0, None))
        line = None if leg is None else leg.line
        log.info("keys by DTLS", line=line, port=port, state=event.state, detail=event.detail)
        life = self._control.calls.get(number)
        if event.state in NO_KEYS and life is not None and leg is not None:
            await self._leg_ends(life, leg, f"DTLS {event.state} {event.detail}".rstrip())

    def _tell_port(self, port: PortId, event: MediaEvent) -> None:
        life = self.ports.get(port)
        if life is not None:
            life.tell(event)

    async def _media_restarted(self, event: MediaRestarted) -> None:
        """The link has brought back what media held; here is what it cannot.

        Recordings go on in files of their own, keys are agreed anew, and a leg whose UDP port
        somebody else took ends. Boards tell of their calls themselves.
        """
        control, lost = self._control, set(event.lost)
        control.faxes.media_restarted()
        calls = len(control.calls)
        log.error("media process restarted", calls=calls, ports_lost=len(lost))
        paths = {row.id: row.path for row in control.records.open_recordings()}
        cut = {number: (path, self._what_is_left(path)) for number, path in paths.items()}
        for life in tuple(control.calls.values()):
            recording = life.call.recording
            if recording is not None and recording.id in cut:
                path, left = cut.pop(recording.id)
                control.records.recording_finished(recording.id, left)
                life.tell(_ended(recording.id, life.call.caller.port, path, left, CUT_OFF))
            life.tell(event)
            for leg in life.call.legs:
                await self._leg_restarted(life, leg, lost)
        for number, (_, left) in cut.items():
            control.records.recording_finished(number, left)
        control.dirty.set()

    async def _events_lost(self, event: EventsLost) -> None:
        """Find out what ended with them: faxes, keys, and recordings that media holds no longer.

        The link has told of players and ports already; taps say themselves that they are closed.
        """
        control = self._control
        log.error("events of media were lost", missed=event.missed)
        await control.faxes.events_lost()
        rows = {row.id: row.path for row in control.records.open_recordings()}
        try:
            found = await control.media.snapshot()
        except DriverError as error:
            log.warning("recordings are not looked for", why=str(error))
            return
        for held in found.ports:
            if held.dtls in NO_KEYS:
                await self._dtls_changed(held.port, DtlsChanged(port=held.port, state=held.dtls))
        lives = {
            life.call.recording.id: life for life in control.calls.values() if life.call.recording
        }
        for number in rows.keys() - {state.recording for state in found.recordings}:
            left = await asyncio.to_thread(self._what_is_left, rows[number])
            control.records.recording_finished(number, left)
            if number in lives:
                port = lives[number].call.caller.port
                lives[number].tell(_ended(number, port, rows[number], left, "unknown"))
        control.dirty.set()

    def _what_is_left(self, path: str) -> Left:
        return what_is_left(self._control.prompts.site / path)

    async def _leg_restarted(self, life: CallLife, leg: Leg, lost: set[PortId]) -> None:
        self.own(life.call, leg)
        if leg.port in lost:
            await self._leg_ends(life, leg, "media process restarted, its audio port is taken")
            return
        try:
            line = self._control.lines.line(leg.line)
            if isinstance(line, RestartedAudio):
                await line.audio_restarted()
        except DriverError as error:
            log.warning("leg is not set up anew", line=leg.line, why=str(error))

    async def _leg_ends(self, life: CallLife, leg: Leg, why: str) -> None:
        """A leg has lost its audio for good."""
        try:
            line = self._control.lines.line(leg.line)
            if line.port != leg.port:
                return  # it is over already, and the line may carry another call
            log.error("leg has no audio any more", line=leg.line, port=leg.port, why=why)
            life.tell(LineDown(line=leg.line, reason=why))
            # The caller's own line is released by the end of the call.
            if leg.line != life.call.caller.line:
                await line.release(Cause.RESOURCE_UNAVAILABLE)
        except DriverError as error:
            log.warning("line cannot be released", line=leg.line, why=str(error))


def _ended(
    recording: int, port: PortId | None, path: str, left: Left, reason: str
) -> RecordFinished:
    """What a call hears of its recording whose end media did not tell."""
    return RecordFinished(
        recording=recording,
        port=port or NO_PORT,
        path=path,
        duration_ms=left.duration_ms,
        reason=reason,
        chain=left.chain,
        paused_ms=left.paused_ms,
    )


async def _resync(driver: RemoteDriver, *, restarted: bool) -> None:
    try:
        await driver.resync(restarted=restarted)
    except DriverError as error:
        log.error("lines of a board are not known", driver=driver.name, why=str(error))
