"""Runs one device driver inside media: its lines' requests, events and audio ports.

A driver that fails is closed, its lines are reported down, and it is made anew with ever
longer pauses; other drivers and the engine do not notice. Within a driver each port fails
alone: that is the driver's own business.
"""

import asyncio
import itertools
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from cython_ext.media import EngineError
from daemon.link import commands as ask
from daemon.link import lines as told
from daemon.link.errors import MediaRefused
from daemon.link.lines import HostReply, LineState
from daemon.logs import get_logger
from daemon.media.ports import HostServices
from drivers.api import CallDetails, DetailedDialing, Line, LineId, PortId
from drivers.backoff import Backoff
from drivers.errors import DriverError, NotCapable, ProtocolError
from drivers.events import Cause, LineDown, LineEvent, Released
from drivers.registry import Registration

log = get_logger(__name__)

_LAWS = {"alaw": "A", "ulaw": "U", "s16": "s16"}


class DeviceLine(Line, Protocol):
    """A line with a device behind it, as the host needs it."""

    @property
    def up(self) -> bool: ...
    @property
    def phase(self) -> str:
        """idle, ringing, dialling or talking."""

    @property
    def ref(self) -> str: ...
    @property
    def dnis(self) -> str: ...
    @property
    def station(self) -> str: ...
    @property
    def channel(self) -> Any: ...
    async def set_lamp(self, *, on: bool) -> None:
        """Set the telephone's message lamp; NotCapable where there is no telephone."""


class DeviceDriver(Protocol):
    """A driver whose lines carry audio through a descriptor."""

    name: str

    async def open(self, ports: "EnginePorts") -> Sequence[Line]: ...
    async def close(self) -> None: ...
    def events(self) -> AsyncIterator[LineEvent]: ...
    def line(self, line: LineId) -> DeviceLine: ...
    def lines(self) -> Sequence[DeviceLine]: ...
    def counters(self) -> dict[str, int]: ...
    def wake(self, port: PortId, *, lost: bool = False) -> None: ...


class EnginePorts:
    """Gives descriptors to the engine under ids of our own.

    They start at a random number below 2**41; control's ids carry the time above that, so
    the two never meet, nor do those of two media processes.
    """

    def __init__(self, services: HostServices, *, digits: str = "inband") -> None:
        self._services = services
        self._digits = digits
        self._ids = itertools.count(1 + secrets.randbits(40))

    def open_device(self, fd: int, law: str) -> PortId:
        """Make a descriptor a port of the engine; DriverError when it takes no more."""
        port = PortId(next(self._ids))
        try:
            self._services.open_device(port, fd, _LAWS[law], digits=self._digits)
        except (EngineError, OSError) as error:
            raise DriverError(f"the media engine takes no more ports: {error}") from error
        return port

    def close(self, port: PortId) -> None:
        """Give a port back with all that it plays; closing twice is harmless."""
        self._services.close(port)

    def play_caller(self, port: PortId, message: bytes, standard: str) -> None:
        """Send a caller-identity message by FSK; DriverError when that cannot be."""
        player = next(self._ids)
        self._play(ask.PlayCaller(port=port, player=player, message=message, standard=standard))

    def play_tones(
        self,
        port: PortId,
        pairs: Sequence[tuple[float, float]],
        step_ms: tuple[int, int],
        level_dbm0: float,
    ) -> None:
        """Play pairs of frequencies in turn, each for so long on and off; DriverError."""
        self._play(
            ask.PlayTone(
                port=port,
                player=next(self._ids),
                frequencies=tuple(pairs),
                cadence_ms=(step_ms,) * len(pairs),
                repeat=1,
                level_dbm0=level_dbm0,
            )
        )

    def _play(self, command: ask.PlayCaller | ask.PlayTone) -> None:
        try:
            self._services.play(command)
        except MediaRefused as error:
            raise DriverError(f"the media engine does not play: {error}") from error


