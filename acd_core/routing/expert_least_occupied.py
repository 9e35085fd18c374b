"""Expert first (EAD-LOA): the best level that the call can use, then least occupied."""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import EXPERT_LEAST_OCCUPIED, Matcher


@strategy(
    "expert_least_occupied",
    number=7,
    version=1,
    en="expert, then least occupied",
    zh="专家优先，再按占用最低",
    by=(
        Group.LEVEL,
        Group.OCCUPANCY,
    ),
)
def expert_least_occupied(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose by best level, then by occupancy, then by idle time, then by key."""
    return matcher.best_agent(demand, EXPERT_LEAST_OCCUPIED)
