"""Random: every free agent with the same chance; the queue's seed makes it repeatable."""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import Matcher


@strategy("random", number=10, version=1, en="random", zh="随机", by=(Group.LOT,))
def random_agent(matcher: Matcher, demand: int, turn: Turn) -> int:
    """Draw one with the lot of this choice."""
    return matcher.draw_agent(demand, turn.lot)
