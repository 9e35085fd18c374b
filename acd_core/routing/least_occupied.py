"""Least occupied (UCD-LOA): who has worked the smallest share of the last half hour."""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import LEAST_OCCUPIED, Matcher


@strategy(
    "least_occupied", number=4, version=1, en="least occupied", zh="占用最低", by=(Group.OCCUPANCY,)
)
def least_occupied(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose by occupancy, then by idle time, then by key."""
    return matcher.best_agent(demand, LEAST_OCCUPIED)
