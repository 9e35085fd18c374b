"""The kernel's memory as plain values, and how a fresh kernel takes it back.

Numbers of profiles and demands and handles of agents and calls stay what they were, those that
are free included, because the engine keeps them and the next ones follow from them.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cython_ext.acd import Deadlines, Matcher

Pairs = tuple[tuple[int, int], ...]
ProfileState = tuple[Pairs, Pairs, bool]
"""Levels by skill, ranks by line, and whether other lines are not served."""
DemandState = tuple[int, tuple[Pairs, ...], float, float]
"""Line, alternatives of least levels by skill, urgency, weight."""
AgentState = tuple[int, int, int, float, float, float]
"""Key, profile, state, since when, ranks of occupancy and of calls handled."""
CallState = tuple[int, int, int, float, bool]
"""Key, demand, priority, arrival, whether it is held."""
MatcherState = tuple[
    list[ProfileState],
    list[DemandState],
    list[AgentState | None],
    list[int],
    list[CallState | None],
    list[int],
]
"""By number or handle, None where a handle is free; and the free ones, the next one last."""


def restore_matcher(matcher: "Matcher", state: MatcherState) -> None:
    """Give a fresh matcher what another one remembered; ValueError when it does not add up."""
    profiles, demands, agents, free_agents, calls, free_calls = state
    for number, (levels, order, only) in enumerate(profiles):
        _same(matcher.profile(levels, order=order, only=only), number, "profile")
    for number, (line, ways, urgency, weight) in enumerate(demands):
        _same(matcher.demand_of(ways, line=line), number, "demand")
        matcher.set_urgency(number, urgency)
        matcher.set_weight(number, weight)
    for handle, agent in enumerate(agents):
        key, profile, status, since, occupancy, handled = agent or (0, 0, 0, 0.0, 0.0, 0.0)
        _same(matcher.add_agent(key, profile), handle, "agent")
        matcher.set_ranks(handle, occupancy, handled)
        matcher.set_state(handle, status, since)
    for handle, call in enumerate(calls):
        key, demand, priority, arrival, held = call or (0, 0, 0, 0.0, True)
        _same(matcher.add_call(key, demand, priority, arrival), handle, "call")
        if held:
            matcher.hold_call(handle)
    _check_free(agents, free_agents, "agents")
    _check_free(calls, free_calls, "calls")
    for handle in free_agents:
        matcher.drop_agent(handle)
    for handle in free_calls:
        matcher.drop_call(handle)


def restore_deadlines(deadlines: "Deadlines", state: Iterable[tuple[int, float]]) -> None:
    """Give fresh deadlines what others held."""
    for handle, when in state:
        deadlines.set(handle, when)


def _same(number: int, expected: int, what: str) -> None:
    if number != expected:
        raise ValueError(f"{what} {expected} stands twice")


def _check_free(known: Iterable[object], free: list[int], what: str) -> None:
    if sorted(free) != [handle for handle, one in enumerate(known) if one is None]:
        raise ValueError(f"free handles of {what} are not those that nobody has")
