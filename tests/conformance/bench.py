"""What every driver is put on: a real media process, its link, and somebody at the far end.

A new driver joins by one class that says how its simulator calls, answers and hangs up.
"""

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal, TypeVar

import soundfile

from cython_ext import dsp
from daemon.link.client import MediaLink
from daemon.link.messages import DigitDetected, HostEvent, MediaEvent, RecordFinished
from daemon.media.app import MediaProcess
from daemon.media.driver_host import DriverHost
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import Driver, Line, PortId
from drivers.events import LineEvent, LineUp, StationUp

FRAME = 160  # samples, 20 ms
LEVEL_DBM0 = -13.0
FAR_HZ, OUR_HZ = 1000.0, 1500.0
SURE_FRAMES = 10
LIMIT_S = 15.0

Outcome = Literal["answer", "busy", "no answer"]
Event = TypeVar("Event", bound=LineEvent)
Told = TypeVar("Told", bound=MediaEvent)


class Ears:
    """Whoever is at the far end: says one tone and waits for another."""

    def __init__(self, says_hz: float = FAR_HZ, awaits_hz: float = OUR_HZ) -> None:
        self._tone = dsp.ToneGenerator([says_hz], LEVEL_DBM0)
        self._awaits = awaits_hz
        self._frames = 0
        self._keys = b""
        self.heard = asyncio.Event()

    def speak(self) -> bytes:
        """The next 20 ms, 16-bit: keys that were pressed, else the tone."""
        tone = self._tone.generate(FRAME)
        if not self._keys:
            return tone
        chunk, self._keys = self._keys[: 2 * FRAME], self._keys[2 * FRAME :]
        return chunk.ljust(2 * FRAME, b"\0")

    def hear(self, pcm: bytes) -> None:
        """Audio of the hotline."""
        found = dsp.goertzel(pcm, 8000, self._awaits)
        self._frames = self._frames + 1 if found > -30.0 and found > dsp.level(pcm) - 3 else 0
        if self._frames >= SURE_FRAMES:
            self.heard.set()

    def press(self, keys: str) -> None:
        """Put tones of keys before what is said."""
        pause = bytes(2 * FRAME * 5)
        self._keys += pause + dsp.dtmf_generate(keys, 80, 80) + pause


class FarEnd(ABC):
    """One call as it is outside of the hotline."""

    def __init__(self) -> None:
        self.ears = Ears()

    @abstractmethod
    async def hang_up(self) -> None:
        """Leave, answered or not."""

    @abstractmethod
    async def press(self, keys: str) -> None:
        """Press keys."""

    @abstractmethod
    async def over(self) -> None:
        """Wait until the hotline has ended the call."""

    @abstractmethod
    async def keys(self, count: int) -> str:
        """Wait for so many keys that the hotline sends."""

    async def hold(self, *, on: bool) -> None:
        """Put the hotline on hold; only where the far end can."""
        raise NotImplementedError

    async def is_held(self, *, on: bool) -> None:
        """Wait until the hotline has put us on hold, or taken us back."""
        raise NotImplementedError


class Bench(ABC):
    """One driver on a real media process."""

    far_holds = False
    """Whether the far end can put us on hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "site"
        (self.site / "recordings").mkdir(parents=True)
        self.driver: Driver
        self._events: asyncio.Queue[LineEvent] = asyncio.Queue()
        self._told: asyncio.Queue[MediaEvent] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._next = 1 << 58

    async def open(self) -> None:
        """Start the far end, media, the link and the driver."""
        self.media = MediaProcess(
            MediaSetup(
                site=self.site,
                socket=self.folder / "media.sock",
                options=MediaOptions(realtime=False),
            ),
            await self.hosts(),
        )
        await self.media.open()
        self.link = await MediaLink.connect(self.folder / "media.sock", self.id)
        self.driver = await self.make()
        self._tasks = [asyncio.create_task(self._read_media())]
        await self.driver.open(self.link)
        self._tasks.append(asyncio.create_task(self._read_lines()))

    async def close(self) -> None:
        """End everything that was started."""
        await self.driver.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.link.disconnect()
        await self.media.close()
        await self.stop_far_end()

    # -- what a kind of driver says -------------------------------------------------------

    async def hosts(self) -> list[DriverHost]:
        """Start the far end; the drivers that run in media."""
        return []

    @abstractmethod
    async def make(self) -> Driver:
        """The driver as control has it."""

    @abstractmethod
    async def stop_far_end(self) -> None:
        """End the simulator."""

    @abstractmethod
    async def ring(self) -> FarEnd:
        """Somebody calls the hotline from 5550100."""

    @abstractmethod
    def outward(self, outcome: Outcome) -> tuple[Line, str]:
        """A free line that can dial, and a number with whom that happens."""

    @abstractmethod
    async def called(self) -> FarEnd:
        """The far end of the call that was dialled, once it has answered."""

    # -- what tests ask -------------------------------------------------------------------

    def id(self) -> int:
        """A new number."""
        self._next += 1
        return self._next

    async def happens(self, *kinds: type[Event]) -> Event:
        """The next event of the driver, which must be of one of these kinds."""
        async with asyncio.timeout(LIMIT_S):
            while isinstance(event := await self._events.get(), LineUp | StationUp):
                continue
        assert isinstance(event, kinds), event
        return event

    async def digits(self, port: PortId, count: int) -> str:
        """Keys that media heard on a port."""
        return "".join([(await self._media(DigitDetected, port)).key for _ in range(count)])

    async def recorded(self, port: PortId, seconds: float = 0.4) -> bytes:
        """What comes from the far end, as 16-bit audio."""
        name = f"recordings/{self.id()}.wav"
        await self.link.record(self.id(), port, name, stereo=False, max_s=seconds)
        await self._media(RecordFinished, port)
        samples, _ = soundfile.read(self.site / name, dtype="int16")
        return bytes(samples.tobytes())

    async def hears_far_end(self, port: PortId) -> None:
        """The far end's tone arrives on a port."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                pcm = await self.recorded(port)
                if dsp.goertzel(pcm[-3200:], 8000, FAR_HZ) > -25.0:
                    return

    async def is_heard(self, port: PortId, far: FarEnd) -> None:
        """Our tone arrives at the far end."""
        player = self.id()
        far.ears.heard.clear()
        await self.link.play_tone(port, player, [(OUR_HZ, 0.0)], [], 0)
        async with asyncio.timeout(LIMIT_S):
            await far.ears.heard.wait()
        await self.link.stop_play(player)

    async def _media(self, kind: type[Told], port: PortId) -> Told:
        async with asyncio.timeout(LIMIT_S):
            while True:
                event = await self._told.get()
                if isinstance(event, kind) and getattr(event, "port", port) == port:
                    return event

    async def _read_media(self) -> None:
        async for event in self.link.events():
            if isinstance(event, HostEvent):
                self.host_event(event)
            else:
                self._told.put_nowait(event)

    def host_event(self, event: HostEvent) -> None:
        """Hand an event of a driver in media to its other half."""
        raise AssertionError(f"no driver runs in media, and yet: {event}")

    async def _read_lines(self) -> None:
        async for event in self.driver.events():
            self._events.put_nowait(event)
