"""Round robin: the agent after the one who was offered a call last, by number.

Offered, not answered: who misses a call waits for the next round like everybody else.
"""

from acd_core.routing.measures import Group
from acd_core.routing.registry import Turn, strategy
from cython_ext.acd import Matcher


@strategy("round_robin", number=8, version=1, en="round robin", zh="轮流", by=(Group.TURN,))
def round_robin(matcher: Matcher, demand: int, turn: Turn) -> int:
    """Choose the next key after the last one offered, or the lowest."""
    return matcher.next_agent(demand, turn.last_offered)
