"""The media process as control sees it, made of memory: what plays ends when a test says so."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import msgspec

from daemon.link.errors import LinkError, MediaRefused
from daemon.link.messages import (
    BridgeState,
    DigitDetected,
    DtlsChanged,
    EventsLost,
    HostEvent,
    MediaEvent,
    MediaRestarted,
    PlayerState,
    PlayFinished,
    PortState,
    RecordFinished,
    RecordingState,
    Snapshot,
    SpeakerChanged,
    SpeechStarted,
    StreamEnded,
)
from daemon.link.packets import nothing
from drivers.api import PortId, RtpAddress, RtpFormat, RtpStream
from tests.fakes.fax_host import FakeFaxHost, FaxWatch


class Playing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a caller hears."""

    player: int
    port: PortId
    files: tuple[str, ...] = ()
    tone: tuple[tuple[float, float], ...] = ()
    repeat: int = 1
    start_ms: int = 0
    speed: float = 1.0


class Recorder(msgspec.Struct, frozen=True, kw_only=True):
    """A recording in progress."""

    recording: int
    port: PortId
    path: str
    stereo: bool
    max_s: float
    silence_s: float
    started: float
    chain: bool = False
    tone_s: float = 0.0


class FakeTap(msgspec.Struct, frozen=True):
    """The two descriptors of a tap; whoever gets them closes them."""

    memfd: int
    eventfd: int