class DriverHost:
    """One device driver in the media process."""

    def __init__(
        self,
        name: str,
        make: Callable[[], DeviceDriver],
        *,
        digits: str = "inband",
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self._make = make
        self._digits = digits
        self._backoff = backoff or Backoff()
        self._driver: DeviceDriver | None = None
        self._services: HostServices | None = None
        self._task: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        # Pictures of a new media process are newer than those of the one before.
        self._serial = time.time_ns() // 1000

    @classmethod
    def of(
        cls, name: str, registration: Registration, options: msgspec.Struct, run_dir: Path
    ) -> "DriverHost":
        """The host of a configured driver (registered with ``host="media"``)."""

        def make() -> DeviceDriver:
            driver: DeviceDriver = registration.factory(options, name=name, run_dir=run_dir)
            return driver

        return cls(name, make, digits=getattr(options, "digits", "inband"))

    async def open(self, services: HostServices) -> None:
        """Start the driver; a failing one is tried again inside, nothing is raised."""
        if self._task is None:
            self._services = services
            self._task = asyncio.create_task(self._run(services), name=f"host {self.name}")
            await self._opened.wait()

    async def close(self) -> None:
        """Release every line and device; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def control_gone(self) -> None:
        """Nobody steers the calls any more: end them."""
        if self._driver is None:
            return
        for line in self._driver.lines():
            if line.phase != "idle":
                self.counts["released_without_control"] += 1
                try:
                    await line.release(Cause.TEMPORARY_FAILURE)
                except DriverError as error:
                    log.warning("line not released", line=line.id, why=str(error))

    def device_event(self, port: PortId, kind: str, value: int) -> None:
        """The engine met an event or the end on a port's descriptor."""
        self.counts[f"device_{kind}"] += 1
        if self._driver is not None:
            self._driver.wake(port, lost=kind == "lost")

    async def handle(self, payload: bytes) -> bytes:
        """Carry out a request of control; a failure is told inside the answer."""
        try:
            request = told.decode_request(payload)
        except msgspec.DecodeError as error:
            self.counts["bad_requests"] += 1
            return told.encode(told.failure(ProtocolError(str(error))))
        self.counts[type(request).__name__] += 1
        try:
            return told.encode(await self._carry_out(request))
        except DriverError as error:
            self.counts["failed_requests"] += 1
            return told.encode(told.failure(error))

    async def _carry_out(self, request: told.Request) -> HostReply:
        driver = self._driver
        match request:
            case told.ListLines():
                lines = () if driver is None else driver.lines()
                return told.Lines(lines=tuple(self._state(line) for line in lines))
            case told.ReadCounters():
                counted = {} if driver is None else driver.counters()
                return told.Counters(counters={**counted, **self.counts})
        line = self._line(request.line)
        match request:
            case told.DialLine():
                await self._dial(line, request)
            case told.AnswerLine():
                await line.answer()
            case told.ReleaseLine():
                await line.release(request.cause)
            case told.HoldLine():
                await (line.hold() if request.on else line.retrieve())
            case told.FlashLine():
                await line.flash()
            case told.SendLineDigits():
                await line.send_digits(request.digits)
            case told.TransferLine():
                await line.transfer(request.number)
            case told.SetLineLamp():
                await line.set_lamp(on=request.on)
        return told.Done(state=self._state(line))

    async def _dial(self, line: DeviceLine, request: told.DialLine) -> None:
        if isinstance(line, DetailedDialing):
            details = CallDetails(restricted=request.restricted)
            await line.dial_with(request.number, details, ani=request.ani, name=request.name)
        else:
            await line.dial(request.number, ani=request.ani, name=request.name)

    def _line(self, name: str) -> DeviceLine:
        if self._driver is None:
            raise DriverError(f"{self.name}: the driver is not running")
        try:
            return self._driver.line(LineId(name))
        except KeyError as error:
            raise NotCapable(f"{self.name} has no line {name}") from error

    def _state(self, line: DeviceLine) -> LineState:
        """A picture of the line; every picture is newer than those before."""
        self._serial += 1
        return LineState(
            line=line.id,
            serial=self._serial,
            can=line.can.value,
            up=line.up,
            phase=line.phase,
            port=line.port,
            dnis=line.dnis,
            ref=line.ref,
            station=line.station,
            link=getattr(line.channel, "link", ""),
            terminal=getattr(line.channel, "terminal", ""),
        )

    async def _run(self, services: HostServices) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._work(services)
            except Exception:
                # The edge of a driver's task: whatever it was, the others go on.
                pause = self._backoff.failed(loop.time())
                self.counts["driver_failures"] += 1
                log.exception("driver failed", driver=self.name, retry_s=pause)
                self._tell_down(services)
            else:
                pause = self._backoff.failed(loop.time())
                log.error("driver ended by itself", driver=self.name, retry_s=pause)
            finally:
                self._opened.set()
            await asyncio.sleep(pause)

    async def _work(self, services: HostServices) -> None:
        self._driver = driver = self._make()
        try:
            await driver.open(EnginePorts(services, digits=self._digits))
            self._backoff.worked(asyncio.get_running_loop().time())
            self._opened.set()
            async for event in driver.events():
                services.emit(told.encode_event(event, self._state_of(driver, event)))
        finally:
            await driver.close()

    def _state_of(self, driver: DeviceDriver, event: LineEvent) -> LineState | None:
        try:
            return self._state(driver.line(event.line))
        except KeyError:
            return None

    def _tell_down(self, services: HostServices) -> None:
        driver, self._driver = self._driver, None
        if driver is None:
            return
        for line in driver.lines():
            if line.phase != "idle":
                gone = Released(line=line.id, cause=Cause.TEMPORARY_FAILURE, detail="driver failed")
                services.emit(told.encode_event(gone))
            services.emit(told.encode_event(LineDown(line=line.id, reason="driver failed")))
