"""Least skilled: the smallest sum of levels that is enough; keeps experts free."""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import LEAST_SKILLED, Matcher


@strategy(
    "least_skilled", number=3, version=1, en="least skilled", zh="技能最低", by=(Group.SCORE,)
)
def least_skilled(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose by score, then by idle time, then by key."""
    return matcher.best_agent(demand, LEAST_SKILLED)
