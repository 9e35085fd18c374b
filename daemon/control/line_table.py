"""All lines of all drivers, found by name or by the station at their end."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from drivers.api import Driver, Line, LineId, MessageLamps, Stations
from drivers.ctilink.details import CallDetail, CallDetails
from drivers.errors import DeviceMissing, DriverError
from drivers.events import LineEvent


@runtime_checkable
class TerminalLine(Protocol):
    """A board port that a serial link knows by desk and terminal."""

    @property
    def link(self) -> str:
        """Name of the link; empty when the site has only one."""

    @property
    def terminal(self) -> str:
        """``DESK/TERMINAL``; empty when no link tells of this port."""


class LineTable:
    """The drivers of a site."""

    def __init__(
        self,
        drivers: Sequence[Driver],
        *,
        stations: Sequence[Stations] = (),
        lamps: Sequence[MessageLamps] = (),
        details: Mapping[str, CallDetails] | None = None,
    ) -> None:
        self.drivers = tuple(drivers)
        self.lamps = tuple(lamps)
        self._stations = tuple(stations)
        self._details = dict(details or {})

    def streams(self) -> list[tuple[str, AsyncIterator[LineEvent]]]:
        """The events of each driver."""
        return [(driver.name, driver.events()) for driver in self.drivers]

    def line(self, line: LineId) -> Line:
        """A line by its name; DriverError when no driver has it."""
        for driver in self.drivers:
            try:
                return driver.line(line)
            except KeyError:
                continue
        raise DeviceMissing(f"{line}: no driver has this line")

    def station_line(self, station: str) -> Line:
        """A line towards a station; DriverError when nobody can reach it."""
        why = f"station {station}: not registered and not plugged in"
        for stations in self._stations:
            try:
                return stations.station_line(station)
            except DriverError as error:
                why = str(error)
        raise DeviceMissing(why)

    def reachable(self, station: str) -> bool:
        """Whether a call to the station would ring."""
        return any(stations.reachable(station) for stations in self._stations)

    async def call_detail(self, line: LineId) -> CallDetail | None:
        """What a serial link tells of the call ringing on a board port, waiting for it."""
        found = self.line(line)
        if not isinstance(found, TerminalLine) or not found.terminal:
            return None
        link = self._details.get(found.link)
        if link is None and not found.link and len(self._details) == 1:
            link = next(iter(self._details.values()))
        return None if link is None else await link.wait_for(found.terminal)
