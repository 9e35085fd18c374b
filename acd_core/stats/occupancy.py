"""Occupancy of an agent over a rolling window: work / (work + available), pauses left out.

The window is exponential: work counts less the longer ago it was. While agents are idle the
share of each falls by the same factor, so an order by ``rank`` holds until one of them works.
"""

from enum import Enum
from math import exp, log
from typing import Final

from acd_core.agent import AgentState

WINDOW_S: Final = 1800.0
_LEAST: Final = 1e-12  # the share of one who never worked, where a logarithm needs one


class Load(Enum):
    """How a state counts."""

    WORK = "work"
    FREE = "free"
    NEITHER = "neither"


LOADS: Final = {
    AgentState.LOGGED_OUT: Load.NEITHER,
    AgentState.READY: Load.FREE,
    AgentState.RESERVED: Load.WORK,
    AgentState.RINGING: Load.WORK,
    AgentState.TALKING: Load.WORK,
    AgentState.ON_HOLD: Load.WORK,
    AgentState.WRAP_UP: Load.WORK,
    AgentState.PAUSED: Load.NEITHER,
    AgentState.BUSY: Load.NEITHER,
    AgentState.UNREACHABLE: Load.NEITHER,
}


def advance(share: float, load: Load, seconds: float) -> float:
    """Return the share after so many seconds of a load."""
    if load is Load.WORK:
        return 1.0 + (share - 1.0) * exp(-seconds / WINDOW_S)
    if load is Load.FREE:
        return share * exp(-seconds / WINDOW_S)
    return share


def rank(share: float, now: float) -> float:
    """Return what idle agents are ordered by; less has worked less."""
    return log(max(share, _LEAST)) + now / WINDOW_S
