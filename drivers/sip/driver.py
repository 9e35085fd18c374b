"""The SIP driver: trunk slots and stations as lines, around the core without I/O."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from random import Random, SystemRandom

import structlog

from drivers.api import AudioPorts, LadderStep, Line, LineId, LineSpan
from drivers.errors import DriverError, LineBusy
from drivers.events import (
    Answered,
    Cause,
    LineEvent,
)
from drivers.granted_ports import GrantedPorts
from drivers.registry import register
from drivers.sip.border import Border, nothing
from drivers.sip.core.call import CallState
from drivers.sip.core.endpoint import SipCore
from drivers.sip.line import SipLine
from drivers.sip.line_events import RestoredCall
from drivers.sip.options import SipOptions, StationAccount
from drivers.sip.sight.capture import MessageReader
from drivers.sip.stations.lines import first_of
from drivers.sip.switchboard import Switchboard

log = structlog.get_logger()


@register("sip", options=SipOptions)
class SipDriver:
    """SIP over every transport: answers trunks and stations, calls both, registers stations.

    ``clock`` gives seconds since the epoch. ``journal(kind, payload)`` is called before each
    message that changes a call or registration leaves; ``restore`` takes the same pairs. Where
    ``journal`` only gathers records, ``settle`` writes them; it is called before messages leave,
    and must not raise.
    ``folder`` is where the paths in the options begin. ``seal_key`` opens what an earlier run
    with the same key has sealed: its records of encrypted calls.
    """

    def __init__(
        self,
        options: SipOptions,
        *,
        clock: Callable[[], float],
        journal: Callable[[str, bytes], None],
        random: Random | None = None,
        name: str = "sip",
        folder: Path = Path(),
        seal_key: bytes = b"",
        settle: Callable[[], None] = nothing,
    ) -> None:
        options.check()
        rng = SystemRandom() if random is None else random
        first = options.listeners()[0]
        self.name = name
        self.options = options
        self.clock = clock
        self.rings: frozenset[str] = frozenset()
        """Call-IDs of those who rang before this run, and of whom ``Ringing`` tells once more."""
        self.core = SipCore(
            options,
            host=options.advertised(first),
            port=first.port,
            rng=rng,
            journal=journal,
            secret=secrets.token_bytes(32),
            seal_key=seal_key,
        )
        self.ports: AudioPorts | None = None
        self.granted: GrantedPorts | None = None
        """The same, where ports are promised."""
        self.board = Switchboard(self, self.core, past=options.messages_kept // 4)
        self.border = Border(
            options,
            self.core,
            clock=clock,
            tell=self.board.tell,
            rng=rng,
            folder=folder,
            settle=settle,
        )
        self._closed = False
        for trunk in options.trunks:
            self.board.add_trunk(trunk)

    # Driver

    async def open(self, ports: AudioPorts) -> Sequence[Line]:
        """Bind the socket and go on with restored calls; DriverError when it cannot be bound."""
        self.ports = ports
        self.granted = ports if isinstance(ports, GrantedPorts) else None
        await self.border.open()
        for transport, host, port in self.border.transports.places:
            log.info("sip listens", driver=self.name, transport=transport, address=host, port=port)
        for binding in self.core.registrar.records():
            self.board.station_up(binding.station, binding.contact, binding.expires - self.clock())
        for name in self.core.trunks_with_names():
            self.core.named(name, await self.border.places(name))
        core = self.act()
        core.resume()
        for line in self.board.lines.values():
            # Who heard nothing of the answer before the restart hears it now.
            if line.call is not None and line.call.inbound and line.call.answered:
                self.board.emit(Answered(line=line.id))
        core.begin()
        self.flush()
        waiting = (line.call for line in self.board.lines.values() if line.call is not None)
        self.rings = frozenset(call.ref for call in waiting if call.state is CallState.OFFERED)
        return list(self.board.lines.values())

    async def close(self) -> None:
        """Release every call and close the socket; safe to call twice."""
        if self._closed:
            return
        core = self.act()
        for line in self.board.lines.values():
            if line.call is not None:
                core.release(line.call, Cause.TEMPORARY_FAILURE)
        self.flush()
        self._closed = True
        self.border.stop()
        await asyncio.gather(*(line.finish() for line in self.board.lines.values()))
        await self.border.close()
        self.board.emit(None)

    async def events(self) -> AsyncIterator[LineEvent]:
        """Yield what happens until the driver is closed."""
        # To ask which loop runs is a system call each time: Python compares process ids.
        board, loop = self.board, asyncio.get_running_loop()
        while True:
            while not board.events:
                board.told = loop.create_future()
                await board.told
            event = board.events.popleft()
            if event is None:
                return
            yield event

    def line(self, line: LineId) -> SipLine:
        """Find a line by its name; KeyError when there is none."""
        return self.board.lines[line]

    def counters(self) -> dict[str, int]:
        """Messages by method and status, refusals by cause, drops."""
        found = dict(self.core.services.counters)
        found |= self.border.counters()
        found["calls_open"] = len(self.core.calls)
        return found

    @property
    def port(self) -> int:
        """Port of the first listener; 0 before ``open``."""
        return self.border.transports.port

    def reread(self) -> None:
        """Take certificates that were renewed now, instead of at the next look."""
        self.border.transports.reread()

    # Stations, MessageLamps

    def set_stations(self, accounts: Sequence[StationAccount]) -> None:
        """Replace the accounts of the stations, at once and without a restart."""
        for account in accounts:
            self.board.add_station(account.name)
        self.act().set_stations(accounts)
        if self.ports is not None:
            self.flush()

    def station_line(self, station: str) -> SipLine:
        """The station's line; DriverError when no phone is registered, LineBusy in a call."""
        line = self.board.lines.get(first_of(station))
        if line is None or not self.reachable(station):
            raise DriverError(f"station {station} is not registered")
        if self.board.is_in_use(station):
            raise LineBusy(f"station {station} is in a call")
        return line

    def reachable(self, station: str) -> bool:
        """Whether a phone of the station is registered."""
        return self.core.registrar.find(station) is not None

    async def set_lamp(self, station: str, *, on: bool) -> None:
        """Light or put out a station's message lamp."""
        core = self.act()
        core.lamps.set_lamp(station, on=on)
        core.watching.changed(station, "message-summary")
        self.flush()

    def show_busy(self, name: str, *, busy: bool) -> None:
        """Let telephones that watch something besides stations know whether it is in use."""
        self.act().watching.show(name, busy=busy)
        self.flush()

    # Ladders

    def ladder(
        self, names: Sequence[str], lines: Sequence[LineId], past: Sequence[LineSpan] = ()
    ) -> list[LadderStep]:
        """The kept messages of the calls with these Call-IDs or numbers, and of those on lines."""
        return self.core.log.ladder([*names, *self.refs(lines, past)])

    def refs(self, lines: Sequence[LineId], past: Sequence[LineSpan] = ()) -> list[str]:
        """Call-IDs of the calls on lines now, and of those that ended there in these spans."""
        now = [self.board.lines[line].call for line in lines if line in self.board.lines]
        ended = [ref for line, ref, at in self.board.past if any(o.covers(line, at) for o in past)]
        return [*(call.ref for call in now if call is not None), *ended]

    def capture(self) -> MessageReader:
        """A reader of the messages that are kept and come."""
        return MessageReader(self.core.log, self.board.lines, lambda: self.border.transports.places)

    # Transfers

    async def transfer_rings(self, transfer: str) -> None:
        """Tell who asked for a transfer that its target rings."""
        self.act().report_transfer(transfer, None, rings=True)
        self.flush()

    async def transfer_ended(self, transfer: str, cause: Cause | None = None) -> None:
        """Tell who asked for a transfer how it went: None for connected."""
        self.act().report_transfer(transfer, cause)
        self.flush()

    # Recovery

    def restore(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Take journal records of an earlier run, oldest first, before ``open``."""
        for call in self.core.restore(records, self.clock()):
            self.board.restore(call)

    def restored_calls(self) -> list[RestoredCall]:
        """Calls that go on, by line; to be asked after ``restore``."""
        return [
            RestoredCall(
                line.id,
                line.port,
                line.call.ref,
                "answered" if line.call.state is CallState.CONFIRMED else "answering",
                line.call.inbound,
            )
            for line in self.board.lines.values()
            if line.call is not None and line.call.dialog is not None
        ]

    def left(self) -> frozenset[str]:
        """Call-IDs of the last calls that the peer ended before ``restore``."""
        return frozenset(self.core.calls.left)

    def snapshot(self) -> list[tuple[str, bytes]]:
        """Journal records that replace all earlier ones of this driver."""
        return self.core.snapshot()

    # For the lines

    def act(self) -> SipCore:
        """The core, told what time it is; ``flush`` must follow what is asked of it."""
        self.core.services.timers.now = self.clock()
        return self.core

    def flush(self) -> None:
        """Send what the core has to send, tell what it has to tell, set the timer."""
        self.border.flush()

    def claim(self, line: SipLine) -> None:
        """Take a trunk slot for an outgoing call; LineBusy when it carries a call."""
        if line.call is not None:
            raise LineBusy(f"{line.id} carries a call")
        slots = self.board.free.get(line.owner)
        if slots is not None:
            slots.pop(line, None)
