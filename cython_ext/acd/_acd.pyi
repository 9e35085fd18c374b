from collections.abc import Iterable
from typing import Final, final

IDLE: Final[int]
"""The state in which an agent can be chosen."""
LONGEST_IDLE: Final[int]
MOST_SKILLED: Final[int]
LEAST_SKILLED: Final[int]
RULES: Final[int]

@final
class Matcher:
    """Pools of idle agents, lists of waiting calls, and the choice between them.

    Handles are small integers, given by ``add_*`` and used again after ``drop_*``. Unknown
    handles, states beyond 15 and times that are not finite raise ValueError and change
    nothing. Ties always end at the ``key``, so every choice is a total order.
    """

    def profile(self, levels: Iterable[tuple[int, int]]) -> int:
        """Number the agents with exactly these (skill, level) pairs; equal ones get one number."""

    def demand(self, needs: Iterable[tuple[int, int]]) -> int:
        """Number the calls with exactly these (skill, least level) pairs."""

    def fits(self, profile: int, demand: int) -> bool:
        """Whether agents of the profile have every level that the demand needs."""

    def score(self, profile: int, demand: int) -> int:
        """Sum of the profile's levels over the skills of the demand."""

    def add_agent(self, key: int, profile: int) -> int:
        """Add an agent in state 0."""

    def drop_agent(self, agent: int) -> None:
        """Forget an agent."""

    def set_profile(self, agent: int, profile: int) -> None:
        """Change an agent's skills; state and place in time stay."""

    def profile_of(self, agent: int) -> int:
        """Return the profile an agent has now."""

    def set_state(self, agent: int, state: int, since: float) -> None:
        """Set an agent's state, 0 to 15; in IDLE he stands in his pool by (since, key)."""

    def add_call(self, key: int, demand: int, priority: int, arrival: float) -> int:
        """Let a call wait, in the order (priority descending, arrival, key)."""

    def drop_call(self, call: int) -> None:
        """Forget a call."""

    def hold_call(self, call: int) -> None:
        """Keep a call out of every choice; it keeps its place."""

    def release_call(self, call: int) -> None:
        """Let a held call be chosen again, at its place."""

    def best_agent(self, demand: int, rule: int) -> int:
        """Choose an idle agent that fits, -1 for none.

        LONGEST_IDLE: least (since, key). MOST_SKILLED and LEAST_SKILLED: greatest or least
        score, then least (since, key).
        """

    def best_call(self, profile: int) -> int:
        """Choose the first waiting call that fits, over all demands; -1 for none."""

    def idle_agents(self, demand: int) -> list[int]:
        """Every idle agent that fits, longest idle first."""

    def tally(self, demand: int) -> tuple[int, ...]:
        """Count the agents that fit by state, 16 numbers."""

    def memory(self) -> tuple[int, int]:
        """Bytes set aside for agents and for calls."""
