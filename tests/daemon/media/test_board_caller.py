"""Who calls, sent by FSK between the first two rings of a simulated board, heard by the engine."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import cython_ext.media
from cython_ext import dsp
from daemon.control.audio.caller_ears import CallerEars
from daemon.control.audio.caller_message import Identity
from daemon.control.remote_driver import RemoteDriver
from daemon.link.client import MediaLink
from daemon.link.messages import CallerHeard, HostEvent
from daemon.media.app import MediaProcess
from daemon.media.driver_host import DriverHost
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import Capability, LineId, PortId
from drivers.events import Answered, LineUp, Released, Ringing
from drivers.registry import available
from drivers.voiceboard.options import ChannelOptions, TimingOptions, VoiceBoardOptions
from drivers.voiceboard.simulator import SimulatedBoard, SimulatedTrunk

pytestmark = pytest.mark.skipif(
    not cython_ext.media.available(), reason="the media engine is compiled code"
)

# MDMF of the reference sheet: 21 March 14:05, 2145551212, DOE JOHN.
MDMF = bytes.fromhex("80200108303332313134303502 0A32313435353531323132 0708444F45204A4F484E89")
BELL_202, V23 = 0, 1


def as_audio(message: bytes, standard: int) -> bytes:
    return dsp.alaw_encode(
        cython_ext.media._media.caller_id_samples(message, standard, 6000.0) + bytes(1600)
    )


class Bench:
    """A board with one trunk port, the media process that holds it, and control's end of both."""

    def __init__(self, folder: Path) -> None:
        (folder / "site").mkdir()
        self.trunk = SimulatedTrunk(1, ring_s=(0.2, 3.0))
        self.board = SimulatedBoard(folder / "board.sock", (self.trunk,))
        options = VoiceBoardOptions(
            channels=(ChannelOptions(channel=1, number="5551000"),),
            simulated=True,
            socket="board.sock",
            caller_id="fsk",
            timing=TimingOptions(guard=0.05),
        )
        self.process = MediaProcess(
            MediaSetup(
                site=folder / "site",
                socket=folder / "media.sock",
                options=MediaOptions(realtime=False),
            ),
            [DriverHost.of("board", available()["voiceboard"], options, folder)],
        )
        self.socket = folder / "media.sock"
        self.ears = CallerEars()
        self.late: list[Identity] = []

    async def open(self) -> None:
        await self.board.start()
        await self.process.open()
        ids = iter(range(1 << 58, 1 << 59))
        self.link = await MediaLink.connect(self.socket, lambda: next(ids))
        self.remote = RemoteDriver("board", self.link)
        self.reader = asyncio.create_task(self._read())
        await self.remote.open()
        self.events = self.remote.events()

    async def close(self) -> None:
        self.reader.cancel()
        await self.link.disconnect()
        await self.process.close()
        await self.board.stop()

    async def _read(self) -> None:
        async for event in self.link.events():
            if isinstance(event, HostEvent):
                self.remote.happened(event.payload)
            elif isinstance(event, CallerHeard) and (late := self.ears.heard(event)) is not None:
                self.late.append(late)

    async def caller_told(self, port: PortId, message: bytes, standard: int) -> Identity | None:
        """What is heard of a message that is told once somebody listens.

        The simulated board keeps time in the loop of the test, the engine in a thread: on a
        machine that is busy they drift by more than the engine holds in store, and the message
        has gaps. The engine counts them, and such a message is told again.
        """
        await self.link.hear_caller(port, on=True)
        async with asyncio.timeout(60):
            while True:
                before = await self._gaps(port)
                self.trunk.tell_caller(as_audio(message, standard))
                identity = await self.ears.listen(port, self.link)
                # The end of the message is a gap, too.
                if identity is not None or await self._gaps(port) <= before + 1:
                    return identity

    async def _gaps(self, port: PortId) -> float:
        counted = await self.link.counters(port)
        return counted["underruns"] + counted["overruns"]

    async def happens(self, kind: type) -> object:
        async with asyncio.timeout(10):
            while isinstance(event := await anext(self.events), LineUp):
                continue
        assert isinstance(event, kind), event
        return event


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    await bench.open()
    yield bench
    await bench.close()


@pytest.mark.parametrize("standard", [BELL_202, V23])
async def test_number_and_name_are_known_before_the_answer(bench: Bench, standard: int) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    line = bench.remote.line(LineId("board/1"))
    assert Capability.ANI in line.can
    port = line.port
    assert port is not None
    identity = await bench.caller_told(port, MDMF, standard)
    assert identity == Identity(ani="2145551212", name="DOE JOHN")
    await line.answer()
    await bench.happens(Answered)
    assert line.port == port  # the port that heard the caller is the conversation's
    bench.trunk.hang_up()
    await bench.happens(Released)
    assert line.port is None


async def test_a_caller_who_gives_up_leaves_no_port(bench: Bench) -> None:
    bench.trunk.ring(as_audio(MDMF, BELL_202))
    await bench.happens(Ringing)
    line = bench.remote.line(LineId("board/1"))
    assert len((await bench.link.snapshot()).ports) == 1
    await line.release()
    await bench.happens(Released)
    assert (line.port, (await bench.link.snapshot()).ports) == (None, ())


async def test_an_exchange_that_says_nothing_costs_patience_and_no_more(bench: Bench) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    line = bench.remote.line(LineId("board/1"))
    assert line.port is not None
    assert await bench.ears.listen(line.port, bench.link, patience_s=0.05) is None
    await line.answer()
    await bench.happens(Answered)
