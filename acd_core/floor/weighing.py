"""The reasons of one offer, gathered from what the matcher and the roster know."""

from collections import defaultdict
from typing import Final

from acd_core.agent import AgentState
from acd_core.call_queue import CallRule
from acd_core.eligibility.demands import Demands
from acd_core.eligibility.filters import Filters
from acd_core.events import Preference
from acd_core.floor.contact import Contact
from acd_core.floor.records import NUMBERS, AgentRecord
from acd_core.floor.roster import Roster
from acd_core.reasons import Reason
from acd_core.routing.measures import Group
from acd_core.routing.registry import Ring
from cython_ext.acd import Matcher

_READY: Final = NUMBERS[AgentState.READY]
_RESERVED: Final = NUMBERS[AgentState.RESERVED]
# What is shown of the values that rules compare, and as how many parts of one.
_SCALES: Final = {Group.LEVEL: 1, Group.OCCUPANCY: 1000, Group.HANDLED: 1, Group.SHARE: 1000}
_NO_SHARE: Final = -1
CALL_RULES: Final = {rule: place for place, rule in enumerate(CallRule)}
_NOT_READY: Final = tuple(number for number in NUMBERS.values() if number != _READY)
# Members by names of their own: Python 3.11 finds Kind.MEMBER ten times as slowly.
_CALL_RULE_PRIORITY: Final = CallRule.PRIORITY
_CALL_RULE_WEIGHTED: Final = CallRule.WEIGHTED
_GROUP_IDLE_TIME: Final = Group.IDLE_TIME
_GROUP_NUMBER: Final = Group.NUMBER
_PREFERENCE_NAMED: Final = Preference.NAMED
_REASON_CALLS_WAITING: Final = int(Reason.CALLS_WAITING)
_REASON_CALL_RULE: Final = int(Reason.CALL_RULE)
_REASON_CHOSEN: Final = int(Reason.CHOSEN)
_REASON_CHOSEN_FROM: Final = int(Reason.CHOSEN_FROM)
_REASON_LAST_AGENT: Final = int(Reason.LAST_AGENT)
_REASON_MEASURED: Final = int(Reason.MEASURED)
_REASON_NAMED_AGENT: Final = int(Reason.NAMED_AGENT)
_REASON_NOT_READY: Final = int(Reason.NOT_READY)
_REASON_NOT_SKILLED: Final = int(Reason.NOT_SKILLED)
_REASON_PREFERENCE_OVER: Final = int(Reason.PREFERENCE_OVER)
_REASON_RINGS_WITH: Final = int(Reason.RINGS_WITH)
_REASON_RULE: Final = int(Reason.RULE)
_REASON_RUNNER_UP: Final = int(Reason.RUNNER_UP)
_REASON_TIE_BREAK: Final = int(Reason.TIE_BREAK)
_REASON_WAITED: Final = int(Reason.WAITED)
_REASON_WIDENED: Final = int(Reason.WIDENED)
_REASON_OWN_ORDER: Final = int(Reason.OWN_ORDER)
_REASON_RESERVES: Final = int(Reason.RESERVES)
_REASON_TIER: Final = int(Reason.TIER)
_REASON_WEIGHT: Final = int(Reason.WEIGHT)
_RING_ALL: Final = Ring.ALL
_RINGING_NAMED: Final = 8


