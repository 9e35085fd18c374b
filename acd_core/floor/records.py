"""What the engine keeps of one agent and of one queue."""

from collections.abc import Mapping
from typing import Final

from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import QueueConfig
from acd_core.eligibility.capacity import Beside
from acd_core.eligibility.marks import CALLS_ONLY
from acd_core.errors import UnknownCall
from acd_core.floor.contact import Contact, Order
from acd_core.ids import AgentId, CallId
from acd_core.routing.registry import Strategy
from acd_core.stats.estimates import Rolling, WaitEstimates
from acd_core.stats.occupancy import LOADS
from acd_core.stats.visits import VisitCounter

# The matcher knows states as numbers; 1 is the one in which agents are chosen.
NUMBERS: Final[dict[AgentState, int]] = {
    state: number for number, state in enumerate(AgentState) if number < 16
}
STATES: Final = tuple(AgentState)
LEVEL_VISITS: Final = 50  # visits that the rolling service level remembers, roughly
_LOGGED_OUT: Final = NUMBERS[AgentState.LOGGED_OUT]
_UNREACHABLE: Final = NUMBERS[AgentState.UNREACHABLE]
_WORD: Final = (1 << 64) - 1


class AgentRecord:
    """One agent: configuration, state, and the circumstances that decide where he rests."""

    __slots__ = (
        "agent",
        "beside",
        "busy",
        "config",
        "contact",
        "handle",
        "handled",
        "idle_since",
        "leaving",
        "load",
        "loaded",
        "misses",
        "occupancy",
        "pause",
        "pause_until",
        "profile",
        "reachable",
        "reason",
        "room",
        "since",
        "state",
        "station",
        "until",
        "version",
        "wrapping",
    )

    def __init__(self, config: AgentConfig, version: int, handle: int, since: float) -> None:
        self.config = config
        self.agent = config.agent
        self.version = version
        self.handle = handle
        self.state = AgentState.LOGGED_OUT
        self.since = since
        self.reason = ""
        """Pause reason of the present state."""
        self.idle_since = since
        self.handled = 0
        """Calls answered since log-in, or since the day began."""
        self.occupancy = 0.0
        """As it was when the present kind of load began."""
        self.load = LOADS[AgentState.LOGGED_OUT]
        self.loaded = since
        """When that was."""
        self.profile = -1
        """The matcher's number for his skills."""
        self.room = CALLS_ONLY
        """Media of which he can take one contact more, while he has no call."""
        self.beside: Beside | None = None
        """What he has beside each other; None until there is something."""
        self.until: float | None = None
        self.station = ""
        self.leaving = True
        """Logged out, now or after the present work."""
        self.reachable = True
        self.busy = False
        self.pause = ""
        """Reason of the pause he is in or will be in; empty for none."""
        self.pause_until: float | None = None
        self.misses = 0
        self.contact: Contact | None = None
        """Offered to him or talking to him."""
        self.wrapping: Contact | None = None
        """The call whose after-call work he does."""

    def rest(self, now: float) -> AgentState:
        """Where he is when he has no work."""
        if self.leaving:
            stays = self.beside is not None and self.beside.open
            return AgentState.BUSY if stays else AgentState.LOGGED_OUT
        if not self.reachable:
            return AgentState.UNREACHABLE
        if self.busy:
            return AgentState.BUSY
        if self.pause_until is not None and self.pause_until <= now:
            self.pause, self.pause_until = "", None
        if self.pause:
            return AgentState.PAUSED
        return AgentState.READY if self.room else AgentState.BUSY


class QueueRecord:
    """One queue: configuration, its calls in order, its counts."""

    __slots__ = (
        "calls",
        "chosen",
        "config",
        "counter",
        "demand",
        "demands",
        "estimates",
        "given",
        "guarded",
        "kept",
        "last_offered",
        "lends",
        "lent",
        "level",
        "line",
        "lined",
        "lively",
        "mixed",
        "number",
        "offers",
        "strategy",
        "talking",
        "urgency",
        "urgent",
        "version",
    )

    def __init__(self, config: QueueConfig, version: int, strategy: Strategy, demand: int) -> None:
        self.config = config
        self.number = config.queue
        self.version = version
        self.strategy = strategy
        self.demand = demand
        self.counter = VisitCounter()
        self.estimates = WaitEstimates()
        self.level = Rolling(LEVEL_VISITS)
        """Service level of the last visits."""
        self.guarded = False
        """The service level is, or was just, below its target."""
        self.urgent = False
        """Its rule goes by urgency."""
        self.urgency = 0.0
        self.lends = False
        """It has limits beyond which reserve agents help."""
        self.lent: tuple[int, int] | None = None
        """While they help: service level in thousandths and wait in ms that opened it, or -1."""
        self.lined = False
        """It has a line of its own in the matcher."""
        self.demands: set[int] = set()
        """Every number its calls had on that line."""
        self.chosen = 0
        """Offers made since the shares between queues were set."""
        self.line: list[Order] = []
        """Order of every call in the system, first comes first."""
        self.calls: dict[CallId, Contact] = {}
        self.kept = 0
        """Places of callers who are to be called."""
        self.lively = False
        """It does more for those who wait than find an agent: see ``acd_core/queue_life``."""
        self.mixed = False
        """Some of its calls demanded other agents than the queue does."""
        self.talking = 0
        self.last_offered = -1
        self.offers = 0
        self.given: dict[AgentId, int] = {}
        """Calls answered by each agent, by number."""

    def present(self, tally: tuple[int, ...]) -> int:
        """Agents who do not count as absent, of those counted by state."""
        absent = sum(tally[NUMBERS[state]] for state in set(self.config.absent))
        if AgentState.LOGGED_OUT not in self.config.absent:
            absent += tally[_LOGGED_OUT]
        return sum(tally) - absent

    @staticmethod
    def staffed(tally: tuple[int, ...]) -> int:
        """Agents logged in at a station that answers, of those counted by state."""
        return sum(tally) - tally[_LOGGED_OUT] - tally[_UNREACHABLE]

    @property
    def lot(self) -> int:
        """What the next choice is drawn with; the matcher mixes it."""
        return ((self.config.seed << 32) + self.offers) & _WORD

    @property
    def shares(self) -> Mapping[AgentId, int]:
        """Share of the calls that each agent should get."""
        return self.config.shares


class CallBook:
    """Every call the engine knows, by its identifier."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[CallId, Contact] = {}

    def __contains__(self, call: CallId) -> bool:
        return call in self._calls

    def add(self, contact: Contact) -> None:
        """Keep a call."""
        self._calls[contact.call] = contact

    def remove(self, contact: Contact) -> None:
        """Forget a call."""
        del self._calls[contact.call]

    def find(self, call: CallId) -> Contact:
        """Return a call; raise UnknownCall."""
        contact = self._calls.get(call)
        if contact is None:
            raise UnknownCall(f"call {call} is in no queue and with no agent")
        return contact
