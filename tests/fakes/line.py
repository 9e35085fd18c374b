"""A driver made of memory: trunk lines and telephones that do what a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum, auto
from typing import Any

import msgspec

from drivers.api import AudioPorts, CallDetails, Capability, Line, LineId, PortId
from drivers.errors import DriverError, LineBusy, LinkLost, NotCapable
from drivers.events import (
    Answered,
    Cause,
    Digit,
    Held,
    LineDown,
    LineEvent,
    LineUp,
    Progress,
    Released,
    Retrieved,
    Ringing,
    Seized,
    StationDown,
    StationUp,
)

PHONE = (
    Capability.AUDIO
    | Capability.DIAL
    | Capability.ANSWER
    | Capability.HOLD
    | Capability.SEND_DTMF
    | Capability.ANI
    | Capability.SUPERVISION
)


def nothing() -> None:
    """For those who have nothing to bring to safety first."""


class State(Enum):
    """What a line does."""

    IDLE = auto()
    RINGING = auto()
    DIALLING = auto()
    TALKING = auto()


NO_DETAILS = CallDetails()


class Dialled(msgspec.Struct, frozen=True):
    """A call that control placed."""

    line: LineId
    number: str
    ani: str
    name: str
    details: CallDetails = NO_DETAILS


class FakeLine:
    """A line; ``asked`` tells what control wanted of it, oldest first."""

    def __init__(self, driver: "FakeDriver", line: LineId, can: Capability = PHONE) -> None:
        self.driver = driver
        self.id = line
        self.can = can
        self.port: PortId | None = None
        self.state = State.IDLE
        self.asked: list[str] = []
        self.released_with: list[Cause] = []
        self.faults: dict[str, DriverError] = {}
        """What a request raises, by its name, once."""

    async def dial(self, number: str, *, ani: str = "", name: str = "") -> None:
        await self.dial_with(number, NO_DETAILS, ani=ani, name=name)

    async def dial_with(
        self, number: str, details: CallDetails, *, ani: str = "", name: str = ""
    ) -> None:
        self._note("dial")
        if self.state is not State.IDLE:
            raise LineBusy(f"{self.id} is in use")
        self.state = State.DIALLING
        self.driver.dialled.append(Dialled(self.id, number, ani, name, details))
        self.driver.emit(Seized(line=self.id))

    async def answer(self) -> None:
        self._note("answer")
        if self.state is State.RINGING:
            await self.talk()

    async def open_early(self) -> bool:
        self._note("open_early")
        if self.state is not State.RINGING or self.port is not None:
            return False
        self.port, _ = await self.driver.ports.open_rtp()
        return True

    async def release(self, cause: Cause | None = None) -> None:
        self._note("release")
        if self.state is not State.IDLE:
            self.released_with.append(Cause.NORMAL if cause is None else cause)
            await self.drop(Cause.NORMAL)

    async def hold(self) -> None:
        self._needs(Capability.HOLD, "hold")

    async def retrieve(self) -> None:
        self._needs(Capability.HOLD, "retrieve")

    async def send_digits(self, digits: str) -> None:
        self._needs(Capability.SEND_DTMF, f"send_digits {digits}")

    async def flash(self) -> None:
        self._needs(Capability.FLASH, "flash")

    async def transfer(self, number: str) -> None:
        self._needs(Capability.TRANSFER, f"transfer {number}")

    # What happens at the far end

    async def talk(self) -> None:
        """The conversation stands."""
        if self.port is None:
            self.port, _ = await self.driver.ports.open_rtp()
        self.state = State.TALKING
        self.driver.emit(Answered(line=self.id))

    async def drop(self, cause: Cause) -> None:
        """The call on the line is over."""
        port, self.port = self.port, None
        self.state = State.IDLE
        self.driver.emit(Released(line=self.id, cause=cause))
        if port is not None:
            await self.driver.ports.close(port)

    def _note(self, request: str) -> None:
        self.driver.settle()
        self.asked.append(request)
        fault = self.faults.pop(request, None)
        if fault is not None:
            raise fault

    def _needs(self, capability: Capability, request: str) -> None:
        self._note(request)
        if capability not in self.can:
            raise NotCapable(f"{self.id} cannot {request}")


class FakeDriver:
    """A driver with trunk lines ``NAME/1`` ... and a telephone for each station."""

    def __init__(
        self,
        ports: AudioPorts,
        name: str = "fake",
        *,
        trunks: int = 4,
        stations: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.ports = ports
        self.dialled: list[Dialled] = []
        self.lamps: list[tuple[str, bool]] = []
        self.transfers: list[tuple[str, Cause | None]] = []
        """How each transfer went that a far end asked for."""
        self.registered = set(stations)
        self._events: asyncio.Queue[LineEvent | None] = asyncio.Queue()
        self.settle: Callable[[], None] = nothing
        """Called before anything is asked of a line."""
        numbers = [LineId(f"{name}/{number}") for number in range(1, trunks + 1)]
        names = [LineId(f"station:{name}{more}") for name in stations for more in ("", "#2")]
        self.busy: list[tuple[str, bool]] = []
        """How lamps that are no station's changed."""
        self.lit: dict[str, bool] = {}
        self._lines = {line: FakeLine(self, line) for line in (*numbers, *names)}
        self._trunks = numbers

    @property
    def trunks(self) -> tuple[LineId, ...]:
        """Trunk lines."""
        return tuple(self._trunks)

    @property
    def names(self) -> tuple[LineId, ...]:
        """Every line."""
        return tuple(self._lines)

    # Driver

    async def open(self, ports: AudioPorts) -> Sequence[Line]:
        self.ports = ports
        return [self._lines[line] for line in self._trunks]

    async def close(self) -> None:
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[LineEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    def line(self, line: LineId) -> FakeLine:
        return self._lines[line]

    def counters(self) -> dict[str, int]:
        return {"dialled": len(self.dialled)}

    # Stations, MessageLamps, Transfers

    async def transfer_rings(self, transfer: str) -> None:
        assert transfer

    async def transfer_ended(self, transfer: str, cause: Cause | None = None) -> None:
        self.transfers.append((transfer, cause))

    def station_line(self, station: str) -> FakeLine:
        line = self.telephone(station)
        if station not in self.registered:
            raise LinkLost(f"{station} is not registered")
        if line.state is not State.IDLE:
            raise LineBusy(f"{station} is in use")
        return line

    def reachable(self, station: str) -> bool:
        return station in self.registered

    async def set_lamp(self, station: str, *, on: bool) -> None:
        self.lamps.append((station, on))

    def show_busy(self, name: str, *, busy: bool) -> None:
        before = self.lit.get(name, False)
        self.lit[name] = busy
        if busy is not before:
            self.busy.append((name, busy))

    # What a test says

    async def early(self, line: FakeLine) -> None:
        """The network of the far end says something before the answer."""
        line.port, _ = await self.ports.open_rtp()
        self.emit(Progress(line=line.id, tone="early"))

    def restart(self) -> None:
        """The process of the driver is a new one: only conversations stand."""
        self._events = asyncio.Queue()
        for line in self._lines.values():
            if line.state is not State.TALKING:
                line.state, line.port = State.IDLE, None

    def emit(self, event: LineEvent) -> None:
        """Let control hear an event."""
        self._events.put_nowait(event)

    def telephone(self, station: str) -> FakeLine:
        """The telephone of a station."""
        return self._lines[LineId(f"station:{station}")]

    def ring(
        self,
        *,
        ani: str = "5550100",
        dnis: str = "100",
        name: str = "",
        restricted: bool = False,
        line: FakeLine | None = None,
        **more: Any,
    ) -> FakeLine:
        """Let a call arrive on a free trunk line."""
        free = line or next(
            self._lines[each] for each in self._trunks if self._lines[each].state is State.IDLE
        )
        free.state = State.RINGING
        ref = f"call-{free.id}"
        event = Ringing(
            line=free.id, ani=ani, dnis=dnis, name=name, restricted=restricted, ref=ref, **more
        )
        self.emit(event)
        return free

    def progress(self, station: str) -> None:
        """The telephone rings."""
        line = self.telephone(station)
        assert line.state is State.DIALLING, line.state
        self.emit(Progress(line=line.id))

    async def pick_up(self, station: str) -> FakeLine:
        """The agent answers the ringing telephone."""
        line = self.telephone(station)
        assert line.state is State.DIALLING, line.state
        await line.talk()
        return line

    def press(self, line: FakeLine, keys: str) -> None:
        """Keys that the line itself reports."""
        for key in keys:
            self.emit(Digit(line=line.id, key=key, source="info"))

    def hold(self, line: FakeLine, *, on: bool) -> None:
        """The far end puts us on hold, or takes us back."""
        self.emit(Held(line=line.id) if on else Retrieved(line=line.id))

    def down(self, line: FakeLine, reason: str = "cable out") -> None:
        """The line is out of service; its call is not reported any more."""
        line.state, line.port = State.IDLE, None
        self.emit(LineDown(line=line.id, reason=reason))

    def up(self, line: FakeLine) -> None:
        """The line is back."""
        self.emit(LineUp(line=line.id))

    def register(self, station: str) -> None:
        """A telephone registers."""
        self.registered.add(station)
        up = StationUp(
            line=LineId(f"station:{station}"), station=station, contact="sip:x", expires_s=300
        )
        self.emit(up)

    def unregister(self, station: str) -> None:
        """A registration ends."""
        self.registered.discard(station)
        self.emit(StationDown(line=LineId(f"station:{station}"), station=station))
