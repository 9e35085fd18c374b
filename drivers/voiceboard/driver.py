"""A voice board: each port a line, each with its own task, so that one bad port fails alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from drivers.api import Line, LineId, PortId
from drivers.backoff import Backoff
from drivers.errors import LineBusy, LinkLost
from drivers.events import LineEvent
from drivers.registry import register
from drivers.voiceboard.device import BoardDevice, DahdiDevice
from drivers.voiceboard.display.formats import format_of
from drivers.voiceboard.display.teller import DevicePorts
from drivers.voiceboard.fxo import FxoPort
from drivers.voiceboard.fxs import FxsPort
from drivers.voiceboard.line import BoardLine
from drivers.voiceboard.options import ChannelOptions, VoiceBoardOptions
from drivers.voiceboard.port import PortMachine
from drivers.voiceboard.socket_device import SocketDevice

FIRST_TRY_S = 3.0
"""``open`` waits this long for ports; slower ones report LineUp when they are there."""


@register("voiceboard", options=VoiceBoardOptions, host="media")
class VoiceBoardDriver:
    """One board; a ``Driver`` and ``Stations``. Lines are ``NAME/CHANNEL``.

    Opening never fails for a port that is missing: its line is down and tried again.
    """

    def __init__(
        self,
        options: VoiceBoardOptions,
        *,
        name: str = "board",
        run_dir: Path = Path(),
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        options.check()
        self.name = name
        self._options = options
        self._run_dir = run_dir
        self._events: asyncio.Queue[LineEvent | None] = asyncio.Queue()
        self._lines: dict[LineId, BoardLine] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._backoff = backoff
        for channel in options.channels:
            line = self._make(channel)
            self._lines[line.id] = line

    async def open(self, ports: DevicePorts) -> Sequence[Line]:
        """Open every port; all lines are returned, up or down."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(line.run(ports), name=f"port {line.id}")
                for line in self._lines.values()
            ]
            tried = [asyncio.create_task(line.tried()) for line in self._lines.values()]
            _, late = await asyncio.wait(tried, timeout=FIRST_TRY_S)
            for waiting in late:
                waiting.cancel()
        return tuple(self._lines.values())

    async def close(self) -> None:
        """Release every call and close every port; safe to call twice."""
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return
        for line in self._lines.values():
            if line.phase != "idle" and line.up:
                await asyncio.gather(line.release(), return_exceptions=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[LineEvent]:
        """Yield what happens on the lines until the board is closed."""
        while (event := await self._events.get()) is not None:
            yield event

    def line(self, line: LineId) -> BoardLine:
        """Find a line by its name; KeyError when there is none."""
        return self._lines[line]

    def lines(self) -> Sequence[BoardLine]:
        """Every line of the board."""
        return tuple(self._lines.values())

    def counters(self) -> dict[str, int]:
        """Counts of all lines together, and of each failing line by its name."""
        total: Counter[str] = Counter()
        for line in self._lines.values():
            total.update(line.counts)
            if failures := line.counts["failures"]:
                total[f"failures {line.id}"] = failures
            total["quarantined"] += line.backoff.quarantined
        return dict(total)

    def station_line(self, station: str) -> BoardLine:
        """The port of a telephone that is hung up; LinkLost or LineBusy when it is not."""
        line = self._station(station)
        if line is None or not line.up:
            raise LinkLost(f"no telephone port for station {station}")
        if not line.reachable:
            raise LineBusy(f"{line.id}: the telephone is off-hook")
        return line

    def reachable(self, station: str) -> bool:
        """Whether the station's telephone can be rung now."""
        line = self._station(station)
        return line is not None and line.reachable

    def wake(self, port: PortId, *, lost: bool = False) -> None:
        """The media engine met an event, or the end, on a port's descriptor."""
        for line in self._lines.values():
            if port in (line.port, line.telling_port):
                line.wake(lost=lost)

    def _station(self, station: str) -> BoardLine | None:
        for line in self._lines.values():
            if line.station == station:
                return line
        return None

    def _make(self, channel: ChannelOptions) -> BoardLine:
        options = self._options
        line = LineId(f"{self.name}/{channel.channel}")
        machine: PortMachine
        if channel.kind == "fxo":
            machine = FxoPort(
                line,
                options.timing,
                dnis=channel.number,
                answered_by=options.answered_by,
                wait_dial_tone=options.wait_dial_tone,
                hears_caller=options.caller_id == "fsk",
            )
        else:
            told = format_of(options.station_caller_id, options.country)
            machine = FxsPort(
                line,
                options.timing,
                extension=channel.number,
                tells=None if told is None else told.when,
            )
        return BoardLine(
            line,
            channel,
            options,
            self._device(channel),
            machine,
            self._events.put_nowait,
            backoff=self._backoff(),
        )

    def _device(self, channel: ChannelOptions) -> BoardDevice:
        options = self._options
        if options.simulated:
            return SocketDevice(self._run_dir / options.socket, channel.channel)
        folder = Path(options.device)
        return DahdiDevice(folder, channel.channel, kind=channel.kind, law=options.law)
