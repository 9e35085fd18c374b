"""Who calls, told to a telephone at a simulated board by the engine, read by libspandsp."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import cython_ext.media
from cython_ext import dsp
from daemon.control.audio.caller_message import Identity, read_identity
from daemon.control.remote_driver import RemoteDriver, RemoteLine
from daemon.link.client import MediaLink
from daemon.link.messages import HostEvent
from daemon.media.app import MediaProcess
from daemon.media.driver_host import DriverHost
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import CallDetails, LineId
from drivers.events import Answered, LineEvent, LineUp, Progress, Released, Seized
from drivers.registry import available
from drivers.voiceboard.options import ChannelOptions, VoiceBoardOptions
from drivers.voiceboard.simulator import SimulatedBoard, SimulatedTelephone
from tests.oracles.spandsp import CallerReceiver

pytestmark = pytest.mark.skipif(
    not cython_ext.media.available(), reason="the media engine is compiled code"
)

WITHHELD = CallDetails(restricted=True)
QUIET_DB = -60.0  # of full scale


class Bench:
    """A board with one telephone, the media process that holds it, and control's end of both."""

    def __init__(self, folder: Path, **options: Any) -> None:
        (folder / "site").mkdir()
        self.phone = SimulatedTelephone(1, ring_s=(0.2, 2.4))
        self.board = SimulatedBoard(folder / "board.sock", (self.phone,))
        self.socket = folder / "media.sock"
        self.process = MediaProcess(
            MediaSetup(
                site=folder / "site",
                socket=self.socket,
                options=MediaOptions(realtime=False),
            ),
            [
                DriverHost.of(
                    "board",
                    available()["voiceboard"],
                    VoiceBoardOptions(
                        channels=(ChannelOptions(channel=1, kind="fxs", number="301"),),
                        simulated=True,
                        socket="board.sock",
                        **options,
                    ),
                    folder,
                )
            ],
        )
        self.shown = bytearray()
        """What the display heard, 16 bits."""
        self.heard: list[float] = []
        """Levels of what the handset heard, 20 ms each."""
        self.news = asyncio.Event()
        self.phone.shown = self._show
        self.phone.heard = self._hear

    def _show(self, chunk: bytes) -> None:
        self.shown += dsp.alaw_decode(chunk)
        self.news.set()

    def _hear(self, chunk: bytes) -> None:
        self.heard.append(dsp.level(dsp.alaw_decode(chunk)))
        self.news.set()

    async def open(self) -> None:
        await self.board.start()
        await self.process.open()
        ids = iter(range(1 << 58, 1 << 59))
        self.link = await MediaLink.connect(self.socket, lambda: next(ids))
        self.remote = RemoteDriver("board", self.link)
        self.reader = asyncio.create_task(self._read())
        await self.remote.open()
        self.events = self.remote.events()
        self.line: RemoteLine = self.remote.line(LineId("board/1"))

    async def close(self) -> None:
        self.reader.cancel()
        await self.link.disconnect()
        await self.process.close()
        await self.board.stop()

    async def _read(self) -> None:
        async for event in self.link.events():
            if isinstance(event, HostEvent):
                self.remote.happened(event.payload)

    async def happens(self, kind: type[LineEvent]) -> None:
        async with asyncio.timeout(10):
            while isinstance(event := await anext(self.events), LineUp | Seized | Progress):
                continue
        assert isinstance(event, kind), event

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.news.clear()
                await self.news.wait()

    def sounds(self) -> bool:
        return len(self.shown) > 3200 and dsp.level(bytes(self.shown[-1600:])) > -30.0

    async def read(self, standard: str, details: CallDetails, **caller: str) -> bytes:
        """Ring the telephone until its display has read something.

        The simulated board keeps time in the loop of the test, the engine in a thread. Where the
        machine held the loop up for longer than the port stores, the call is made again.
        """
        while True:
            late, self.shown = self.board.late_ticks, bytearray()
            display = CallerReceiver(standard)
            done = 0
            await self.line.dial_with("301", details, **caller)
            async with asyncio.timeout(10):
                while not display.messages and self.board.late_ticks == late:
                    self.news.clear()
                    await self.news.wait()
                    display.listen(bytes(self.shown[done:]))
                    done = len(self.shown)
            found = list(display.messages)
            display.close()
            if found:
                return found[0]
            await self.line.release()
            await self.happens(Released)


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    made: list[Bench] = []

    async def bench(**options: Any) -> Bench:
        made.append(Bench(tmp_path, **options))
        await made[0].open()
        return made[0]

    yield bench
    for item in made:
        await item.close()


