"""All lines of all drivers, found by name or by the station at their end."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

import msgspec

from drivers.api import BusyLamps, Driver, Line, LineId, MessageLamps, Stations, Transfers
from drivers.ctilink.details import CallDetail, CallDetails
from drivers.errors import DeviceMissing, DriverError
from drivers.events import LineEvent

STATION: Final = "station:"
"""Beginning of the names of lines towards telephones."""


class OpenDriver(msgspec.Struct, frozen=True, kw_only=True):
    """A driver that runs, with what it is besides a ``Driver``."""

    driver: Driver
    kind: str
    lines: tuple[LineId, ...] = ()
    """Lines that exist from the start; stations come and go."""
    stations: Stations | None = None
    lamps: MessageLamps | None = None
    details: CallDetails | None = None


@runtime_checkable
class DetailedLines(Protocol):
    """A driver some of whose lines a serial link tells about."""

    async def call_detail(
        self, line: LineId, links: Mapping[str, CallDetails], wait_s: float | None = None
    ) -> CallDetail | None:
        """Why and from whom a line rings; None when nothing is known in time."""


class LineTable:
    """The drivers of a site."""

    def __init__(self, opened: Iterable[OpenDriver]) -> None:
        self._opened = {item.driver.name: item for item in opened}
        # Whether it is one is dear to find out, and no driver becomes one later.
        self._detailed = {
            name: item.driver
            for name, item in self._opened.items()
            if isinstance(item.driver, DetailedLines)
        }
        self._transfers = {
            name: item.driver
            for name, item in self._opened.items()
            if isinstance(item.driver, Transfers)
        }

    def opened(self, driver: str, lines: Iterable[LineId]) -> None:
        """Note the lines that a driver has from the start."""
        item = self._opened[driver]
        self._opened[driver] = msgspec.structs.replace(item, lines=tuple(lines))

    @property
    def drivers(self) -> tuple[OpenDriver, ...]:
        """Every driver that runs."""
        return tuple(self._opened.values())

    @property
    def lamps(self) -> Sequence[MessageLamps]:
        """Drivers that can light message lamps."""
        return [item.lamps for item in self._opened.values() if item.lamps is not None]

    def streams(self) -> list[tuple[str, AsyncIterator[LineEvent]]]:
        """The events of each driver."""
        return [(name, item.driver.events()) for name, item in self._opened.items()]

    def line(self, line: LineId) -> Line:
        """A line by its name; DriverError when no driver has it."""
        for item in self._opened.values():
            try:
                return item.driver.line(line)
            except KeyError:
                continue
        raise DeviceMissing(f"{line}: no driver has this line")

    def station_line(self, station: str) -> Line:
        """A line towards a station; DriverError when nobody can reach it."""
        why = ""
        for item in self._opened.values():
            if item.stations is None:
                continue
            try:
                return item.stations.station_line(station)
            except DriverError as error:
                if item.stations.reachable(station):
                    raise
                why = str(error)
        raise DeviceMissing(why or f"station {station}: not registered and not plugged in")

    def outgoing(self, names: Iterable[str]) -> list[Line]:
        """Trunk lines, those of the drivers, trunks or lines named, in that order; else all."""
        lines = [
            (item.driver, line)
            for item in self._opened.values()
            for line in item.lines
            if not line.startswith(STATION)
        ]
        wanted = list(names)
        if wanted:
            lines = [
                (driver, line)
                for name in wanted
                for driver, line in lines
                if name in (driver.name, line, line.partition("/")[0])
            ]
        return [driver.line(line) for driver, line in lines]

    def transfers(self, line: LineId) -> Transfers | None:
        """The driver of a line, where its far ends can ask for transfers."""
        return self._transfers.get(self._owner(line).name)

    def show_busy(self, name: str, *, busy: bool) -> None:
        """Light or darken the lamp of something that is no station, such as a parking slot."""
        for item in self._opened.values():
            if isinstance(item.driver, BusyLamps):
                item.driver.show_busy(name, busy=busy)

    def trunks_beside(self, line: LineId) -> tuple[LineId, ...]:
        """Every trunk line of the driver that has this line."""
        return next((item.lines for item in self._opened.values() if line in item.lines), ())

    def reachable(self, station: str) -> bool:
        """Whether a call to the station would ring."""
        return any(
            item.stations.reachable(station)
            for item in self._opened.values()
            if item.stations is not None
        )

    async def call_detail(self, line: LineId) -> CallDetail | None:
        """What a serial link tells of the call ringing on a board port, waiting for it."""
        driver = self._detailed.get(self._owner(line).name) if self._detailed else None
        if driver is None:
            return None
        links = {
            name: item.details for name, item in self._opened.items() if item.details is not None
        }
        return await driver.call_detail(line, links)

    def _owner(self, line: LineId) -> Driver:
        for item in self._opened.values():
            try:
                item.driver.line(line)
            except KeyError:
                continue
            return item.driver
        raise DeviceMissing(f"{line}: no driver has this line")
