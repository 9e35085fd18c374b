"""Occupancy of an agent over a rolling window: work / (work + available), pauses left out.

The window is exponential: work counts less the longer ago it was. While agents are idle the
share of each falls by the same factor, so an order by ``rank`` holds until one of them works.
"""

from math import exp, log
from typing import Final

from acd_core.agent import AgentState

WINDOW_S: Final = 1800.0
_LEAST: Final = 1e-12  # the share of one who never worked, where a logarithm needs one

WORK: Final = frozenset(
    {
        AgentState.RESERVED,
        AgentState.RINGING,
        AgentState.TALKING,
        AgentState.ON_HOLD,
        AgentState.WRAP_UP,
    }
)


def advance(share: float, state: AgentState, seconds: float) -> float:
    """Return the share after so many seconds in a state."""
    if state in WORK:
        return 1.0 + (share - 1.0) * exp(-seconds / WINDOW_S)
    if state is AgentState.READY:
        return share * exp(-seconds / WINDOW_S)
    return share


def rank(share: float, now: float) -> float:
    """Return what idle agents are ordered by; less has worked less."""
    return log(max(share, _LEAST)) + now / WINDOW_S