def identity(message: bytes) -> Identity | None:
    return read_identity(message + bytes((-sum(message) & 0xFF,)))


DOE = Identity(ani="2145551212", name="DOE JOHN")


@pytest.mark.parametrize(
    ("options", "standard"),
    [({"country": "us"}, "bell202"), ({"country": "de"}, "v23")],
)
async def test_number_and_name_are_shown_behind_the_first_ring(
    make: Any, options: dict[str, str], standard: str
) -> None:
    bench = await make(**options)
    said = await bench.read(standard, CallDetails(), ani="2145551212", name="DOE JOHN")
    assert identity(said) == DOE
    assert bench.phone.ringing
    tones = bytes(bench.shown)
    mark, other = (1200.0, 1300.0) if standard == "bell202" else (1300.0, 1200.0)
    assert marks(tones, mark) > marks(tones, other) + 6
    bench.phone.lift()
    await bench.happens(Answered)


def marks(audio: bytes, hertz: float) -> float:
    """The strongest 80 ms of a frequency: the 150 ms of mark before the message."""
    step, length = 640, 1280
    found = range(0, len(audio) - length, step)
    return max(dsp.goertzel(audio[at : at + length], 8000, hertz) for at in found)


async def test_a_british_telephone_is_woken_and_told_before_it_rings(make: Any) -> None:
    bench = await make(country="uk")
    said = await bench.read("v23", CallDetails(), ani="2145551212", name="DOE JOHN")
    assert identity(said) == DOE
    assert said[2:5] == bytes((0x11, 1, 1))  # call type: voice
    assert marks(bytes(bench.shown), 2750.0) > -30.0  # DT-AS
    assert (bench.phone.ringing, bench.phone.reversals % 2) == (False, 1)
    await bench.phone.rings()
    assert bench.phone.reversals % 2 == 0


async def test_keys_tell_the_number_before_the_ring(make: Any) -> None:
    bench = await make(country="de", station_caller_id="dtmf")
    said = await bench.read("dtmf", CallDetails(), ani="+492145551212", name="DOE JOHN")
    assert said == b"A492145551212C"
    assert not bench.phone.ringing
    await bench.phone.rings()


@pytest.mark.parametrize(
    ("standard", "expected"),
    [("bell202", Identity(restricted=True)), ("dtmf", b"B10C")],
)
async def test_a_withheld_number_stays_so(make: Any, standard: str, expected: object) -> None:
    bench = await make(station_caller_id=standard)
    said = await bench.read(standard, WITHHELD, ani="2145551212", name="DOE JOHN")
    assert expected == (said if standard == "dtmf" else identity(said))


@pytest.mark.parametrize("kind", ["bell202", "dtmf"])
async def test_a_telephone_lifted_meanwhile_hears_nothing_of_it(make: Any, kind: str) -> None:
    bench = await make(station_caller_id=kind)
    await bench.line.dial("301", ani="2145551212", name="DOE JOHN")
    await bench.until(bench.sounds)
    bench.phone.lift()
    await bench.happens(Answered)
    port = bench.line.port
    assert port is not None
    assert [state.port for state in (await bench.link.snapshot()).ports] == [port]
    await bench.until(lambda: len(bench.heard) > 15)
    assert max(bench.heard) < QUIET_DB
    await bench.link.play_tone(port, 7, [(1000.0, 0.0)], [])
    await bench.until(lambda: bench.heard[-1] > -30.0)


async def test_a_caller_who_hangs_up_ends_it(make: Any) -> None:
    bench = await make()
    await bench.line.dial("301", ani="2145551212", name="DOE JOHN")
    await bench.until(bench.sounds)
    await bench.line.release()
    await bench.happens(Released)
    display = CallerReceiver("bell202")
    assert display.listen(bytes(bench.shown)) == []
    display.close()
    assert (await bench.link.snapshot()).ports == ()
    assert bench.line.port is None
    counted = await bench.remote.read_counters()
    assert (counted["callers_half_told"], counted["released"]) == (1, 1)


async def test_a_board_that_is_set_so_tells_nothing(make: Any) -> None:
    bench = await make(station_caller_id="off")
    await bench.line.dial("301", ani="2145551212", name="DOE JOHN")
    await bench.phone.rings()
    again = asyncio.Event()
    bench.phone.after(round(2.7 / 0.02), again.set)
    async with asyncio.timeout(20):
        await again.wait()  # it rings for the second time
    assert (bench.phone.ringing, bench.shown) == (True, b"")
    counted = await bench.remote.read_counters()
    assert "callers_told" not in counted
