"""The distribution kernel in plain Python: the same faces, by search instead of heaps.

It is what the compiled kernel is compared with, and what runs without a compiler. The
contracts are in ``_acd.pyi``.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from cython_ext.acd.oracle_deadlines import Deadlines as Deadlines
from cython_ext.acd.oracle_deadlines import finite
from cython_ext.acd.states import AgentState, CallState, MatcherState, Pairs

IDLE: Final = 1
LONGEST_IDLE: Final = 0
MOST_SKILLED: Final = 1
LEAST_SKILLED: Final = 2
LEAST_OCCUPIED: Final = 3
FEWEST_CALLS: Final = 4
LINEAR: Final = 5
EXPERT_LONGEST_IDLE: Final = 6
EXPERT_LEAST_OCCUPIED: Final = 7
RULES: Final = 8
_STATES: Final = 16
_WORD: Final = (1 << 64) - 1
_LAST: Final = (1 << 31) - 1
_TOP_LEVEL: Final = 1000

T = TypeVar("T")


class _Agent(msgspec.Struct):
    key: int
    profile: int
    state: int = 0
    since: float = 0.0
    occupancy: float = 0.0
    handled: float = 0.0

    @property
    def state_now(self) -> AgentState:
        times = (float(self.since), float(self.occupancy), float(self.handled))
        return self.key, self.profile, self.state, *times


class _Call(msgspec.Struct):
    key: int
    demand: int
    priority: int
    arrival: float
    held: bool = False

    @property
    def state_now(self) -> CallState:
        return self.key, self.demand, self.priority, float(self.arrival), self.held


class _Handles:
    """Small integers, the last one given back first."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 0

    def take(self) -> int:
        if self._free:
            return self._free.pop()
        self._next += 1
        return self._next - 1

    def give_back(self, handle: int) -> None:
        self._free.append(handle)

    @property
    def all(self) -> range:
        """Those given at some time."""
        return range(self._next)

    @property
    def free(self) -> list[int]:
        return self._free.copy()


