"""Most skilled: the greatest sum of levels over the skills that the call needs."""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import MOST_SKILLED, Matcher


@strategy("most_skilled", number=2, version=1, en="most skilled", zh="技能最高", by=(Group.SCORE,))
def most_skilled(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose by score, then by idle time, then by key."""
    return matcher.best_agent(demand, MOST_SKILLED)