class Weighing:
    """Says why an offer was made; asked when the chosen agent is already reserved.

    Agents who were passed over are named on floors of at most ``explain_agents`` agents and
    only counted on larger ones, so that the cost of an offer does not grow with the floor.
    """

    def __init__(
        self, matcher: Matcher, roster: Roster, demands: Demands, explain_agents: int
    ) -> None:
        self._matcher = matcher
        self._filters = Filters(matcher, roster, demands, explain_agents)
        self._roster = roster
        self._explain_agents = explain_agents

    def reasons(
        self, contact: Contact, record: AgentRecord, now: float, *, preferred: bool
    ) -> tuple[int, ...]:
        """Return the reasons as numbers; ``acd_core.reasons`` says what they mean."""
        queue, event = contact.queue, contact.event
        rule = queue.strategy
        waited = _ms(now - contact.entered)
        found = [
            *(_REASON_RULE, 3, rule.number, rule.version, queue.version),
            *(_REASON_WAITED, 4, waited, _ms(event.waited_s)),
            *(-contact.order[0], contact.offers - 1),
        ]
        if preferred:
            named = event.preference is _PREFERENCE_NAMED
            code = _REASON_NAMED_AGENT if named else _REASON_LAST_AGENT
            return (*found, code, 2, record.agent, waited)
        if contact.tier is not None:
            found += (_REASON_TIER, 3, contact.tier.tier, contact.tier.priority, int(contact.alone))
        if event.preferred is not None:
            found += (_REASON_PREFERENCE_OVER, 1, event.preferred)
        if contact.step:
            found += (_REASON_WIDENED, 2, contact.step, len(queue.config.widening))
        if queue.config.call_rule is not _CALL_RULE_PRIORITY:
            place = CALL_RULES[queue.config.call_rule]
            found += (_REASON_CALL_RULE, 2, place, round(queue.urgency * 1000))
            if queue.config.call_rule is _CALL_RULE_WEIGHTED:
                found += (_REASON_WEIGHT, 1, round(queue.config.weight * 1000))
        if queue.lent is not None:
            found += (_REASON_RESERVES, 2, *queue.lent)
        if record.config.queues:
            found += _own_order(contact, record)
        found += (_REASON_CALLS_WAITING, 1, len(queue.line))
        if contact.others:
            found += _rings_with(contact, record)
        tally = self._matcher.tally(contact.demand)
        found += (_REASON_CHOSEN_FROM, 1, tally[_READY] + 1)
        found += self._comparison(contact, record, now)
        found += self._removed(contact, record, tally)
        return tuple(found)

    def _comparison(self, contact: Contact, record: AgentRecord, now: float) -> list[int]:
        strategy = contact.queue.strategy
        found = [
            *(_REASON_CHOSEN, 3, record.agent, self._score(contact, record)),
            _ms(now - record.idle_since),
        ]
        if strategy.ring is _RING_ALL:
            return found  # nobody is second where all ring
        second = strategy.choose(self._matcher, contact.demand, contact.queue)
        mine: list[float] = []
        if strategy.by and (second >= 0 or not _SCALES.keys().isdisjoint(strategy.by)):
            mine = self._measured(contact, record, now, found)
        if second < 0:
            return found
        other = self._roster.by_handle(second)
        found += (_REASON_RUNNER_UP, 3, other.agent, self._score(contact, other))
        found.append(_ms(now - other.idle_since))
        decided = _GROUP_NUMBER
        if record.idle_since != other.idle_since:
            decided = _GROUP_IDLE_TIME
        if strategy.by:
            theirs = self._measured(contact, other, now, found)
            for group, own, others in zip(strategy.by, mine, theirs, strict=True):
                if own != others:
                    decided = group
                    break
        found += (_REASON_TIE_BREAK, 1, decided)
        return found

    def _measured(
        self, contact: Contact, record: AgentRecord, now: float, found: list[int]
    ) -> list[float]:
        """What the rule compares, in its order; what words can say of it goes to ``found``."""
        values = []
        for group in contact.queue.strategy.by:
            value = self._measure(group, contact, record, now)
            if group in _SCALES:
                shown = round(value * _SCALES[group])
                found += (_REASON_MEASURED, 3, record.agent, group, shown)
            values.append(value)
        return values

    def _measure(self, group: Group, contact: Contact, record: AgentRecord, now: float) -> float:
        """What the rule compares."""
        agent, queue = record.agent, contact.queue
        match group:
            case Group.SCORE:
                return self._score(contact, record)
            case Group.LEVEL:
                return self._matcher.best_level(record.profile, contact.demand)
            case Group.OCCUPANCY:
                return self._roster.occupancy(record, now)
            case Group.HANDLED:
                return record.handled
            case Group.SHARE:
                share = queue.shares.get(agent, 0)
                return queue.given.get(agent, 0) / share if share else _NO_SHARE
        # Turns and lots differ for any two agents, as numbers do.
        return agent

    def _removed(self, contact: Contact, record: AgentRecord, tally: tuple[int, ...]) -> list[int]:
        """Which filter removed how many agents, and whom."""
        if self._filters.matter(contact):
            return self._filters.removed(contact, record)
        agents = self._roster.agents
        if contact.others:
            tally = self._without_ringing(contact, record, tally)
        lacking = len(agents) - sum(tally) - len(contact.others)
        if len(agents) > self._explain_agents:
            counted: list[int] = [_REASON_NOT_SKILLED, 1, lacking] if lacking else []
            for state in _NOT_READY:
                count = tally[state] - (state == _RESERVED)
                if count:
                    counted += (_REASON_NOT_READY, 2, state, count)
            return counted
        named: dict[int, list[int]] = defaultdict(list)
        for other in agents.values():
            if not contact.rings(other):
                fits = self._matcher.fits(other.profile, contact.demand)
                named[NUMBERS[other.state] if fits else -1].append(other.agent)
        found: list[int] = []
        if lacking:
            found += (_REASON_NOT_SKILLED, 1 + len(named[-1]), lacking, *named[-1])
        for state in _NOT_READY:
            count = tally[state] - (state == _RESERVED)
            if count:
                whom = named[state]
                found += (_REASON_NOT_READY, 2 + len(whom), state, count, *whom)
        return found

    def _without_ringing(
        self, contact: Contact, record: AgentRecord, tally: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Count fitting agents by state without those who ring for the call already."""
        counts = list(tally)
        for other in (contact.agent, *contact.others):
            # Who rings may have lost the skills meanwhile, and is not counted then.
            if other is not None and other is not record:
                counts[NUMBERS[other.state]] -= self._matcher.fits(other.profile, contact.demand)
        return tuple(counts)

    def _score(self, contact: Contact, record: AgentRecord) -> int:
        return self._matcher.score(record.profile, contact.demand)


def _own_order(contact: Contact, record: AgentRecord) -> list[int]:
    """At which place the agent has the queue, and how many places there are; 0 for last."""
    queues = record.config.queues
    numbers = sorted(set(queues.values()))
    place = queues.get(contact.queue.config.queue)
    at = numbers.index(place) + 1 if place is not None else 0
    return [_REASON_OWN_ORDER, 2, at, len(numbers)]


def _rings_with(contact: Contact, record: AgentRecord) -> list[int]:
    """Whose stations ring for the call already; of many only the first."""
    first = () if contact.agent is None else (contact.agent,)
    others = [other.agent for other in (*first, *contact.others) if other is not record]
    whom = others[:_RINGING_NAMED]
    return [_REASON_RINGS_WITH, 1 + len(whom), len(others), *whom]


def _ms(seconds: float) -> int:
    return int(seconds * 1000 + 0.5)
