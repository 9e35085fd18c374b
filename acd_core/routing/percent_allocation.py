"""Percent allocation: who is furthest below his share of the queue's calls.

Agents without a share serve only while nobody with one is free.
"""

from acd_core.ids import AgentId
from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import Matcher


@strategy(
    "percent_allocation",
    number=12,
    version=1,
    en="percent allocation",
    zh="按比例分配",
    by=(Group.SHARE,),
)
def percent_allocation(matcher: Matcher, demand: int, turn: Turn) -> int:
    """Choose by calls answered over share, then by idle time, then by key."""

    def behind(handle: int) -> float:
        key = AgentId(matcher.key_of(handle))
        share = turn.shares.get(key, 0)
        return turn.given.get(key, 0) / share if share else float("inf")

    # Idle agents come longest idle first, and min() keeps the first of equal ones.
    return min(matcher.idle_agents(demand), key=behind, default=-1)
