"""What queues and calls demand of agents, as the matcher's numbers.

Calls of queues that go by plain priority or aging share one line of the matcher, so that there
are few numbers; a queue has a line of its own once something is set for it alone: an urgency,
a weight, or its place in some agent's own order.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from acd_core.agent import AgentState, Medium
from acd_core.call_queue import CallRule, QueueConfig
from acd_core.eligibility.marks import MEDIA, Mark, line_of, mark
from acd_core.ids import QueueId, TierId
from acd_core.skills import Requirement, merge
from cython_ext.acd import Matcher

_LINED: Final = frozenset(CallRule) - {CallRule.PRIORITY, CallRule.AGING}
_READY: Final = list(AgentState).index(AgentState.READY)
_BUSY: Final = list(AgentState).index(AgentState.BUSY)
_AWAY: Final = (AgentState.LOGGED_OUT, AgentState.PAUSED, AgentState.UNREACHABLE)
_AT_WORK: Final = [place for place, state in enumerate(AgentState) if state not in _AWAY]

Ways = tuple[tuple[tuple[int, int], ...], ...]


class Want(NamedTuple):
    """What stands behind a number."""

    ways: Ways
    line: int
    medium: Medium
    tier: TierId | None
    lent: bool


class Demands:
    """Numbers demands, and counts the agents who meet them."""

    def __init__(self, matcher: Matcher) -> None:
        self.mixed = False
        """Some agent has, or had, room for other things than one call."""
        self.named: set[QueueId] = set()
        """Queues that have a place in some agent's own order."""
        self._wants: dict[int, Want] = {}
        self._members: dict[int, int] = {}
        self._lenders: dict[int, int] = {}
        self._plain: dict[int, int] = {}
        self._tiered: set[int] = set()
        self._matcher = matcher

    def lined(self, config: QueueConfig) -> bool:
        """Whether a queue has a line of its own."""
        return config.call_rule in _LINED or config.queue in self.named

    def number(
        self,
        config: QueueConfig,
        step: int,
        own: Iterable[Requirement] = (),
        *,
        medium: Medium,
        tier: TierId | None = None,
        lent: bool = False,
    ) -> int:
        """The number for what a queue demands at a step of its widening, and a call besides.

        ``tier`` asks for the agents of that tier alone, ``lent`` takes skills that are lent.
        """
        base: Iterable[Requirement] = config.required
        ways = config.any_of
        if step:
            base, ways = (), config.widening[step - 1].any_of
        merged = tuple(merge(base, way, own) for way in ways or ((),))
        line = line_of(config.queue) if self.lined(config) else 0
        return self._number(Want(merged, line, medium, tier, lent))

    def members(self, demand: int) -> int:
        """The number that agents meet who do at other times: tier and room aside."""
        if not self.mixed and demand not in self._tiered:
            return demand
        found = self._members.get(demand)
        if found is None:
            found = self._number(self._wants[demand]._replace(tier=None), Mark.SERVICE)
            self._members[demand] = found
        return found

    def lenders(self, demand: int) -> int:
        """As ``members``, with those who would only lend a skill."""
        found = self._lenders.get(demand)
        if found is None:
            want = self._wants[demand]._replace(tier=None, lent=True)
            found = self._lenders[demand] = self._number(want, Mark.SERVICE)
        return found

    def tally(self, demand: int) -> tuple[int, ...]:
        """Count the agents who meet a demand by state, in the order of AgentState.

        Those who have no room for its medium count as busy; agents of a tier are not told
        from others.
        """
        if not self.mixed and demand not in self._tiered:
            return self._matcher.tally(demand)
        plain = demand
        if demand in self._tiered:
            if demand not in self._plain:
                self._plain[demand] = self._number(self._wants[demand]._replace(tier=None))
            plain = self._plain[demand]
        counts = list(self._matcher.tally(self.members(demand)))
        ready = self._matcher.tally(plain)[_READY]
        counts[_BUSY] += counts[_READY] - ready
        counts[_READY] = ready
        return tuple(counts)

    def at_work(self, demand: int) -> bool:
        """Whether some agent who meets a demand, room aside, is at work and not paused."""
        counts = self._matcher.tally(self._number(self._wants[demand], Mark.SERVICE))
        return any(counts[state] for state in _AT_WORK)

    def _number(self, want: Want, room: Mark = Mark.ROOM) -> int:
        marks = [(mark(room, MEDIA[want.medium]), 0)]
        if want.tier is not None:
            marks += ((mark(Mark.TIER, want.tier), 1), (mark(Mark.BALANCE, want.tier), -1))
        ways = [
            [*((mark(Mark.LENT, s) if want.lent else s, level) for s, level in needs), *marks]
            for needs in want.ways
        ]
        demand = self._matcher.demand_of(ways, line=want.line)
        if room is Mark.ROOM:
            self._wants[demand] = want
            if want.tier is not None:
                self._tiered.add(demand)
        return demand
