"""What changed rules would have done to a recorded day, queue by queue."""

import msgspec

from acd_core.ids import AgentId, CallId, QueueId
from acd_core.simulation.observer import Observer
from acd_core.simulation.recorded_day import RecordedDay
from acd_core.simulation.reenactment import Reenactment, Rules
from acd_core.simulation.stays import Stay
from acd_core.stats.service_level import Limits, Tally, tally


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One stay of a call that ends with somebody else than it did."""

    call: CallId
    queue: QueueId
    entered: float
    before: AgentId | None
    """Who answered; None for nobody."""
    after: AgentId | None


class QueueComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One queue before and after."""

    queue: QueueId
    name: str
    before: Tally
    after: Tally
    changes: tuple[Change, ...]
    """Who got which call, where it differs."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All queues that the record knows, in key order."""

    queues: tuple[QueueComparison, ...]
    refused: int
    """Recorded events that could not happen under the changed rules."""
    drift: int
    """Calls that end with somebody else when unchanged rules are acted: the method's error."""


def compare(day: RecordedDay, rules: Rules, *, short_s: float = 5.0, seed: int = 1) -> Comparison:
    """Act the day under changed rules; service levels by the threshold of the changed rules."""
    again = Reenactment(day, Rules(), seed=seed).run()
    changed = Reenactment(day, rules, seed=seed)
    after = changed.run()
    differing = _changes(day.observer, after)
    found = []
    for key in sorted(day.queues):
        config = rules.queues.get(key, day.queues[key])
        limits = Limits(threshold_s=config.service_level_s, short_s=short_s)
        found.append(
            QueueComparison(
                queue=key,
                name=config.name or str(key),
                before=tally(day.observer.visits(key), limits),
                after=tally(after.visits(key), limits),
                changes=tuple(change for change in differing if change.queue == key),
            )
        )
    drift = len(_changes(day.observer, again))
    return Comparison(queues=tuple(found), refused=changed.refused, drift=drift)


def _changes(before: Observer, after: Observer) -> list[Change]:
    """Stays with another ending, and stays that only one of the two days knows."""
    then = {stay.key: stay for stay in before.stays}
    now = {stay.key: stay for stay in after.stays}
    found = []
    for key in [*then, *(key for key in now if key not in then)]:
        was, becomes = then.get(key), now.get(key)
        stay = was or becomes
        if stay is not None and (_agent(was) != _agent(becomes) or was is None or becomes is None):
            found.append(
                Change(
                    call=stay.offered.call,
                    queue=stay.offered.queue,
                    entered=stay.entered[0],
                    before=_agent(was),
                    after=_agent(becomes),
                )
            )
    return found


def _agent(stay: Stay | None) -> AgentId | None:
    return stay.agent if stay is not None else None
