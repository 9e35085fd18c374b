"""Fewest calls: who has answered the fewest since log-in, or since the day began."""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import FEWEST_CALLS, Matcher


@strategy(
    "fewest_calls", number=5, version=1, en="fewest calls", zh="接听最少", by=(Group.HANDLED,)
)
def fewest_calls(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose by calls answered, then by idle time, then by key."""
    return matcher.best_agent(demand, FEWEST_CALLS)
