"""Which filter removed whom from an offer, where more than skills and states decide.

The filters in their order: membership in the queue, skills, skills that are lent and not asked
for, room for the medium, state. Of a call that waits for its tier's own agents alone only these
were asked. Agents are named on floors of at most ``explain_agents``, and else counted.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from acd_core.agent import AgentState
from acd_core.eligibility.demands import Demands
from acd_core.floor.contact import Contact
from acd_core.floor.records import NUMBERS, AgentRecord
from acd_core.floor.roster import Roster
from acd_core.reasons import Reason
from cython_ext.acd import Matcher

_READY: Final = NUMBERS[AgentState.READY]
_STATES: Final = tuple(number for number in NUMBERS.values() if number != _READY)
_NOT_READY: Final = int(Reason.NOT_READY)
_OUTSIDE: Final = -1
_UNSKILLED: Final = -2
_HELD: Final = -3
_NO_ROOM: Final = -4
_CODES: Final = {
    _OUTSIDE: int(Reason.OTHER_QUEUES),
    _UNSKILLED: int(Reason.NOT_SKILLED),
    _HELD: int(Reason.RESERVES_HELD),
    _NO_ROOM: int(Reason.NO_ROOM),
}


class Filters:
    """Says who was not asked, and why."""

    def __init__(
        self, matcher: Matcher, roster: Roster, demands: Demands, explain_agents: int
    ) -> None:
        self._matcher = matcher
        self._roster = roster
        self._demands = demands
        self._explain_agents = explain_agents

    def matter(self, contact: Contact) -> bool:
        """Whether anything besides skills and states may have removed somebody."""
        roster = self._roster
        return bool(contact.alone or self._demands.mixed or roster.lenders or roster.bound)

    def removed(self, contact: Contact, record: AgentRecord) -> list[int]:
        """Which filter removed how many agents, and whom."""
        found: list[int] = []
        agents = self._roster.agents
        if contact.alone and contact.tier is not None:
            own = (agents[agent] for agent in sorted(contact.tier.agents) if agent in agents)
            self._say(self._named(contact, own), found)
        elif len(agents) <= self._explain_agents:
            self._say(self._named(contact, agents.values()), found)
        else:
            for kind, count in self._counted(contact, record).items():
                self._put(kind, count, (), found)
        return found

    def _named(self, contact: Contact, agents: Iterable[AgentRecord]) -> dict[int, list[int]]:
        named: dict[int, list[int]] = defaultdict(list)
        for agent in agents:
            if not contact.rings(agent):
                kind = self._kind(contact, agent)
                named[kind].append(agent.config.agent)
        return named

    def _kind(self, contact: Contact, agent: AgentRecord) -> int:
        config, demand = agent.config, contact.demand
        if config.only_queues and contact.queue.config.queue not in config.queues:
            return _OUTSIDE
        if not self._matcher.fits(agent.profile, self._demands.members(demand)):
            held = self._matcher.fits(agent.profile, self._demands.lenders(demand))
            return _HELD if held else _UNSKILLED
        if agent.state is AgentState.READY and not self._matcher.fits(agent.profile, demand):
            return _NO_ROOM
        return NUMBERS[agent.state]

    def _counted(self, contact: Contact, record: AgentRecord) -> dict[int, int]:
        """Count who was removed, the chosen one and those who ring already left out."""
        roster, demand = self._roster, contact.demand
        members = list(self._matcher.tally(self._demands.members(demand)))
        lenders = sum(self._matcher.tally(self._demands.lenders(demand)))
        outside = roster.bound - roster.bound_to.get(contact.queue.config.queue, 0)
        counts = {
            _OUTSIDE: outside,
            _UNSKILLED: len(roster.agents) - outside - lenders,
            _HELD: lenders - sum(members),
            _NO_ROOM: members[_READY] - self._matcher.tally(demand)[_READY],
        }
        first = () if contact.agent is None else (contact.agent,)
        for agent in {id(a): a for a in (record, *first, *contact.others)}.values():
            members[NUMBERS[agent.state]] -= 1
        return counts | {state: members[state] for state in _STATES}

    def _say(self, named: dict[int, list[int]], found: list[int]) -> None:
        for kind in (*_CODES, *_STATES):
            whom = named.get(kind)
            if whom:
                self._put(kind, len(whom), tuple(whom), found)

    @staticmethod
    def _put(kind: int, count: int, whom: tuple[int, ...], found: list[int]) -> None:
        if count <= 0 or kind == _READY:
            return
        if kind in _CODES:
            found += (_CODES[kind], 1 + len(whom), count, *whom)
        else:
            found += (_NOT_READY, 2 + len(whom), kind, count, *whom)
