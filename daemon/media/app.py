"""Composition root of the media process: engine, link server, drivers with devices."""

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Sequence
from typing import Final

import cython_ext.media
from daemon.errors import CommandError
from daemon.language import pick
from daemon.link.server import LinkServer
from daemon.logs import get_logger
from daemon.machine import libraries, rights
from daemon.media.driver_host import DriverHost
from daemon.media.fax.host import FaxHost
from daemon.media.files import SiteFiles
from daemon.media.options import MediaSetup
from daemon.media.ports import Host, Ports
from daemon.media.recordings import repair_all
from daemon.readiness import announce
from daemon.site_directory import SiteDirectory
from drivers import registry

GARBAGE: Final = (50_000, 20, 50)
WATCH_S: Final = 0.5  # how exactly the deadlines of an absence are kept, and grants looked after

log = get_logger(__name__)


class MediaProcess:
    """Everything that runs in the media process."""

    def __init__(
        self,
        setup: MediaSetup,
        hosts: Sequence[Host] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Here, so that this module can be imported where there is no engine.
        from cython_ext.media import Engine

        options = setup.options
        self.engine = Engine(
            realtime=options.realtime,
            rtp_silence_s=options.rtp_silence_s,
            resting_ports=options.resting_ports,
        )
        self._clock = clock
        self._files = SiteFiles(setup.site)
        self.ports = Ports(self.engine, self._files, options, clock=clock)
        self.server = LinkServer(setup.socket, self.ports)
        self.ports.emit = self.server.emit
        self.ports.last_event = lambda: self.server.last_event
        self._hosts = hosts
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the engine and the drivers, then listen for control."""
        await asyncio.to_thread(repair_all, self._files.unfinished())
        self.engine.start()
        log.info("media engine runs", scheduling=self.engine.scheduling)
        asyncio.get_running_loop().add_reader(self.engine.fileno(), self.ports.happened)
        self.server.open()
        for host in self._hosts:
            await host.open(self.ports.add_host(host))
        # Nobody has ever been there: that is an absence like any other.
        self.ports.control_went()
        self._watch = asyncio.create_task(self._keep_looking(), name="look")

    async def close(self) -> None:
        """Release lines, complete recordings, tell control, stop; safe to call twice."""
        if self._watch is None:
            return
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        self._watch = None
        for host in self._hosts:
            await host.close()
        asyncio.get_running_loop().remove_reader(self.engine.fileno())
        self.ports.tell(await asyncio.to_thread(self.engine.stop))
        await self.server.close()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            self.ports.absent(self._clock())
            self.ports.review_grants()


async def run_media(site: SiteDirectory) -> None:
    """Run the media process of a site until SIGTERM or SIGINT."""
    if not cython_ext.media.available():
        raise CommandError(
            pick(cython_ext.media.reason(), "没有音频：媒体引擎只有编译版本。"),
            todo=pick(
                "unset HOOKFLASH_PURE_PYTHON, then make build",
                "取消 HOOKFLASH_PURE_PYTHON，然后运行 make build",
            ),
        )
    setup = MediaSetup(site=site.path, socket=site.socket("media"), options=site.config.media)
    process = MediaProcess(setup, _hosts(site))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await process.open()
    missing = missing_rights(process.engine.scheduling, realtime=setup.options.realtime)
    missing += await asyncio.to_thread(missing_libraries, site)
    # Commands and events make no cycles; looking for them took a tenth of this thread's time.
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    try:
        announce(
            site.run_dir,
            "media",
            socket=str(setup.socket),
            scheduling=process.engine.scheduling,
            rtp_address=setup.options.rtp_address,
            missing=missing,
        )
        await stop.wait()
    finally:
        await process.close()


def missing_rights(scheduling: str, *, realtime: bool) -> list[str]:
    """What this process was not granted, told in the log; locks its memory if it may."""
    granted = {
        rights.REALTIME: scheduling.startswith("fifo") or not realtime,
        rights.LOCKED_MEMORY: rights.lock_memory(),
        rights.SOCKET_BUFFERS: rights.socket_buffer() >= rights.BUFFER,
    }
    missing = [name for name, has in granted.items() if not has]
    for name in missing:
        log.warning("right is missing, audio goes on without it", right=name)
    return missing


def missing_libraries(site: SiteDirectory) -> tuple[str, ...]:
    """What the options ask for and this machine does not have, told in the log."""
    missing = libraries.missing_for(site.config)
    for name in missing:
        log.warning("library is missing, what needs it is refused", library=name)
    return missing


def _hosts(site: SiteDirectory) -> list[Host]:
    """A host for each configured driver that holds audio devices, and that of faxes."""
    kinds, options = registry.available(), site.config.media
    hosts: list[Host] = [
        DriverHost.of(section.name, kinds[section.kind], section.options, site.run_dir)
        for section in site.config.drivers
        if section.host == "media"
    ]
    return [*hosts, FaxHost(site.path, at_once=options.fax_terminals, options=options)]
