"""The voice board driver in media against the simulated board and its exchange."""

import asyncio

from cython_ext import dsp
from daemon.control.remote_driver import RemoteDriver
from daemon.link.messages import HostEvent
from daemon.media.driver_host import DriverHost
from drivers.api import Driver, Line, LineId
from drivers.registry import available
from drivers.voiceboard.options import ChannelOptions, TimingOptions, VoiceBoardOptions
from drivers.voiceboard.simulator import SimulatedBoard, SimulatedTrunk
from tests.conformance.bench import Bench, FarEnd, Outcome

TIMING = TimingOptions(
    ring_gap=0.6, dial_tone=3.0, answer=4.0, guard=0.05, settle=0.1, flash=2.0, recall=0.1
)


class BoardFarEnd(FarEnd):
    """What is behind one port of the simulated board."""

    def __init__(self, trunk: SimulatedTrunk) -> None:
        super().__init__()
        self.trunk = trunk
        trunk.source = lambda: dsp.alaw_encode(self.ears.speak())
        trunk.heard = lambda chunk: self.ears.hear(dsp.alaw_decode(chunk))

    async def hang_up(self) -> None:
        self.trunk.hang_up()

    async def press(self, keys: str) -> None:
        self.ears.press(keys)

    async def over(self) -> None:
        async with asyncio.timeout(10):
            await self.trunk.board_hangs_up()

    async def keys(self, count: int) -> str:
        found = ""
        async with asyncio.timeout(10):
            while len(found) < count:
                found += await self.trunk.dialled.get()
        return found


class BoardBench(Bench):
    """A board with two trunk ports."""

    async def hosts(self) -> list[DriverHost]:
        self.trunks = [
            SimulatedTrunk(number, ring_s=(0.2, 0.3), reverses=True, plan=self._plan)
            for number in (1, 2)
        ]
        self.outcome: Outcome = "answer"
        self.board = SimulatedBoard(self.folder / "board.sock", self.trunks)
        await self.board.start()
        options = VoiceBoardOptions(
            channels=tuple(ChannelOptions(channel=n, number="1000") for n in (1, 2)),
            simulated=True,
            socket="board.sock",
            answered_by="polarity",
            timing=TIMING,
        )
        return [DriverHost.of("board", available()["voiceboard"], options, self.folder)]

    async def make(self) -> Driver:
        self.remote = RemoteDriver("board", self.link)
        return self.remote

    async def stop_far_end(self) -> None:
        await self.board.stop()

    def host_event(self, event: HostEvent) -> None:
        self.remote.happened(event.payload)

    async def ring(self) -> FarEnd:
        async with asyncio.timeout(10):
            await self.trunks[0].connected.wait()
        far = BoardFarEnd(self.trunks[0])
        self.trunks[0].ring()
        return far

    def outward(self, outcome: Outcome) -> tuple[Line, str]:
        self.outcome = outcome
        return self.driver.line(LineId("board/2")), "55"

    async def called(self) -> FarEnd:
        far = BoardFarEnd(self.trunks[1])
        async with asyncio.timeout(10):
            await self.trunks[1].board_answers()
        return far

    def _plan(self, number: str) -> Outcome:
        return self.outcome
