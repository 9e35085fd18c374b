"""Linear: always the free agent with the lowest number."""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import LINEAR, Matcher


@strategy("linear", number=9, version=1, en="linear", zh="顺序", by=(Group.NUMBER,))
def linear(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose by key."""
    return matcher.best_agent(demand, LINEAR)