class FakeMedia(FaxWatch):
    """Ports, players, recorders and bridges; ``played`` and ``recorded`` keep all of them."""

    def __init__(self) -> None:
        self.ports: set[PortId] = set()
        self.players: dict[int, Playing] = {}
        self.played: list[Playing] = []
        self.steered: list[tuple[str, float]] = []
        """What players were told: by or to how many ms, or the speed."""
        self.recorders: dict[int, Recorder] = {}
        self.recorded: list[Recorder] = []
        self.pauses: dict[int, float] = {}
        """Since when those recordings are silent that are paused."""
        self.paused_s: dict[int, float] = {}
        self.bridges: dict[int, frozenset[PortId]] = {}
        self.bridged: list[frozenset[PortId]] = []
        self.parts: dict[PortId, tuple[int, str, PortId | None]] = {}
        """Of those who joined a bridge: which, in what part, and who hears a whisper."""
        self.armed: set[PortId] = set()
        self.attended: dict[PortId, tuple[bool, bool]] = {}
        """Level and speaker, of ports that either was asked for."""
        self.ever_attended = False
        self.taps: set[PortId] = set()
        self.claimed: list[PortId] = []
        self.digits: list[tuple[PortId, str]] = []
        self.settle: Callable[[], None] = nothing
        """Called before anything is asked of media."""
        self.faults: dict[str, LinkError] = {}
        """What a request raises, by its name, until it is taken away."""
        self._events: asyncio.Queue[MediaEvent] = asyncio.Queue()
        self._number = 0
        self.dtls: dict[PortId, str] = {}
        self.unheard: int | None = None
        """Events that control has lost, while it loses them."""
        self._last_port = 0
        self.faxes = FakeFaxHost(
            self._new_port, lambda payload: self._tell(HostEvent(host="fax", payload=payload))
        )

    def _new_port(self) -> PortId:
        self._last_port += 1
        self.ports.add(PortId(self._last_port))
        return PortId(self._last_port)

    # AudioPorts

    async def open_rtp(self, to: RtpStream | None = None) -> tuple[PortId, RtpAddress]:
        self._fail("open_rtp")
        self._last_port += 1
        port = PortId(self._last_port)
        self.ports.add(port)
        return port, RtpAddress("127.0.0.1", 40_000 + self._last_port)

    async def connect_rtp(self, port: PortId, remote: RtpAddress, fmt: RtpFormat) -> None:
        self._known(port)

    async def close(self, port: PortId) -> None:
        self.ports.discard(port)
        self._end_players(port, "closed")
        for recorder in [each for each in self.recorders.values() if each.port == port]:
            self._end_record(recorder, "closed")
        self.parts.pop(port, None)
        self.bridges = {key: both for key, both in self.bridges.items() if port not in both}
        self.armed.discard(port)
        self.attended.pop(port, None)
        self.taps.discard(port)

    async def send_digits(self, port: PortId, digits: str) -> None:
        self.digits.append((port, digits))

    # What calls ask

    async def play(
        self,
        port: PortId,
        player: int,
        files: Sequence[str],
        *,
        repeat: int = 1,
        gain_db: float = 0.0,
        stop_on_digit: bool = False,
        start_ms: int = 0,
        speed: float = 1.0,
        in_step: bool = False,
    ) -> None:
        self._fail("play")
        rounds = 0 if in_step else repeat
        self._start(
            Playing(
                player=player,
                port=port,
                files=tuple(files),
                repeat=rounds,
                start_ms=start_ms,
                speed=speed,
            )
        )

    async def seek_play(self, player: int, ms: int, *, relative: bool = False) -> None:
        self._fail("seek_play")
        if player in self.players:
            self.steered.append(("by" if relative else "to", float(ms)))

    async def set_speed(self, player: int, speed: float) -> None:
        self._fail("set_speed")
        if player in self.players:
            self.steered.append(("speed", speed))

    async def play_tone(
        self,
        port: PortId,
        player: int,
        frequencies: Sequence[tuple[float, float]],
        cadence_ms: Sequence[tuple[int, int]],
        repeat: int = 0,
    ) -> None:
        self._fail("play_tone")
        self._start(Playing(player=player, port=port, tone=tuple(frequencies), repeat=repeat))

    async def stop_play(self, player: int) -> None:
        self._fail("stop_play")
        playing = self.players.get(player)
        if playing is not None:
            self._end_play(playing, "stopped")

    async def host(self, host: str, payload: bytes) -> bytes:
        self._fail("host")
        assert host == "fax"
        return self.faxes.handle(payload)

    async def bridge(self, bridge: int, a: PortId, b: PortId) -> None:
        self._fail("bridge")
        self._known(a)
        self._known(b)
        left = {key for key, both in self.bridges.items() if {a, b} & both}
        self.bridges = {key: both for key, both in self.bridges.items() if key not in left}
        self.bridges[bridge] = frozenset((a, b))
        self.bridged.append(self.bridges[bridge])

    async def unbridge(self, bridge: int) -> None:
        self._fail("unbridge")
        self.bridges.pop(bridge, None)
        self.parts = {port: part for port, part in self.parts.items() if part[0] != bridge}

    async def join(
        self, bridge: int, port: PortId, *, part: str = "talks", agent: PortId | None = None
    ) -> None:
        self._fail("join")
        self._known(port)
        if bridge not in self.bridges:
            raise MediaRefused("unknown-bridge", f"no bridge {bridge}")
        if part == "whispers" and agent not in self.bridges[bridge]:
            raise MediaRefused("bad-argument", "a whisper needs an agent of the bridge")
        self.parts[port] = (bridge, part, agent)

    async def record(
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
    ) -> None:
        self._fail("record")
        self._known(port)
        recorder = Recorder(
            recording=recording,
            port=port,
            path=path_relative,
            stereo=stereo,
            max_s=max_s,
            silence_s=silence_s,
            started=asyncio.get_running_loop().time(),
            chain=chain,
            tone_s=tone_s,
        )
        if recorder.path in {each.path for each in self.recorded}:
            raise MediaRefused("disk", f"{path_relative} is there already")
        self.recorders[recording] = recorder
        self.recorded.append(recorder)

    async def hear_caller(self, port: PortId, *, on: bool) -> None:
        self._fail("hear_caller")
        self._known(port)

    async def attend(self, port: PortId, *, level: bool, speaker: bool = False) -> None:
        self._fail("attend")
        self._known(port)
        self.attended[port], self.ever_attended = (level, speaker), True

    def speaks(self, port: PortId, *, on: bool) -> None:
        """Somebody at an attended port begins or stops to speak."""
        if self.attended.get(port, (False, False))[1]:
            self._tell(SpeakerChanged(port=port, bridge=1, speaks=on))

    async def pause_record(self, recording: int, *, on: bool) -> None:
        self._fail("pause_record")
        if recording in self.recorders:
            now = asyncio.get_running_loop().time()
            began = self.pauses.pop(recording, None)
            if began is not None:
                self.paused_s[recording] = self.paused_s.get(recording, 0.0) + now - began
            if on:
                self.pauses[recording] = now

    async def stop_record(self, recording: int) -> None:
        self._fail("stop_record")
        recorder = self.recorders.get(recording)
        if recorder is not None:
            self._end_record(recorder, "stopped")

    async def arm_barge_in(self, port: PortId, on: bool) -> None:
        self._fail("arm_barge_in")
        (self.armed.add if on else self.armed.discard)(port)

    async def tap(self, port: PortId, *, rate: int = 8000) -> FakeTap:
        self._fail("tap")
        self._known(port)
        self.taps.add(port)
        return FakeTap(os.memfd_create("tap"), os.eventfd(0))

    async def untap(self, port: PortId, *, rate: int = 8000) -> None:
        self._fail("untap")
        self.taps.discard(port)

    async def events(self) -> AsyncIterator[MediaEvent]:
        while True:
            yield await self._events.get()

    # What recovery asks

    async def snapshot(self) -> Snapshot:
        return Snapshot(
            last_event=self._number,
            ports=tuple(
                PortState(port=port, kind="rtp", dtls=self.dtls.get(port, ""))
                for port in sorted(self.ports)
            ),
            bridges=tuple(
                BridgeState(bridge=key, ports=tuple(sorted(both)))
                for key, both in self.bridges.items()
            ),
            players=tuple(PlayerState(player=p.player, port=p.port) for p in self.players.values()),
            recordings=tuple(
                RecordingState(recording=r.recording, port=r.port, path=r.path)
                for r in self.recorders.values()
            ),
        )

    async def claim(self, ports: Sequence[PortId]) -> None:
        self.claimed += ports

    # What a test says

    def hears(self, port: PortId | None) -> tuple[str, ...]:
        """The files that play on a port now."""
        return next((p.files for p in self.players.values() if p.port == port), ())

    def finish(self, port: PortId | None) -> None:
        """What plays on a port comes to its end."""
        for playing in [p for p in self.players.values() if p.port == port]:
            self._end_play(playing, "finished")

    def press(self, port: PortId | None, keys: str) -> None:
        """The caller presses keys."""
        assert port is not None
        for key in keys:
            self._tell(DigitDetected(port=port, key=key, duration_ms=100, source="rfc4733"))

    def begin_to_speak(self, port: PortId | None) -> None:
        """The caller says something into the prompt."""
        assert port in self.armed
        assert port is not None
        self._tell(SpeechStarted(port=port))

    def end_record(self, port: PortId | None, reason: str = "silence") -> None:
        """What records a port ends by itself."""
        for recorder in [r for r in self.recorders.values() if r.port == port]:
            self._end_record(recorder, reason)

    def stream_ended(self, port: PortId | None, mos: float) -> None:
        """Media tells what a stream was like that is over."""
        assert port is not None
        self._tell(
            StreamEnded(
                port=port,
                packets_in=500,
                packets_out=500,
                lost=1,
                late=0,
                jitter_ms=0.5,
                round_trip_ms=0.0,
                delay_ms=40.0,
                mos=mos,
            )
        )

    def keys_by_dtls(self, port: PortId, state: str, detail: str) -> None:
        """The handshake of a port has ended."""
        self.dtls[port] = state
        self._tell(DtlsChanged(port=port, state=state, detail=detail))

    def restart(self, *, lost: Iterable[PortId] = ()) -> None:
        """The media process is a new one, which was told what the old one held.

        Recordings and taps ended with that; ``lost`` ports could not be opened again.
        """
        for held in (self.recorders, self.pauses, self.paused_s, self.taps):
            held.clear()
        for port in lost:
            self.ports.discard(port)
            self.players = {key: one for key, one in self.players.items() if one.port != port}
            self.bridges = {key: both for key, both in self.bridges.items() if port not in both}
            self.parts.pop(port, None)
        self._tell(MediaRestarted(lost=tuple(lost)))

    def restart_without_control(self) -> None:
        """The media process is a new one, and nobody knew what the old one held."""
        for held in (self.ports, self.players, self.recorders, self.bridges, self.parts):
            held.clear()
        self._tell(MediaRestarted())

    def hears_again(self) -> None:
        """Control hears events again, and that it has lost those since ``unheard`` was 0."""
        missed, self.unheard = self.unheard or 0, None
        self._tell(EventsLost(missed=missed))

    # Inside

    def _start(self, playing: Playing) -> None:
        self._known(playing.port)
        self._end_players(playing.port, "replaced")
        self.players[playing.player] = playing
        self.played.append(playing)

    def _end_players(self, port: PortId, reason: str) -> None:
        for playing in [each for each in self.players.values() if each.port == port]:
            self._end_play(playing, reason)

    def _end_play(self, playing: Playing, reason: str) -> None:
        del self.players[playing.player]
        self._tell(PlayFinished(player=playing.player, port=playing.port, reason=reason))

    def _end_record(self, recorder: Recorder, reason: str) -> None:
        del self.recorders[recorder.recording]
        now = asyncio.get_running_loop().time()
        lasted = now - recorder.started
        paused = self.paused_s.pop(recorder.recording, 0.0)
        paused += now - self.pauses.pop(recorder.recording, now)
        self._tell(
            RecordFinished(
                recording=recorder.recording,
                port=recorder.port,
                path=recorder.path,
                duration_ms=round(lasted * 1000),
                reason=reason,
                chain=f"{recorder.recording:064x}" if recorder.chain else "0" * 64,
                paused_ms=round(paused * 1000),
            )
        )

    def _tell(self, event: MediaEvent) -> None:
        self._number += 1
        if self.unheard is not None:
            self.unheard += 1
            return
        self._events.put_nowait(msgspec.structs.replace(event, number=self._number))

    def _known(self, port: PortId) -> None:
        if port not in self.ports:
            raise MediaRefused("unknown-port", f"no audio port {port} is open")

    def _fail(self, request: str) -> None:
        self.settle()
        fault = self.faults.get(request)
        if fault is not None:
            raise fault
