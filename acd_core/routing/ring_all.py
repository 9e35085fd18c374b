"""Ring all: every free agent at once; who answers first has the call.

One call at a time: the next in line rings when somebody is free again, so that order is kept.
"""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Ring, Turn, strategy
from cython_ext.acd import LINEAR, Matcher


@strategy(
    "ring_all",
    number=14,
    version=1,
    en="ring all",
    zh="全部振铃",
    by=(Group.NUMBER,),
    ring=Ring.ALL,
)
def ring_all(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose whose station rings next, by key."""
    return matcher.best_agent(demand, LINEAR)
