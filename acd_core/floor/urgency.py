"""Order across queues: how urgent or weighty each is to an agent who could serve several.

A queue goes by priority unless it names another rule. Its urgency comes before priorities, so
a queue with urgency above 0 is served before those that go by priority alone; equal ones
follow priority, then the wait, which counts ``weight`` times in weighted queues and once in
others, then arrival and number. Urgencies change with events, never with time alone. An
agent's own order of queues comes before all of it.
"""

from typing import Final

from acd_core.call_queue import CallRule
from acd_core.eligibility.demands import Demands
from acd_core.floor.records import QueueRecord
from cython_ext.acd import Matcher

URGENT: Final = frozenset(
    {
        CallRule.GREATEST_NEED,
        CallRule.SERVICE_OBJECTIVE,
        CallRule.SERVICE_GUARD,
        CallRule.PERCENT,
    }
)
_TOGETHER: Final = frozenset({CallRule.SERVICE_GUARD, CallRule.PERCENT})
HYSTERESIS: Final = 0.03  # of service level, between the guard's coming and going
ENOUGH_VISITS: Final = 10  # before a service level means anything
_LEAST_OBJECTIVE_S: Final = 1.0
_LONGEST: Final = 1e9  # s, for a queue that nobody serves


class Urgencies:
    """Keeps the matcher's urgencies and weights at what the rules of the queues say."""

    def __init__(self, matcher: Matcher, demands: Demands) -> None:
        self.weighted = False
        """Some queue goes by weight, or did."""
        self._matcher = matcher
        self._demands = demands
        self._queues: dict[int, QueueRecord] = {}
        self._touched: set[int] = set()

    def configure(self, queue: QueueRecord) -> None:
        """Take in a new or changed queue."""
        key, rule = queue.number, queue.config.call_rule
        self.forget(queue)
        if rule is CallRule.PERCENT:
            # Shares are of what is served from now on.
            for other in self._queues.values():
                other.chosen = 0
            queue.chosen = 0
        queue.urgent = rule in URGENT
        self.weighted = self.weighted or rule is CallRule.WEIGHTED
        self.line(queue)
        if queue.urgent:
            self._queues[key] = queue
            self.touch(queue)

    def line(self, queue: QueueRecord) -> None:
        """Give a queue a line of its own if it needs one, with the weight that it has now."""
        queue.lined = self._demands.lined(queue.config)
        for demand in queue.demands:
            self._tell(queue, demand)

    def know(self, queue: QueueRecord, demand: int) -> None:
        """Some call of a queue has this number."""
        if demand not in queue.demands:
            queue.demands.add(demand)
            self._tell(queue, demand)

    def _tell(self, queue: QueueRecord, demand: int) -> None:
        config = queue.config
        self._matcher.set_urgency(demand, queue.urgency)
        weight = config.weight if config.call_rule is CallRule.WEIGHTED else 1.0
        self._matcher.set_weight(demand, weight)

    def forget(self, queue: QueueRecord) -> None:
        """Leave a queue out that is gone, or goes by another rule."""
        self._touched.discard(queue.number)
        if self._queues.pop(queue.number, None) is not None:
            # Shares are of what is left.
            self._touched.update(
                key for key, q in self._queues.items() if q.config.call_rule in _TOGETHER
            )
        queue.guarded, queue.urgency = False, 0.0

    def touch(self, queue: QueueRecord) -> None:
        """Something changed that the urgency of a queue depends on, if it goes by urgency."""
        rule = queue.config.call_rule
        if rule in _TOGETHER:
            self._touched.update(k for k, q in self._queues.items() if q.config.call_rule is rule)
        elif rule in URGENT:
            self._touched.add(queue.number)

    def touch_all(self) -> None:
        """Something changed that all urgencies depend on."""
        self._touched.update(self._queues)

    def refresh(self) -> None:
        """Bring the matcher up to date."""
        if not self._touched:
            return
        for key in sorted(self._touched):
            queue = self._queues[key]
            queue.urgency = self._urgency(queue)
            for demand in queue.demands:
                self._matcher.set_urgency(demand, queue.urgency)
        self._touched.clear()

    def _urgency(self, queue: QueueRecord) -> float:
        match queue.config.call_rule:
            case CallRule.GREATEST_NEED:
                return self._predicted(queue)
            case CallRule.SERVICE_OBJECTIVE:
                return self._predicted(queue) / max(
                    queue.config.service_level_s, _LEAST_OBJECTIVE_S
                )
            case CallRule.SERVICE_GUARD:
                return self._shortfall(queue)
        return self._behind(queue)

    def _predicted(self, queue: QueueRecord) -> float:
        """Predicted wait of the last caller in line, in seconds."""
        staffed = queue.staffed(self._demands.tally(queue.demand))
        if not staffed:
            return _LONGEST
        return min(queue.estimates.handling_s * len(queue.line) / staffed, _LONGEST)

    def _shortfall(self, queue: QueueRecord) -> float:
        """Points below the target x share of the callers offered; 0 while not guarded."""
        level, target = queue.level, queue.config.service_target
        if level.count < ENOUGH_VISITS:
            return 0.0
        if level.mean < target:
            queue.guarded = True
        elif level.mean >= target + HYSTERESIS:
            queue.guarded = False
        if not queue.guarded:
            return 0.0
        offered = sum(
            other.counter.offered
            for other in self._queues.values()
            if other.config.call_rule is CallRule.SERVICE_GUARD
        )
        share = queue.counter.offered / offered if offered else 0.0
        return (target + HYSTERESIS - level.mean) * share

    def _behind(self, queue: QueueRecord) -> float:
        """Calls by which a queue is below its share of all that were served."""
        others = [q for q in self._queues.values() if q.config.call_rule is CallRule.PERCENT]
        served = sum(other.chosen for other in others) + 1
        shares = sum(other.config.call_share for other in others)
        return served * queue.config.call_share / shares - queue.chosen if shares else 0.0
