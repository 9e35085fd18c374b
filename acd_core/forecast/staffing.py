"""How many agents a demand needs: the search with a service level, a cap and shrinkage."""

from math import ceil
from typing import Final

import msgspec

from acd_core.errors import ForecastFault
from acd_core.forecast.erlang import Demand, Forecast, impatient

MOST_AGENTS: Final = 100_000
ROUNDING: Final = 1e-9  # 21 / (1 - 0.3) is 30, not 31


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised to callers and to agents; shares are 0 to 1."""

    service_level: float = 0.8
    threshold_s: float = 20.0
    ring_s: float = 0.0
    """Ringing at the agent before the answer, which counts as wait: it shortens the threshold."""
    most_occupancy: float = 1.0
    """Agents shall not be busier than this."""
    most_abandoned: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.service_level < 1 or not 0 < self.most_occupancy <= 1:
            raise ForecastFault(f"goal cannot be met by any number of agents: {self}")
        if not 0 < self.most_abandoned <= 1 or not 0 <= self.ring_s <= self.threshold_s:
            raise ForecastFault(f"goal cannot be met by any number of agents: {self}")


class Staffing(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the search."""

    required: int
    """Agents who must be at work."""
    scheduled: int
    """Agents to plan, so that those are left."""
    forecast: Forecast


def staff(demand: Demand, goal: Goal, *, shrinkage: float = 0.0) -> Staffing:
    """Find the least number of agents; ``shrinkage`` is the share of paid time off the phone.

    Impatient callers are computed by Erlang A, others by Erlang C.
    """
    low, high = 0, 1
    while not _enough(demand, goal, high):
        if high > MOST_AGENTS:
            raise ForecastFault(f"more than {MOST_AGENTS} agents would be needed")
        low, high = high, high * 2
    # Every figure of the goal gets better with each agent, so halving finds the least.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _enough(demand, goal, middle) else (middle, high)
    return Staffing(
        required=high, scheduled=scheduled(high, shrinkage), forecast=_forecast(demand, goal, high)
    )


def scheduled(required: int, shrinkage: float) -> int:
    """Agents to plan when this share of their time is lost to breaks, meetings and sickness."""
    if not 0 <= shrinkage < 1:
        raise ForecastFault(f"shrinkage {shrinkage} is not 0 or more and below 1")
    return ceil(required / (1 - shrinkage) - ROUNDING)


def _enough(demand: Demand, goal: Goal, agents: int) -> bool:
    found = _forecast(demand, goal, agents)
    return (
        found.service_level >= goal.service_level
        and found.occupancy <= goal.most_occupancy + ROUNDING
        and found.abandoned <= goal.most_abandoned
        and found.mean_wait_s < float("inf")
    )


def _forecast(demand: Demand, goal: Goal, agents: int) -> Forecast:
    return impatient(demand, agents, goal.threshold_s - goal.ring_s)
