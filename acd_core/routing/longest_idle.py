"""Longest idle (UCD-MIA): who has waited longest for a call gets the next one."""

from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import LONGEST_IDLE, Matcher


@strategy("longest_idle", number=1, version=1, en="longest idle", zh="空闲最久")
def longest_idle(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose by idle time, then by key."""
    return matcher.best_agent(demand, LONGEST_IDLE)
