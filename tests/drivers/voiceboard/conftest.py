import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from drivers.api import PortId
from drivers.backoff import Backoff
from drivers.errors import DriverError
from drivers.events import LineEvent
from drivers.voiceboard.driver import VoiceBoardDriver
from drivers.voiceboard.line import BoardLine
from drivers.voiceboard.options import ChannelOptions, TimingOptions, VoiceBoardOptions
from drivers.voiceboard.simulator import SimulatedBoard, SimulatedTelephone, SimulatedTrunk

Event = TypeVar("Event", bound=LineEvent)

QUICK = TimingOptions(
    ring_gap=1.0,
    dial_tone=3.0,
    blind_dial=0.05,
    assumed_answer=0.05,
    guard=0.02,
    settle=0.05,
    recall=0.05,
    flash=2.0,
    handing=0.05,
)


class Ports:
    """Keeps the descriptors of open ports, as the engine does."""

    def __init__(self) -> None:
        self.open: dict[PortId, int] = {}
        self.opened = 0
        self.full = False
        self.was_opened = asyncio.Event()
        self.played: list[tuple[str, bytes]] = []

    def open_device(self, fd: int, law: str) -> PortId:
        if self.full:
            raise DriverError("no more ports")
        self.opened += 1
        self.was_opened.set()
        port = PortId(self.opened)
        self.open[port] = os.dup(fd)
        return port

    def play_caller(self, port: PortId, message: bytes, standard: str) -> None:
        assert port in self.open
        self.played.append((standard, message))

    def play_tones(
        self,
        port: PortId,
        pairs: Sequence[tuple[float, float]],
        step_ms: tuple[int, int],
        level_dbm0: float,
    ) -> None:
        assert port in self.open
        self.played.append(("tones", bytes(len(pairs))))

    def close(self, port: PortId) -> None:
        if port in self.open:
            os.close(self.open.pop(port))

    def close_all(self) -> None:
        for port in list(self.open):
            self.close(port)


class Bench:
    """A simulated board with two trunk ports and a telephone, and the driver on it."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.trunk = SimulatedTrunk(1, plan=lambda _number: "answer", ring_s=(0.2, 0.3))
        self.other = SimulatedTrunk(2)
        self.phone = SimulatedTelephone(3)
        self.board = SimulatedBoard(path, (self.trunk, self.other, self.phone), tick_s=0.005)
        self.ports = Ports()
        channels = (
            ChannelOptions(channel=1, number="5551000", terminal="1/1"),
            ChannelOptions(channel=2),
            ChannelOptions(channel=3, kind="fxs", number="301"),
        )
        timing = msgspec.structs.replace(QUICK, **options.pop("timing", {}))
        self.options = VoiceBoardOptions(
            channels=channels, simulated=True, socket=path.name, timing=timing, **options
        )
        self.driver = VoiceBoardDriver(
            self.options,
            run_dir=path.parent,
            backoff=lambda: Backoff(first_s=0.02, longest_s=0.02, quarantine_after=3),
        )
        self.events = self.driver.events()

    async def open(self, *, clock: bool = True) -> None:
        await self.board.start(clock=clock)
        await self.driver.open(self.ports)
        for _ in range(3):
            await anext(self.events)

    async def close(self) -> None:
        await self.driver.close()
        await self.board.stop()
        self.ports.close_all()

    def line(self, channel: int = 1) -> BoardLine:
        return next(line for line in self.driver.lines() if line.channel.channel == channel)

    async def happens(self, kind: type[Event]) -> Event:
        async with asyncio.timeout(10):
            event = await anext(self.events)
        assert isinstance(event, kind), event
        return event


@pytest.fixture
async def make_bench(tmp_path: Path) -> AsyncIterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**options: Any) -> Bench:
        bench = Bench(tmp_path / f"board{len(made)}.sock", **options)
        made.append(bench)
        return bench

    yield make
    for bench in made:
        await bench.close()


@pytest.fixture
async def bench(make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench()
    await bench.open()
    return bench
