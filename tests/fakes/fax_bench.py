"""A media process with its fax host, and control's end of the link to it."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded, FaxStarted, StartFax
from daemon.link.client import MediaLink
from daemon.link.messages import HostEvent
from daemon.media.app import MediaProcess
from daemon.media.fax.host import FaxHost
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import PortId


class FaxBench:
    """A media process with a fax host, and control's end of the link."""

    def __init__(
        self, site: Path, socket: Path, *, at_once: int = 2, address: str = "127.0.0.1"
    ) -> None:
        self.site = site
        options = MediaOptions(rtp_address=address)
        self.host = FaxHost(site, at_once=at_once, options=options)
        setup = MediaSetup(site=site, socket=socket, options=options)
        self.media = MediaProcess(setup, [self.host])
        self.link: MediaLink
        self.told: list[fax.FaxEvent] = []
        self._more = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._socket = socket

    async def open(self) -> None:
        ids = itertools.count(1)
        await self.media.open()
        self.link = await MediaLink.connect(self._socket, lambda: next(ids))
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        assert self._reading is not None
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.link.disconnect()
        await self.media.close()

    async def ask(self, request: fax.Request) -> fax.Reply:
        return fax.decode_reply(await self.link.host("fax", fax.encode(request)))

    async def start(self, number: int, name: str, **how: object) -> PortId:
        request = StartFax(fax=number, path=f"faxes/{name}.tif", **how)  # type: ignore[arg-type]
        reply = await self.ask(request)
        assert isinstance(reply, FaxStarted), reply
        return PortId(reply.port)

    async def happens(self, found: Callable[[fax.FaxEvent], bool], *, within: float = 30) -> None:
        async with asyncio.timeout(within):
            while not any(found(event) for event in self.told):
                self._more.clear()
                await self._more.wait()

    async def ended(self, number: int, *, within: float = 30) -> FaxEnded:
        def is_end(event: fax.FaxEvent) -> bool:
            return isinstance(event, FaxEnded) and event.fax == number

        await self.happens(is_end, within=within)
        return next(e for e in self.told if isinstance(e, FaxEnded) and e.fax == number)

    async def _read(self) -> None:
        async for event in self.link.events():
            if isinstance(event, HostEvent):
                assert event.host == "fax"
                self.told.append(fax.decode_event(event.payload))
                self._more.set()