class Matcher:
    """Pools of idle agents, lists of waiting calls, and the choice between them."""

    def __init__(self) -> None:
        self._profiles: list[tuple[Pairs, Pairs, bool]] = []
        self._demands: list[tuple[int, tuple[Pairs, ...]]] = []
        self._urgencies: dict[int, float] = {}
        self._weights: dict[int, float] = {}
        self._agents: dict[int, _Agent] = {}
        self._calls: dict[int, _Call] = {}
        self._agent_handles = _Handles()
        self._call_handles = _Handles()

    def profile(
        self,
        levels: Iterable[tuple[int, int]],
        *,
        order: Iterable[tuple[int, int]] = (),
        only: bool = False,
    ) -> int:
        """Number the agents with exactly these (skill, level) pairs and this order of lines."""
        return _number(self._profiles, (_pairs(levels), _ranks(order), only))

    def demand(self, needs: Iterable[tuple[int, int]], *, line: int = 0) -> int:
        """Number the calls with exactly these (skill, least level) pairs."""
        return self.demand_of((needs,), line=line)

    def demand_of(self, alternatives: Iterable[Iterable[tuple[int, int]]], *, line: int = 0) -> int:
        """Number the calls of a line that any of these sets of pairs satisfies."""
        ways = tuple(sorted({_pairs(needs) for needs in alternatives}))
        if not ways:
            raise ValueError("a demand has no alternative")
        return _number(self._demands, (line, ways))

    def set_urgency(self, demand: int, urgency: float) -> None:
        """Serve calls of this demand before those of less urgent ones."""
        _known(self._demands, demand, "demand")
        if not math.isfinite(urgency):
            raise ValueError(f"urgency {urgency} is not finite")
        self._urgencies[demand] = urgency

    def set_weight(self, demand: int, weight: float) -> None:
        """Let a second of wait count so much beside other demands."""
        _known(self._demands, demand, "demand")
        if not (math.isfinite(weight) and weight > 0):
            raise ValueError(f"weight {weight} is not finite and above 0")
        self._weights[demand] = weight

    def fits(self, profile: int, demand: int) -> bool:
        """Whether agents of the profile have every level of one alternative and serve its line."""
        return self._match(profile, demand)[0]

    def score(self, profile: int, demand: int) -> int:
        """Sum of the profile's levels over the skills of the demand."""
        return self._match(profile, demand)[1]

    def best_level(self, profile: int, demand: int) -> int:
        """The profile's best level among the skills of the demand."""
        return self._match(profile, demand)[2]

    def add_agent(self, key: int, profile: int) -> int:
        """Add an agent in state 0."""
        _known(self._profiles, profile, "profile")
        _signed(key, 64)
        agent = self._agent_handles.take()
        self._agents[agent] = _Agent(key, profile)
        return agent

    def drop_agent(self, agent: int) -> None:
        """Forget an agent."""
        self._agent(agent)
        del self._agents[agent]
        self._agent_handles.give_back(agent)

    def set_profile(self, agent: int, profile: int) -> None:
        """Change an agent's skills; state and place in time stay."""
        found = self._agent(agent)
        _known(self._profiles, profile, "profile")
        found.profile = profile

    def set_ranks(self, agent: int, occupancy: float, handled: float) -> None:
        """Set how busy an agent has been, for the rules that ask."""
        found = self._agent(agent)
        if not (math.isfinite(occupancy) and math.isfinite(handled)):
            raise ValueError(f"rank {occupancy} or {handled} is not finite")
        found.occupancy, found.handled = occupancy, handled

    def profile_of(self, agent: int) -> int:
        """Return the profile an agent has now."""
        return self._agent(agent).profile

    def key_of(self, agent: int) -> int:
        """Return the key an agent was added with."""
        return self._agent(agent).key

    def set_state(self, agent: int, state: int, since: float) -> None:
        """Set an agent's state, 0 to 15."""
        found = self._agent(agent)
        if not 0 <= state < _STATES:
            raise ValueError(f"state {state} is not 0 to {_STATES - 1}")
        found.state, found.since = state, finite(since)

    def add_call(self, key: int, demand: int, priority: int, arrival: float) -> int:
        """Let a call wait."""
        _known(self._demands, demand, "demand")
        finite(arrival)
        _signed(key, 64)
        _signed(priority, 32)
        call = self._call_handles.take()
        self._calls[call] = _Call(key, demand, priority, arrival)
        return call

    def drop_call(self, call: int) -> None:
        """Forget a call."""
        self._call(call)
        del self._calls[call]
        self._call_handles.give_back(call)

    def hold_call(self, call: int) -> None:
        """Keep a call out of every choice; it keeps its place."""
        self._call(call).held = True

    def release_call(self, call: int) -> None:
        """Let a held call be chosen again, at its place."""
        self._call(call).held = False

    def best_agent(self, demand: int, rule: int) -> int:
        """Choose an idle agent that fits, -1 for none."""
        if not 0 <= rule < RULES:
            raise ValueError(f"rule {rule} is not 0 to {RULES - 1}")

        def order(agent: int) -> tuple[float, ...]:
            found = self._agents[agent]
            _, score, level = self._match(found.profile, demand)
            last = (found.since, found.key)
            return {
                LONGEST_IDLE: last,
                MOST_SKILLED: (-score, *last),
                LEAST_SKILLED: (score, *last),
                LEAST_OCCUPIED: (found.occupancy, *last),
                FEWEST_CALLS: (found.handled, *last),
                LINEAR: (found.key,),
                EXPERT_LONGEST_IDLE: (-level, *last),
                EXPERT_LEAST_OCCUPIED: (-level, found.occupancy, *last),
            }[rule]

        return min(self.idle_agents(demand), key=order, default=-1)

    def next_agent(self, demand: int, after: int) -> int:
        """Choose the idle agent with the next key after this one, else the lowest."""
        _signed(after, 64)
        keys = {self._agents[handle].key: handle for handle in self.idle_agents(demand)}
        later = [key for key in keys if key > after]
        return keys[min(later or keys)] if keys else -1

    def draw_agent(self, demand: int, lot: int, *, by_score: bool = False) -> int:
        """Draw an idle agent; with ``by_score`` each has as many tickets as points."""
        if not 0 <= lot <= _WORD:
            raise OverflowError(f"lot {lot} is not of 64 bits")

        def ticket(handle: int) -> tuple[int, int]:
            found = self._agents[handle]
            tickets = max(1, self.score(found.profile, demand)) if by_score else 1
            own = _mixed(lot ^ _mixed(found.key & _WORD))
            return (min(_mixed(own + number) for number in range(tickets)), found.key)

        return min(self.idle_agents(demand), key=ticket, default=-1)

    def best_call(self, profile: int, now: float = 0.0) -> int:
        """Choose the first waiting call that fits; -1 for none."""
        _, named, _ = _known(self._profiles, profile, "profile")
        finite(now)
        ranks = dict(named)
        waiting = (
            handle
            for handle, call in self._calls.items()
            if not call.held and self.fits(profile, call.demand)
        )

        def order(handle: int) -> tuple[float, ...]:
            call = self._calls[handle]
            demand = call.demand
            return (
                ranks.get(self._demands[demand][0], _LAST),
                -self._urgencies.get(demand, 0.0),
                -call.priority,
                (call.arrival - now) * self._weights.get(demand, 1.0),
                call.arrival,
                call.key,
            )

        return min(waiting, key=order, default=-1)

    def idle_agents(self, demand: int) -> list[int]:
        """Every idle agent that fits, longest idle first."""
        _known(self._demands, demand, "demand")
        idle = [
            handle
            for handle, agent in self._agents.items()
            if agent.state == IDLE and self.fits(agent.profile, demand)
        ]
        return sorted(idle, key=lambda h: (self._agents[h].since, self._agents[h].key))

    def tally(self, demand: int) -> tuple[int, ...]:
        """Count the agents that fit by state, 16 numbers."""
        _known(self._demands, demand, "demand")
        counts = [0] * _STATES
        for agent in self._agents.values():
            counts[agent.state] += self.fits(agent.profile, demand)
        return tuple(counts)

    def state(self) -> MatcherState:
        """Everything that decisions depend on; ``states.restore_matcher`` takes it back."""
        agents, calls = self._agents, self._calls
        return (
            list(self._profiles),
            [
                (line, ways, self._urgencies.get(number, 0.0), self._weights.get(number, 1.0))
                for number, (line, ways) in enumerate(self._demands)
            ],
            [agents[h].state_now if h in agents else None for h in self._agent_handles.all],
            self._agent_handles.free,
            [calls[h].state_now if h in calls else None for h in self._call_handles.all],
            self._call_handles.free,
        )

    def memory(self) -> tuple[int, int]:
        """Plain objects are not counted."""
        return 0, 0

    def _match(self, profile: int, demand: int) -> tuple[bool, int, int]:
        """Whether they fit, the score, and the best level, in the best alternative."""
        pairs, order, only = _known(self._profiles, profile, "profile")
        levels, served = dict(pairs), dict(order)
        line, ways = _known(self._demands, demand, "demand")
        found = []
        for needs in ways:
            own = [levels.get(skill, 0) for skill, _ in needs]
            enough = all(levels.get(skill, 0) >= least for skill, least in needs)
            found.append((enough, sum(own), max(own, default=0)))
        fits, score, level = max(found)
        return fits and (not only or line in served), score, level

    def _agent(self, agent: int) -> _Agent:
        if agent not in self._agents:
            raise ValueError(f"there is no agent {agent}")
        return self._agents[agent]

    def _call(self, call: int) -> _Call:
        if call not in self._calls:
            raise ValueError(f"there is no call {call}")
        return self._calls[call]


