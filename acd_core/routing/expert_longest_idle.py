"""Expert first (EAD-MIA): the best level that the call can use, then longest idle."""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import EXPERT_LONGEST_IDLE, Matcher


@strategy(
    "expert_longest_idle",
    number=6,
    version=1,
    en="expert, then longest idle",
    zh="专家优先，再按空闲最久",
    by=(Group.LEVEL,),
)
def expert_longest_idle(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose by best level, then by idle time, then by key."""
    return matcher.best_agent(demand, EXPERT_LONGEST_IDLE)
