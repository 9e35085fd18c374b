"""Marks: skills that nobody configured, by which the matcher knows room, lending and tiers.

Real skills are numbered from 0, marks below it. An agent without room has a mark at level -1
where calls want 0, so that marks of room and service leave the sum of levels as it is.
"""

from collections.abc import Iterable
from enum import IntEnum

from acd_core.agent import AgentConfig, Medium
from acd_core.ids import QueueId, TierId


class Mark(IntEnum):
    """What a mark says; its number is that of a medium, a skill or a tier."""

    ROOM = 0
    """-1: no room for one more contact of the medium now."""
    SERVICE = 1
    """-1: never any room for the medium."""
    LENT = 2
    """Level of a skill, those counted that the agent only lends."""
    TIER = 3
    """1: one of the tier's own agents."""
    BALANCE = 4
    """-1 beside TIER, so that the sum of levels stays as it is."""


MEDIA = {medium: number for number, medium in enumerate(Medium)}
CALLS_ONLY = frozenset({Medium.CALL})


def mark(kind: Mark, number: int) -> int:
    """The skill number of a mark."""
    return -(number * len(Mark) + kind) - 1


def line_of(queue: QueueId) -> int:
    """The matcher's line of a queue that does not share the common one, which is 0."""
    return queue + 1


def places(config: AgentConfig, medium: Medium) -> int:
    """How many contacts of a medium an agent has at a time."""
    if not config.capacity:
        return int(medium is Medium.CALL)
    return config.capacity.get(medium, 0)


def levels(
    config: AgentConfig, room: frozenset[Medium], tiers: Iterable[TierId]
) -> list[tuple[int, int]]:
    """Skills and marks of an agent who has room for these media now."""
    reserve = frozenset(config.reserve)
    found: list[tuple[int, int]] = []
    found += [pair for pair in config.skills.items() if pair[0] not in reserve]
    found += [(mark(Mark.LENT, skill), level) for skill, level in config.skills.items()]
    for medium, number in MEDIA.items():
        if medium not in room:
            found.append((mark(Mark.ROOM, number), -1))
        if not places(config, medium):
            found.append((mark(Mark.SERVICE, number), -1))
    for tier in tiers:
        found += ((mark(Mark.TIER, tier), 1), (mark(Mark.BALANCE, tier), -1))
    return found


def order(config: AgentConfig) -> list[tuple[int, int]]:
    """Line and rank of each queue that an agent names, the first rank being 0."""
    ranks = {number: rank for rank, number in enumerate(sorted(set(config.queues.values())))}
    return [(line_of(queue), ranks[number]) for queue, number in config.queues.items()]