def _pairs(levels: Iterable[tuple[int, int]]) -> Pairs:
    pairs = tuple(sorted(levels))
    if len({skill for skill, _ in pairs}) < len(pairs):
        raise ValueError("a skill is named twice")
    for skill, level in pairs:
        if abs(level) > _TOP_LEVEL:
            raise ValueError(f"level {level} of skill {skill} is beyond {_TOP_LEVEL}")
    return pairs


def _ranks(order: Iterable[tuple[int, int]]) -> Pairs:
    ranks = tuple(sorted(order))
    if len({line for line, _ in ranks}) < len(ranks):
        raise ValueError("a line is named twice")
    for _, rank in ranks:
        if not 0 <= rank < _LAST:
            raise ValueError(f"rank {rank} is not 0 to {_LAST - 1}")
    return ranks


def _number(known: list[T], value: T) -> int:
    if value not in known:
        known.append(value)
    return known.index(value)


def _known(table: Sequence[T], number: int, what: str) -> T:
    if not 0 <= number < len(table):
        raise ValueError(f"there is no {what} {number}")
    return table[number]


def _mixed(value: int) -> int:
    value = (value + 0x9E3779B97F4A7C15) & _WORD
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _WORD
    return value ^ (value >> 31)


def _signed(value: int, bits: int) -> None:
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise OverflowError(f"{value} is not of {bits} bits")
