"""The host of a device driver and control's picture of its lines, without the link."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.remote_driver import RemoteDriver
from daemon.link import lines as messages
from daemon.link.commands import PlayCaller, PlayTone
from daemon.link.errors import MediaRefused
from daemon.link.lines import LineState
from daemon.media.driver_host import DriverHost, EnginePorts
from drivers.api import Line, LineId, PortId
from drivers.backoff import Backoff
from drivers.ctilink.details import CallDetail
from drivers.errors import DriverError, LineBusy, LinkLost, NotCapable
from drivers.events import (
    Answered,
    Cause,
    Digit,
    LineDown,
    LineEvent,
    LineUp,
    Released,
    Ringing,
    Seized,
)
from drivers.registry import available
from drivers.voiceboard.driver import VoiceBoardDriver
from drivers.voiceboard.options import ChannelOptions, TimingOptions, VoiceBoardOptions
from drivers.voiceboard.simulator import SimulatedBoard, SimulatedTelephone, SimulatedTrunk

E = TypeVar("E", bound=LineEvent)


class Media:
    """The media process as a host and control see it: ports, events, requests."""

    def __init__(self) -> None:
        self.open: dict[PortId, str] = {}
        self.kept: list[bytes] = []
        self.control: RemoteDriver | None = None
        self.hosts: dict[str, DriverHost] = {}

    def emit(self, payload: bytes) -> None:
        self.kept.append(payload)
        if self.control is not None:
            self.control.happened(payload)

    def open_device(self, port: PortId, fd: int, law: str, *, digits: str = "inband") -> None:
        self.open[port] = f"{law} {digits}"

    def play(self, command: PlayCaller | PlayTone) -> None:
        assert command.port in self.open

    def heard_by(self, port: PortId) -> dict[str, float]:
        return {}

    def close(self, port: PortId) -> None:
        self.open.pop(port, None)

    async def host(self, host: str, payload: bytes) -> bytes:
        if host not in self.hosts:
            raise MediaRefused("unknown-host", f"no driver {host!r}")
        return await self.hosts[host].handle(payload)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.trunk = SimulatedTrunk(1)
        self.phone = SimulatedTelephone(2)
        self.board = SimulatedBoard(folder / "b.sock", (self.trunk, self.phone), tick_s=0.005)
        self.media = Media()
        options = VoiceBoardOptions(
            channels=(
                ChannelOptions(channel=1, number="5551000", terminal="1/7", link="exchange"),
                ChannelOptions(channel=2, kind="fxs", number="301"),
            ),
            simulated=True,
            socket="b.sock",
            timing=TimingOptions(guard=0.02, ring_gap=1.0),
        )
        self.host = DriverHost.of("board", available()["voiceboard"], options, folder)
        self.media.hosts["board"] = self.host
        self.control = self.new_control()

    def new_control(self) -> RemoteDriver:
        self.control = self.media.control = RemoteDriver("board", self.media)
        self.events = self.control.events()
        return self.control

    async def happens(self, kind: type[E]) -> E:
        async with asyncio.timeout(5):
            event = await anext(self.events)
        assert isinstance(event, kind), event
        return event

    @property
    def line(self) -> Line:
        return self.control.line(LineId("board/1"))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    await bench.board.start()
    await bench.host.open(bench.media)
    await bench.control.open()
    for _ in range(2):
        await bench.happens(LineUp)
    yield bench
    await bench.host.close()
    await bench.board.stop()


async def test_line_is_the_same_in_control(bench: Bench) -> None:
    state = bench.control.line(LineId("board/1")).state
    assert (state.dnis, state.terminal, state.link) == ("5551000", "1/7", "exchange")
    assert bench.line.can.value == state.can
    assert [line.id for line in bench.control.lines()] == ["board/1", "board/2"]


async def test_call_is_answered_and_released_from_control(bench: Bench) -> None:
    bench.trunk.ring()
    assert (await bench.happens(Ringing)).dnis == "5551000"
    await bench.line.answer()
    await bench.happens(Answered)
    assert bench.media.open == {bench.line.port: "A inband"}
    await bench.line.release()
    await bench.happens(Released)
    assert bench.line.port is None
    assert bench.media.open == {}


async def test_errors_of_the_driver_reach_control(bench: Bench) -> None:
    with pytest.raises(NotCapable):
        await bench.line.answer()
    await bench.line.dial("55")
    with pytest.raises(LineBusy):
        await bench.line.dial("56")
    with pytest.raises(NotCapable):
        await bench.line.hold()
    with pytest.raises(NotCapable, match="no line"):
        await bench.control.ask(messages.AnswerLine(line="board/9"))


async def test_new_control_finds_the_calls_of_the_old_one(bench: Bench) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line.answer()
    await bench.happens(Answered)
    answered = bench.line.port
    control = bench.new_control()
    await control.open()
    (call,) = control.restored_calls()
    assert (call.line, call.port, call.phase) == ("board/1", answered, "talking")
    assert call.ref == "board/1#1"
    bench.trunk.hang_up()
    await bench.happens(Released)
    assert control.restored_calls() == []


async def test_call_that_rings_is_new_to_a_new_control(bench: Bench) -> None:
    bench.trunk.ring()
    ref = (await bench.happens(Ringing)).ref
    control = bench.new_control()
    await control.open()
    ringing = await bench.happens(Ringing)
    assert (ringing.line, ringing.dnis, ringing.ref) == ("board/1", "5551000", ref)
    assert control.restored_calls() == []
    await bench.line.answer()
    await bench.happens(Answered)


async def test_older_picture_does_not_replace_a_newer_one(bench: Bench) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line.answer()
    missed = list(bench.media.kept)
    control = bench.new_control()
    await control.open()
    for payload in missed:
        control.happened(payload)
    assert control.line(LineId("board/1")).state.phase == "talking"
    kinds = [type(await bench.happens(LineEvent)) for _ in range(4)]
    assert kinds == [LineUp, LineUp, Ringing, Answered]


async def test_media_that_restarted_has_lost_its_calls(bench: Bench) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line.answer()
    await bench.happens(Answered)
    await bench.host.close()
    await bench.media.hosts["board"].open(bench.media)
    await bench.control.resync(restarted=True)
    seen = [await bench.happens(LineEvent) for _ in range(2)]
    assert any(isinstance(event, Released) for event in seen)
    assert bench.line.port is None


async def test_calls_end_when_control_stays_away(bench: Bench) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line.answer()
    await bench.host.control_gone()
    await bench.trunk.board_hangs_up()
    assert bench.media.open == {}


async def test_engine_that_loses_a_descriptor_ends_the_call(bench: Bench) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line.answer()
    await bench.happens(Answered)
    assert bench.line.port is not None
    bench.host.device_event(bench.line.port, "lost", 5)
    await bench.happens(Released)
    assert (await bench.happens(LineDown)).line == "board/1"
    assert bench.control.reachable("301")


async def test_station_is_found_by_its_extension(bench: Bench) -> None:
    line = bench.control.station_line("301")
    await line.dial("301")
    await bench.happens(Seized)
    assert not bench.control.reachable("301")
    with pytest.raises(LineBusy):
        bench.control.station_line("301")
    with pytest.raises(LinkLost):
        bench.control.station_line("999")


async def test_lamp_of_a_telephone_at_the_board(bench: Bench) -> None:
    await bench.control.set_lamp("301", on=True)
    assert bench.phone.lamp
    await bench.control.set_lamp("301", on=False)
    await bench.control.set_lamp("999", on=True)
    assert not bench.phone.lamp
    with pytest.raises(NotCapable):
        await bench.control.ask(messages.SetLineLamp(line="board/1", on=True))


async def test_counters_come_from_media(bench: Bench) -> None:
    counters = await bench.control.read_counters()
    assert counters["opened"] == 2
    assert counters["ReadCounters"] == 1
    assert bench.control.counters() == counters


class Link:
    """A serial link that knows one call."""

    def __init__(self, ani: str) -> None:
        self.ani = ani

    async def wait_for(
        self, desk_terminal_key: str, wait_s: float | None = None
    ) -> CallDetail | None:
        assert desk_terminal_key == "1/7"
        return CallDetail(desk="001", terminal="0007", kind="D", reason="direct", ani=self.ani)


async def test_detail_comes_from_the_port_s_own_link(bench: Bench) -> None:
    links = {"other": Link("1"), "exchange": Link("2")}
    found = await bench.control.call_detail(LineId("board/1"), links)
    assert found is not None
    assert found.ani == "2"
    assert await bench.control.call_detail(LineId("board/2"), links) is None
    assert await bench.control.call_detail(LineId("board/1"), {}) is None


async def test_bad_request_is_answered_with_the_fault(bench: Bench) -> None:
    reply = messages.decode_reply(await bench.host.handle(b"\xc1"))
    assert isinstance(reply, messages.Failed)
    assert reply.kind == "ProtocolError"


async def test_event_that_cannot_be_read_is_dropped(bench: Bench) -> None:
    bench.control.happened(b"\xc1")
    bench.control.happened(msgspec.msgpack.encode({"kind": "Nothing", "event": {}}))
    bench.trunk.ring()
    await bench.happens(Ringing)


class Broken:
    """A driver whose events end in an exception the first time."""

    name = "broken"
    made = 0

    def __init__(self) -> None:
        Broken.made += 1
        self.first = Broken.made == 1

    async def open(self, ports: EnginePorts) -> Sequence[Line]:
        return ()

    async def close(self) -> None:
        return None

    async def events(self) -> AsyncIterator[LineEvent]:
        yield LineUp(line=LineId("broken/1"))
        if self.first:
            raise ZeroDivisionError("a bug in a driver")
        await asyncio.Event().wait()

    def line(self, line: LineId) -> VoiceBoardDriver:
        raise KeyError(line)

    def lines(self) -> Sequence[VoiceBoardDriver]:
        return ()

    def counters(self) -> dict[str, int]:
        return {}

    def wake(self, port: PortId, *, lost: bool = False) -> None:
        return None


async def test_driver_that_fails_is_made_anew() -> None:
    media = Media()
    make: Callable[..., object] = Broken
    host = DriverHost("broken", make, backoff=Backoff(first_s=0.01))  # type: ignore[arg-type]
    await host.open(media)
    async with asyncio.timeout(5):
        while len(media.kept) < 2:
            await asyncio.sleep(0.01)
    assert host.counts["driver_failures"] == 1
    await host.close()
    await host.close()


async def test_driver_not_there_yet_is_awaited(bench: Bench) -> None:
    host = bench.media.hosts.pop("board")
    control = RemoteDriver("board", bench.media)
    opening = asyncio.create_task(control.open())
    await asyncio.sleep(0)
    bench.media.hosts["board"] = host
    assert len(await opening) == 2


EVENTS = [
    Ringing(line=LineId("b/1"), ani="1", dnis="2"),
    Released(line=LineId("b/1"), cause=Cause.BUSY, detail="x"),
    Digit(line=LineId("b/1"), key="#", source="device"),
    LineDown(line=LineId("b/1"), reason="cable"),
]


@pytest.mark.parametrize("event", EVENTS)
def test_event_is_read_back(event: LineEvent) -> None:
    state = LineState(line="b/1", serial=3, can=1)
    assert messages.decode_event(messages.encode_event(event, state)) == (event, state)


@pytest.mark.parametrize(
    "request_",
    [
        messages.ListLines(),
        messages.DialLine(line="b/1", number="1"),
        messages.ReleaseLine(line="b/1", cause=Cause.BUSY),
        messages.TransferLine(line="b/1", number="2"),
    ],
)
def test_request_is_read_back(request_: messages.HostRequest) -> None:
    assert messages.decode_request(messages.encode(request_)) == request_


@given(st.binary(max_size=100))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    for decode in (messages.decode_request, messages.decode_reply, messages.decode_event):
        try:
            decode(data)
        except msgspec.DecodeError:
            continue


def test_errors_keep_their_kind() -> None:
    for error in (LineBusy("x"), LinkLost("y"), DriverError("z")):
        again = messages.error_of(messages.failure(error))
        assert (type(again), str(again)) == (type(error), str(error))
