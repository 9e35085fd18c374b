"""How an agent stands to each queue beside his skills: what why asks of the engine."""

from collections.abc import Iterable

import msgspec

from acd_core.agent import Medium
from acd_core.eligibility.demands import Demands
from acd_core.eligibility.marks import places
from acd_core.eligibility.widening import Widenings
from acd_core.floor.records import AgentRecord, QueueRecord
from acd_core.ids import QueueId
from cython_ext.acd import Matcher


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One agent and one queue now."""

    queue: QueueId
    medium: Medium = Medium.CALL
    member: bool = True
    """False: he serves other queues only."""
    in_reserve: bool = False
    """He would lend a skill, and the queue is within its limits."""
    served: bool = True
    """False: he has no capacity for the medium at all."""
    room: bool = True
    """False: what he has leaves no room for one contact more of the medium."""
    place: int = 0
    """Of the queue in his own order, 1 first; 0 after all that he names."""
    of_places: int = 0
    """How many places his own order has; 0 when he has none."""
    apart: int = 0
    """Callers who wait for agents of their tier alone, and not for him."""


def standings(
    record: AgentRecord,
    queues: Iterable[QueueRecord],
    matcher: Matcher,
    demands: Demands,
    widening: Widenings,
) -> tuple[Standing, ...]:
    """Say how an agent stands to each of these queues."""
    return tuple(_standing(record, queue, matcher, demands, widening) for queue in queues)


def _standing(
    record: AgentRecord,
    queue: QueueRecord,
    matcher: Matcher,
    demands: Demands,
    widening: Widenings,
) -> Standing:
    config, medium = record.config, queue.config.medium
    serves = matcher.fits(record.profile, demands.members(queue.demand))
    lends = matcher.fits(record.profile, demands.lenders(queue.demand))
    numbers = sorted(set(config.queues.values()))
    own = config.queues.get(queue.number)
    return Standing(
        queue=queue.number,
        medium=medium,
        member=not config.only_queues or queue.number in config.queues,
        in_reserve=lends and not serves,
        served=bool(places(config, medium)),
        room=medium in record.room,
        place=numbers.index(own) + 1 if own is not None else 0,
        of_places=len(numbers),
        apart=sum(
            contact.queue is queue
            and contact.tier is not None
            and config.agent not in contact.tier.agents
            for contact in widening.alone.values()
        ),
    )
