from collections.abc import Iterable
from typing import Final, final

from cython_ext.acd.states import MatcherState

IDLE: Final[int]
"""The state in which an agent can be chosen."""
LONGEST_IDLE: Final[int]
MOST_SKILLED: Final[int]
LEAST_SKILLED: Final[int]
LEAST_OCCUPIED: Final[int]
FEWEST_CALLS: Final[int]
LINEAR: Final[int]
EXPERT_LONGEST_IDLE: Final[int]
EXPERT_LEAST_OCCUPIED: Final[int]
RULES: Final[int]

@final
class Matcher:
    """Pools of idle agents, lists of waiting calls, and the choice between them.

    Handles are small integers, given by ``add_*`` and used again after ``drop_*``. Unknown
    handles, states beyond 15, levels beyond 1000 and times that are not finite raise
    ValueError; keys beyond 64 bits and priorities and handles beyond 32 raise OverflowError,
    or ValueError where there is no such handle. What raises changes nothing. Ties always end
    at the ``key``, so every choice is a total order.
    """

    def profile(
        self,
        levels: Iterable[tuple[int, int]],
        *,
        order: Iterable[tuple[int, int]] = (),
        only: bool = False,
    ) -> int:
        """Number the agents with exactly these (skill, level) pairs; equal ones get one number.

        ``order`` holds (line, rank) pairs, ranks from 0: calls of a line with a lower rank are
        served first, whatever else; lines not named come last, and with ``only`` agents of the
        profile do not serve them at all.
        """

    def demand(self, needs: Iterable[tuple[int, int]], *, line: int = 0) -> int:
        """Number the calls with exactly these (skill, least level) pairs."""

    def demand_of(self, alternatives: Iterable[Iterable[tuple[int, int]]], *, line: int = 0) -> int:
        """Number the calls of a line that any of these sets of pairs satisfies.

        Demands of different lines have numbers, and so urgencies, weights and ranks, of their
        own.
        """

    def set_urgency(self, demand: int, urgency: float) -> None:
        """Serve calls of this demand before those of less urgent ones; 0 at first."""

    def set_weight(self, demand: int, weight: float) -> None:
        """Let a second of wait count so much, above 0, beside other demands; 1 at first."""

    def fits(self, profile: int, demand: int) -> bool:
        """Whether agents of the profile have every level of one alternative and serve its line."""

    def score(self, profile: int, demand: int) -> int:
        """Sum of the profile's levels over the skills of the demand.

        Of several alternatives the one that fits with the greatest sum counts.
        """

    def best_level(self, profile: int, demand: int) -> int:
        """The profile's best level among the skills of the demand."""

    def add_agent(self, key: int, profile: int) -> int:
        """Add an agent in state 0."""

    def drop_agent(self, agent: int) -> None:
        """Forget an agent."""

    def set_profile(self, agent: int, profile: int) -> None:
        """Change an agent's skills; state and place in time stay."""

    def set_ranks(self, agent: int, occupancy: float, handled: float) -> None:
        """Set how busy an agent has been, for the rules that ask; less goes first."""

    def profile_of(self, agent: int) -> int:
        """Return the profile an agent has now."""

    def key_of(self, agent: int) -> int:
        """Return the key an agent was added with."""

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
        score, then least (since, key). LEAST_OCCUPIED and FEWEST_CALLS: least rank, then
        least (since, key). LINEAR: least key. EXPERT_LONGEST_IDLE and EXPERT_LEAST_OCCUPIED:
        greatest best level, then as the rule without it.
        """

    def next_agent(self, demand: int, after: int) -> int:
        """Choose the idle agent with the next key after this one, else the lowest; -1 for none.

        Looks at every idle agent that fits.
        """

    def draw_agent(self, demand: int, lot: int, *, by_score: bool = False) -> int:
        """Draw an idle agent that fits, -1 for none; the same lot draws the same one.

        With ``by_score`` each has as many tickets as his score. Looks at every idle agent
        that fits.
        """

    def best_call(self, profile: int, now: float = 0.0) -> int:
        """Choose the first waiting call that fits, over all demands; -1 for none.

        The demand of the lowest rank in the profile's order first, then the most urgent one,
        then (priority descending, (now - arrival) x weight descending, arrival, key). Without
        weights ``now`` decides nothing.
        """

    def idle_agents(self, demand: int) -> list[int]:
        """Every idle agent that fits, longest idle first."""

    def tally(self, demand: int) -> tuple[int, ...]:
        """Count the agents that fit by state, 16 numbers."""

    def state(self) -> MatcherState:
        """Everything that decisions depend on; ``states.restore_matcher`` takes it back."""

    def memory(self) -> tuple[int, int]:
        """Bytes set aside for agents and for calls."""
