"""Which line carries which call; what happens to calls, told as the events of their lines."""

import asyncio
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from drivers.api import LineId
from drivers.events import Cause, LineEvent, Released, StationDown, StationUp
from drivers.sip.core.call import Call
from drivers.sip.core.endpoint import SipCore
from drivers.sip.core.happenings import (
    AnsweredBy,
    Connected,
    Ended,
    Happening,
    MediaAgreed,
    Offered,
    Progressed,
    Replaced,
    StationCame,
    StationWent,
    T38Answered,
    T38Cancelled,
    T38Over,
    T38Wanted,
)
from drivers.sip.line import SipLine
from drivers.sip.line_events import line_event, replaced, ringing
from drivers.sip.options import TrunkOptions
from drivers.sip.stations.lines import first_of, names

if TYPE_CHECKING:
    from drivers.sip.driver import SipDriver


class Switchboard:
    """The lines of a driver, those that are free, and what there is to tell of them.

    The events are for one reader, who waits for ``told``: three a call make a queue's price felt.
    """

    def __init__(self, driver: "SipDriver", core: SipCore, *, past: int) -> None:
        self.driver = driver
        self.core = core
        self.lines: dict[LineId, SipLine] = {}
        # First in, first out: a command meant for an ended call must not meet the next one.
        # Ordered dicts: to take a certain line out of thousands must not cost a search.
        self.free: dict[str, OrderedDict[SipLine, None]] = {}
        self._of_station: dict[str, list[SipLine]] = {}
        self.past: deque[tuple[LineId, str, float]] = deque(maxlen=past)
        """Line, Call-ID and end of the calls whose messages may still be kept."""
        self.events: deque[LineEvent | None] = deque()
        self.told: asyncio.Future[None] | None = None

    # Lines

    def add_trunk(self, trunk: TrunkOptions) -> None:
        """Make the lines of a trunk."""
        slots = [
            SipLine(
                self.driver,
                LineId(f"{trunk.name}/{number}"),
                trunk.name,
                can_dial=bool(trunk.target or trunk.gateways),
                can_transfer=trunk.network_transfers,
            )
            for number in range(1, trunk.max_calls + 1)
        ]
        self.lines |= {line.id: line for line in slots}
        self.free[trunk.name] = OrderedDict.fromkeys(slots)

    def add_station(self, station: str) -> None:
        """Make the line of our calls to a station, unless there is one."""
        name = first_of(station)
        if name not in self.lines:
            self._add(name, station)

    def is_in_use(self, station: str) -> bool:
        """Whether a telephone has any call; then it is not rung."""
        lines = self._of_station.get(station, ())
        return any(line.call is not None for line in lines)

    def carrier(self, call: Call) -> SipLine | None:
        """The line that carries a call."""
        line = self.lines.get(LineId(call.line))
        return line if line is not None and line.call is call else None

    def restore(self, call: Call) -> None:
        """Give a call of an earlier run its line back."""
        line = self.lines.get(LineId(call.line))
        peer = call.peer
        if line is None:
            # Its trunk or station is gone from the configuration, the caller is not.
            if peer.is_station:
                line = self._add(LineId(call.line), peer.name)
            else:
                line = SipLine(self.driver, LineId(call.line), peer.name)
                self.lines[line.id] = line
        elif line in self.free.get(peer.name, ()):
            del self.free[peer.name][line]
        line.take(call)

    def give_back(self, line: SipLine) -> None:
        """The line is free again."""
        if not line.is_station and line.owner in self.free:
            self.free[line.owner][line] = None

    # Events

    def emit(self, event: LineEvent | None) -> None:
        """Hand an event up; None when no more will come."""
        self.events.append(event)
        if self.told is not None and not self.told.done():
            self.told.set_result(None)

    def tell(self, happened: Happening) -> None:
        """Let the line that it is about know, and whoever reads the events."""
        # Each is of one exact kind, and a comparison costs a tenth of ``isinstance``.
        if type(happened) is Offered:
            self._offer(happened)
        elif type(happened) is MediaAgreed:
            line = self.carrier(happened.call)
            if line is not None:
                line.connect(happened.remote, happened.fmt)
        elif type(happened) is Ended:
            self._ended(happened)
        elif type(happened) is Connected or type(happened) is Progressed:
            line = self.carrier(happened.call)
            if line is not None:
                line.tell(line_event(line.id, happened))
        elif isinstance(happened, StationCame):
            self.station_up(happened.station, happened.contact, happened.expires_s)
        elif isinstance(happened, StationWent):
            name = happened.station
            self.emit(StationDown(line=first_of(name), station=name, reason=happened.reason))
        elif isinstance(happened, (T38Wanted, T38Answered, T38Cancelled, T38Over)):
            line = self.carrier(happened.call)
            if line is not None:
                line.t38_happened(happened)
        elif isinstance(happened, (AnsweredBy, Replaced)):
            line = self.carrier(happened.call)
            if line is not None:
                line.call = happened.by
                if isinstance(happened, Replaced):
                    line.tell(replaced(line.id, happened))
                    line.t38_replaced(happened.call)
        else:
            line = self.carrier(happened.call)
            if line is not None:
                line.tell(line_event(line.id, happened))

    def station_up(self, station: str, contact: str, expires_s: float) -> None:
        """Tell that a station can be reached."""
        event = StationUp(
            line=first_of(station), station=station, contact=contact, expires_s=expires_s
        )
        self.emit(event)

    def _offer(self, offered: Offered) -> None:
        call = offered.call
        if call.peer.is_station:
            found = self._free_line(call.peer.name)
            if found is None:
                self.core.release(call, Cause.BUSY)
                return
            line = found
        else:
            slots = self.free[call.peer.name]
            if not slots:
                self.core.services.count("no_free_line")
                self.core.release(call, Cause.CONGESTION)
                return
            line, _ = slots.popitem(last=False)
        line.take(call)
        self.core.ring(call)
        self.emit(ringing(line.id, offered))

    def _free_line(self, station: str) -> SipLine | None:
        """A line for one more call that a telephone makes; None for a stranger or too many."""
        if first_of(station) not in self.lines:
            return None
        for name in names(station):
            line = self.lines.get(name)
            if line is None:
                line = self._add(name, station)
            if line.call is None:
                return line
        return None

    def _add(self, name: LineId, station: str) -> SipLine:
        line = self.lines[name] = SipLine(self.driver, name, station, is_station=True)
        self._of_station.setdefault(station, []).append(line)
        return line

    def _ended(self, ended: Ended) -> None:
        line = self.carrier(ended.call)
        if line is not None:
            line.drop()
            services = self.core.services
            self.past.append((line.id, ended.call.ref, services.timers.now))
            self.emit(Released(line=line.id, cause=ended.cause, detail=ended.detail))
            self.give_back(line)
