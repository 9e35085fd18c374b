"""The driver that is measured: it answers every call, and no audio is behind it.

CPU is that of this process from the operating system; whoever makes the load is a process of
its own.
"""

import asyncio
import contextlib
import gc
import resource
import time
from itertools import count
from pathlib import Path
from typing import Final, Self

from drivers.api import PortId, RtpAddress, RtpFormat, RtpStream
from drivers.events import Answered, Released, Ringing
from drivers.sip.driver import SipDriver
from drivers.sip.options import SipOptions

GARBAGE: Final = (50_000, 20, 50)
"""When to look for garbage: as rarely as control does (``daemon/control/app.py``)."""


class NoAudio:
    """Audio ports for a benchmark: addresses, but nothing behind them."""

    def __init__(self) -> None:
        self._ids = count(1)

    async def open_rtp(self, to: RtpStream | None = None) -> tuple[PortId, RtpAddress]:
        """Name the next port; no socket is opened."""
        number = next(self._ids)
        return PortId(number), RtpAddress("127.0.0.1", 10_000 + number % 50_000)

    async def connect_rtp(self, port: PortId, remote: RtpAddress, fmt: RtpFormat) -> None:
        """Nothing to connect."""

    async def close(self, port: PortId) -> None:
        """Nothing to close."""

    async def send_digits(self, port: PortId, digits: str) -> None:
        """Nothing to send on."""


class Subject:
    """An open driver; ``async with`` it."""

    def __init__(self, options: SipOptions, *, folder: Path = Path()) -> None:
        self.journal_bytes = 0
        self.answered = 0
        self.released = 0
        self.driver = SipDriver(options, clock=time.time, journal=self._keep, folder=folder)
        self._task: asyncio.Task[None] | None = None
        self._collected = gc.get_threshold()

    async def __aenter__(self) -> Self:
        await self.driver.open(NoAudio())
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        self._task = asyncio.create_task(self._answer(), name="bench answers")
        return self

    async def __aexit__(self, *_: object) -> None:
        gc.set_threshold(*self._collected)
        gc.unfreeze()
        await self.driver.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def port(self, transport: str) -> int:
        """The port of the listener for a transport."""
        places = self.driver.border.transports.places
        return next(port for name, _, port in places if name == transport)

    def _keep(self, kind: str, payload: bytes) -> None:
        self.journal_bytes += len(payload)

    async def _answer(self) -> None:
        async for event in self.driver.events():
            if isinstance(event, Ringing):
                await self.driver.line(event.line).answer()
            elif isinstance(event, Answered):
                self.answered += 1
            elif isinstance(event, Released):
                self.released += 1


def cpu_seconds() -> float:
    """Processor seconds of this process so far, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident() -> int:
    """Resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
