"""What moves between calls need of the control process: the base of its controller."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from daemon.config import TelephoneOptions
from daemon.control.calls.call import Call, Phase, encode_call
from daemon.control.calls.moves.dialled import Outside, wish_of
from daemon.control.dial_plan import DialPlan
from daemon.control.facade.directory import Directory
from daemon.control.journal import Journal
from daemon.control.journaled.kinds import PAIR_KIND
from daemon.control.line_table import LineTable
from drivers.api import LineId, Transfers

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

log = structlog.get_logger()

HOUR: Final = 3600.0  # s
STATION: Final = "station:"


class Switchboard:
    """Who sits where, who is on which line, and what telephones may call."""

    clock: Callable[[], float]
    lines: LineTable
    directory: Directory
    dial_plan: DialPlan
    calls: "dict[int, CallLife]"
    seats: dict[str, int]
    stations: tuple[str, ...]
    _journal: Journal
    _watched: "dict[LineId, CallLife]"

    def __init__(self, telephones: TelephoneOptions) -> None:
        self.telephones = telephones
        self._begun: defaultdict[str, deque[float]] = defaultdict(deque)
        """When each telephone began its calls outside within the last hour."""

    def station_at(self, line: LineId) -> str:
        """The station whose line this is; empty for any other line."""
        if not line.startswith(STATION):
            return ""
        # A telephone has further lines for further calls of its own, NAME#2 and so on.
        name = line.removeprefix(STATION).partition("#")[0]
        return name if name in self.stations else ""

    def is_station(self, name: str) -> bool:
        """Whether agents may sit at a station of this name."""
        return name in self.stations

    def watched(self, line: LineId) -> bool:
        """Whether we have not read yet that the last call on a line is over."""
        return line in self._watched

    def take_seat(self, agent: int, station: str) -> None:
        """An agent sits down at a station, and nowhere else any more."""
        self.seats = {s: a for s, a in self.seats.items() if a != agent} | {station: agent}

    def seat_of(self, station: str) -> int:
        """Key of the agent who sits at a station; 0 for nobody."""
        return self.seats.get(station, 0)

    def serves(self, agent: int, queue: int) -> bool:
        """Whether an agent gets calls of a queue."""
        who, where = self.directory.agent(agent), self.directory.queue(queue)
        return who is not None and where is not None and self.directory.works_in(who, where)

    def shares_queue(self, agent: int, station: str) -> bool:
        """Whether an agent and whoever belongs to a station get calls of a common queue.

        To a station belongs who sits there, else who is at home there.
        """
        directory = self.directory
        one, other = directory.agent(agent), directory.agent(self.seat_of(station))
        if other is None:
            other = next((each for each in directory.agents if each.station == station), None)
        if one is None or other is None:
            return False
        both = (one, other)
        return any(all(directory.works_in(a, q) for a in both) for q in directory.queues)

    def name_of(self, agent: int, station: str = "") -> str:
        """Login of an agent; the station where there is none."""
        found = self.directory.agent(agent)
        return found.login if found is not None else station

    def life_on(self, line: LineId) -> "CallLife | None":
        """The call that a line is part of."""
        return self._watched.get(line)

    def lives(self) -> "Iterable[CallLife]":
        """Every call, oldest first."""
        return tuple(self.calls.values())

    def transfers_at(self, line: LineId) -> Transfers | None:
        """Whom to tell how a transfer goes that the far end of a line asked for."""
        return self.lines.transfers(line)

    def may_call_outside(self, number: str, station: str) -> bool:
        """Whether a telephone may call a number outside now; counts it when it may."""
        options, now = self.telephones, self.clock()
        if not number.startswith(options.allowed):
            return False
        outside = sum(1 for life in self.calls.values() if self._is_outside(life.call))
        begun = self._begun[station]
        while begun and begun[0] <= now - HOUR:
            begun.popleft()
        if outside >= options.max_outside or len(begun) >= options.max_per_hour:
            log.warning("telephone calls outside too often", station=station, open=outside)
            return False
        begun.append(now)
        return True

    def in_dial_plan(self, number: str) -> bool:
        """Whether a number is one of the hotline's own, in so many digits."""
        return self.dial_plan.names(number)

    def keep_together(self, one: Call, other: Call) -> None:
        """Journal two calls in one record: either both are as they are now, or none."""
        payload = msgspec.msgpack.encode([encode_call(one), encode_call(other)])
        self._journal.append(PAIR_KIND, payload, self.clock())

    def slot_changed(self, slot: str, *, taken: bool) -> None:
        """Light or darken the lamp of a parking slot."""
        self.lines.show_busy(slot, busy=taken)

    def _is_outside(self, call: Call) -> bool:
        direct = call.direct
        if call.fax and call.phase is not Phase.ENDED:
            return True
        if direct is None or call.phase is Phase.ENDED:
            return False
        wish = wish_of(direct.to, self.telephones, self.stations.__contains__)
        return isinstance(wish, Outside)
