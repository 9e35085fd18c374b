"""Makes the drivers of a site, brings back what they knew, opens and closes them."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from daemon.config import DriverSection
from daemon.control.checkpoint.unsealing import KEY_FILE
from daemon.control.facade.in_force import StationDriver
from daemon.control.journal import Journal
from daemon.control.journaled.kinds import DRIVER_KIND
from daemon.control.line_table import LineTable, OpenDriver
from daemon.control.recovery import Standing
from daemon.control.remote_driver import RemoteDriver
from daemon.link.client import MediaLink
from daemon.readiness import Endpoints, endpoints
from daemon.site_directory import SiteDirectory
from drivers import registry
from drivers.api import LineId, PortId
from drivers.ctilink.driver import CtiLinkDriver
from drivers.errors import DriverError
from drivers.sip.driver import SipDriver
from drivers.sip.options import SipOptions

log = structlog.get_logger()

SEAL_KEY_OCTETS: Final = 32


class DriverSet:
    """All drivers of one site, as control has them."""

    def __init__(
        self,
        site: SiteDirectory,
        media: MediaLink,
        clock: Callable[[], float],
        journal: Journal,
    ) -> None:
        self._site = site
        self._media = media
        self._clock = clock
        self._journal = journal
        self._before = endpoints(site.run_dir, "control")
        """Where the control process before this one listened."""
        self._seal_key = _seal_key(site.run_dir)
        self._made = [self._make(section) for section in site.config.drivers]
        self.table = LineTable(self._made)
        self._went_on: dict[LineId, PortId | None] = {}

    @property
    def station_drivers(self) -> list[StationDriver]:
        """Drivers that must know the stations' accounts."""
        return [item.driver for item in self._made if isinstance(item.driver, SipDriver)]

    def restore(self, records: dict[str, list[tuple[str, bytes]]]) -> None:
        """Give each driver its own journal records, before it opens."""
        for item in self._made:
            if isinstance(item.driver, SipDriver):
                item.driver.restore(records.get(item.driver.name, ()))
                calls = item.driver.restored_calls()
                self._went_on |= {call.line: call.port for call in calls}

    def snapshot(self) -> dict[str, list[tuple[str, bytes]]]:
        """Records that replace all earlier ones, by the prefix of their journal kind."""
        return {
            f"{DRIVER_KIND}{item.driver.name}:": item.driver.snapshot()
            for item in self._made
            if isinstance(item.driver, SipDriver)
        }

    async def open(self) -> None:
        """Open every driver; one that cannot be opened is an error of the whole site.

        Raises DriverError, because a hotline that does not hear one of its lines must not
        look as if it were running.
        """
        for item in self._made:
            lines = await item.driver.open(self._media)
            self.table.opened(item.driver.name, [line.id for line in lines])
            log.info("driver opened", driver=item.driver.name, kind=item.kind, lines=len(lines))

    async def close(self) -> None:
        """Release every call and close."""
        for item in reversed(self._made):
            try:
                await item.driver.close()
            except DriverError as error:
                log.warning("driver does not close", driver=item.driver.name, why=str(error))

    def endpoints(self) -> Endpoints:
        """Bound ports, by driver name, for those who must find us."""
        return {
            f"{item.driver.name}_port": item.driver.port
            for item in self._made
            if isinstance(item.driver, SipDriver)
        }

    def restored(self) -> Standing:
        """What drivers know of the calls from before; to be asked once they are open."""
        lines = dict(self._went_on)
        rings, left = frozenset[str](), frozenset[str]()
        for item in self._made:
            if isinstance(item.driver, RemoteDriver):
                lines |= {call.line: call.port for call in item.driver.restored_calls()}
            elif isinstance(item.driver, SipDriver):
                rings |= item.driver.rings
                left |= item.driver.left()
        return Standing(lines=lines, rings=rings, left=left)

    def reread(self) -> None:
        """Let drivers take files that were renewed."""
        for item in self._made:
            if isinstance(item.driver, SipDriver):
                item.driver.reread()

    def _make(self, section: DriverSection) -> OpenDriver:
        name, options = section.name, section.options
        if section.host == "media":
            remote = RemoteDriver(name, self._media)
            return OpenDriver(driver=remote, kind=section.kind, stations=remote, lamps=remote)
        if isinstance(options, SipOptions):
            sip = SipDriver(
                self._same_port(name, options),
                clock=self._clock,
                journal=lambda kind, payload: self._keep(name, kind, payload),
                name=name,
                folder=self._site.path,
                seal_key=self._seal_key,
                settle=self._journal.settle,
            )
            return OpenDriver(driver=sip, kind=section.kind, stations=sip, lamps=sip)
        driver = registry.available()[section.kind].factory(options, name=name)
        details = lamps = driver if isinstance(driver, CtiLinkDriver) else None
        return OpenDriver(driver=driver, kind=section.kind, lamps=lamps, details=details)

    def _same_port(self, name: str, options: SipOptions) -> SipOptions:
        """Peers know the port we had: with ``port = 0`` take it again after a restart."""
        port = self._before.get(f"{name}_port")
        if options.port or not isinstance(port, int):
            return options
        return msgspec.structs.replace(options, port=port)

    def _keep(self, name: str, kind: str, payload: bytes) -> None:
        self._journal.append(f"{DRIVER_KIND}{name}:{kind}", payload, self._clock())


def _seal_key(run_dir: Path) -> bytes:
    """The key of sealed journal records, made when there is none.

    It lies among the sockets, which no backup of the site holds and which in ``/run`` end with
    the machine's run: by then the audio that it could open is over.
    """
    path = run_dir / KEY_FILE
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) == SEAL_KEY_OCTETS:
        return key
    key = secrets.token_bytes(SEAL_KEY_OCTETS)
    fresh = path.with_name("journal.key.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    fresh.replace(path)
    return key
