"""Weighted random: a chance in proportion to the sum of levels; the seed makes it repeatable."""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import Matcher


@strategy(
    "weighted_random", number=11, version=1, en="weighted random", zh="加权随机", by=(Group.LOT,)
)
def weighted_random(matcher: Matcher, demand: int, turn: Turn) -> int:
    """Draw one with the lot of this choice; each has as many tickets as his score."""
    return matcher.draw_agent(demand, turn.lot, by_score=True)
