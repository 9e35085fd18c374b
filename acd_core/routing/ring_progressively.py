"""Ring progressively: the agent who has been free longest, then one more, until one answers."""

from acd_core.routing.registry import Ring, Turn, strategy
from cython_ext.acd import LONGEST_IDLE, Matcher


@strategy(
    "ring_progressively",
    number=15,
    version=1,
    en="ring progressively",
    zh="逐步振铃",
    ring=Ring.PROGRESSIVELY,
)
def ring_progressively(matcher: Matcher, demand: int, _turn: Turn) -> int:
    """Choose whose station rings next, by idle time."""
    return matcher.best_agent(demand, LONGEST_IDLE)
