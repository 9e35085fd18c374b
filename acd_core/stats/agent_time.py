"""Figures of agents' time: occupancy, utilisation, adherence, conformance.

A stretch is one interval in one state. Logged-in time is every state but logged out.
Handling is talk, hold and after-call work; ``ringing`` counts as available unless asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from acd_core.agent import AgentState
from acd_core.errors import AcdError
from acd_core.ids import AgentId
from acd_core.stats.share import Share

HANDLING: Final = frozenset({AgentState.TALKING, AgentState.ON_HOLD, AgentState.WRAP_UP})
RINGING: Final = frozenset({AgentState.RESERVED, AgentState.RINGING})
AVAILABLE: Final = frozenset({AgentState.READY}) | RINGING
PRODUCTIVE: Final = HANDLING | AVAILABLE
"""What a schedule means by work."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """One agent in one state, from when to when (Unix seconds, half-open)."""

    agent: AgentId
    state: AgentState
    begin: float
    end: float
    reason: str = ""
    """Why paused."""

    def __post_init__(self) -> None:
        if not self.begin <= self.end:
            raise AcdError(f"agent {self.agent}: {self.state} ends before it begins")


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds by state; times can be added."""

    by_state: Mapping[AgentState, float]

    def of(self, *states: AgentState) -> float:
        """Seconds in any of these states."""
        return sum(self.by_state.get(state, 0.0) for state in states)

    @property
    def handling_s(self) -> float:
        """Talk, hold and after-call work."""
        return self.of(*HANDLING)

    @property
    def logged_in_s(self) -> float:
        """Every state but logged out."""
        return sum(self.by_state.values()) - self.of(AgentState.LOGGED_OUT)

    def __add__(self, other: "Times") -> "Times":
        states = [*self.by_state, *(s for s in other.by_state if s not in self.by_state)]
        return Times(by_state={state: self.of(state) + other.of(state) for state in states})

    def occupancy(self, *, ringing_is_work: bool = False) -> Share:
        """Handling, of handling and available time; pauses are in neither (座席负荷率)."""
        rang = self.of(*RINGING)
        work = self.handling_s + (rang if ringing_is_work else 0.0)
        return Share(work, self.handling_s + self.of(*AVAILABLE))

    def utilisation(self) -> Share:
        """Handling, of all logged-in time, pauses included."""
        return Share(self.handling_s, self.logged_in_s)


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """What the schedule calls for; anything but ``productive`` is a planned pause."""

    agent: AgentId
    begin: float
    end: float
    productive: bool = True


def times(
    stretches: Iterable[Stretch], *, begin: float = float("-inf"), end: float = float("inf")
) -> dict[AgentId, Times]:
    """Seconds by agent and state within ``[begin, end)``."""
    found: defaultdict[AgentId, defaultdict[AgentState, float]] = defaultdict(
        lambda: defaultdict(float)
    )
    for stretch in stretches:
        inside = min(stretch.end, end) - max(stretch.begin, begin)
        if inside > 0:
            found[stretch.agent][stretch.state] += inside
    return {agent: Times(by_state=dict(states)) for agent, states in sorted(found.items())}


def adherence(stretches: Sequence[Stretch], shifts: Iterable[Shift]) -> Share:
    """Time in the kind of state that the schedule calls for, of the scheduled time."""
    kept = planned = 0.0
    for shift in shifts:
        planned += shift.end - shift.begin
        for stretch in stretches:
            fits = (stretch.state in PRODUCTIVE) is shift.productive
            if stretch.agent == shift.agent and fits:
                kept += max(min(stretch.end, shift.end) - max(stretch.begin, shift.begin), 0.0)
    return Share(kept, planned)


def conformance(stretches: Iterable[Stretch], shifts: Iterable[Shift]) -> Share:
    """Productive time at whatever hour, of the scheduled productive time."""
    worked = sum(s.end - s.begin for s in stretches if s.state in PRODUCTIVE)
    return Share(worked, sum(s.end - s.begin for s in shifts if s.productive))
