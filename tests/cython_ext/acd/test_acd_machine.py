"""One random history through the compiled kernel and its plain twin: every decision alike.

Beside that a model knows who waits and who is idle: no call is lost or served twice, the order
is kept, every deadline fires, sums add up, and what raises changes nothing.
"""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cython_ext.acd import oracle
from cython_ext.acd.states import restore_deadlines, restore_matcher
from cython_ext.implementation import PURE_PYTHON

if PURE_PYTHON:
    pytest.skip("nothing to compare with", allow_module_level=True)

from cython_ext.acd import _acd, _deadlines

LEVELS = st.dictionaries(st.integers(1, 3), st.integers(-1, 10), max_size=3)
NEEDS = st.dictionaries(st.integers(1, 3), st.integers(0, 10), max_size=2)
LINES = st.integers(0, 3)
ORDERS = st.dictionaries(LINES, st.integers(0, 3), max_size=3)
SECONDS = st.one_of(st.integers(0, 40).map(float), st.floats(-1e6, 1e6))
PICK = st.integers(0, 1 << 30)
BUSY = 4
EVERYTHING: list[tuple[int, int]] = [(1, 1000), (2, 1000), (3, 1000)]
# What no matcher takes: (method, arguments); -9 and 1 << 20 are handles that nobody has.
WRONG: list[tuple[str, tuple[Any, ...]]] = [
    *(
        (name, (handle,))
        for name in ("drop_agent", "key_of", "profile_of")
        for handle in (-9, 1 << 20)
    ),
    *(
        (name, (handle,))
        for name in ("drop_call", "hold_call", "release_call")
        for handle in (-9, 1 << 40)
    ),
    *((name, (1 << 20,)) for name in ("tally", "idle_agents", "best_call")),
    ("best_call", (0, math.nan)),
    ("best_agent", (0, 8)),
    ("add_agent", (1 << 63, 0)),
    ("add_agent", (1, 1 << 20)),
    ("add_call", (-(1 << 63) - 1, 0, 0, 0.0)),
    ("add_call", (1, 0, 1 << 31, 0.0)),
    ("add_call", (1, 0, 0, math.inf)),
    ("add_call", (1, 1 << 20, 0, 0.0)),
    ("next_agent", (0, 1 << 63)),
    ("draw_agent", (0, -1)),
    ("draw_agent", (0, 1 << 64)),
    ("set_state", (1 << 20, 1, 0.0)),
    ("set_ranks", (-9, 0.0, 0.0)),
    ("set_urgency", (0, math.nan)),
    ("set_weight", (0, -1.0)),
    ("profile", ([(1, 1001)],)),
    ("profile", ([(1, -1001)],)),
    ("profile", ([(1, 5), (1, 5)],)),
    ("demand_of", ([],)),
    ("demand", ([(1, 1 << 70)],)),
]


class KernelAndTwin(RuleBasedStateMachine):
    """Tells both the same, and compares what they answer."""

    def __init__(self) -> None:
        super().__init__()
        self.both: list[Any] = [_acd.Matcher(), oracle.Matcher()]
        self.dues: list[Any] = [_deadlines.Deadlines(), oracle.Deadlines()]
        self.key = 0
        self.now = 0.0
        self.idle: dict[int, bool] = {}
        """By agent."""
        self.held: dict[int, bool] = {}
        """By call."""
        self.order: dict[int, tuple[int, int, float, int]] = {}
        """By call: demand, then what orders it within."""
        self.added = self.served = self.left = 0
        self.due: dict[int, float] = {}
        self.all = self.ask("profile", EVERYTHING)
        self.anybody = self.ask("demand", [])

    def ask(self, name: str, *arguments: Any, **named: Any) -> Any:
        """Both answer the same."""
        first, second = (getattr(matcher, name)(*arguments, **named) for matcher in self.both)
        assert first == second, (name, arguments)
        return first

    def pick(self, handles: dict[int, Any], number: int) -> int:
        return sorted(handles)[number % len(handles)]

    @rule()
    def be_cut(self) -> None:
        """Fresh ones that take the memory back go on in the place of both."""
        state, dues = self.ask("state"), self.dues[0].state()
        assert self.dues[1].state() == dues
        self.both = [_acd.Matcher(), oracle.Matcher()]
        self.dues = [_deadlines.Deadlines(), oracle.Deadlines()]
        for matcher, deadlines in zip(self.both, self.dues, strict=True):
            restore_matcher(matcher, state)
            restore_deadlines(deadlines, dues)
        assert self.ask("state") == state

    # Agents

    @rule(levels=LEVELS, order=ORDERS, only=st.booleans())
    def add_agent(self, levels: dict[int, int], order: dict[int, int], only: bool) -> None:
        self.key += 1
        profile = self.ask("profile", levels.items(), order=order.items(), only=only)
        agent = self.ask("add_agent", self.key * 7 % 101, profile)
        assert agent not in self.idle
        self.idle[agent] = False

    @precondition(lambda self: self.idle)
    @rule(pick=PICK)
    def drop_agent(self, pick: int) -> None:
        agent = self.pick(self.idle, pick)
        self.ask("drop_agent", agent)
        del self.idle[agent]
        self.refuse("drop_agent", agent)

    @precondition(lambda self: self.idle)
    @rule(pick=PICK, levels=LEVELS, order=ORDERS)
    def change_skills(self, pick: int, levels: dict[int, int], order: dict[int, int]) -> None:
        profile = self.ask("profile", levels.items(), order=order.items())
        self.ask("set_profile", self.pick(self.idle, pick), profile)

    @precondition(lambda self: self.idle)
    @rule(pick=PICK, occupancy=SECONDS, handled=st.integers(0, 5))
    def rank(self, pick: int, occupancy: float, handled: int) -> None:
        self.ask("set_ranks", self.pick(self.idle, pick), occupancy, handled)

    @precondition(lambda self: self.idle)
    @rule(pick=PICK, state=st.integers(0, 15), since=SECONDS)
    def change_state(self, pick: int, state: int, since: float) -> None:
        agent = self.pick(self.idle, pick)
        self.ask("set_state", agent, state, since)
        self.idle[agent] = state == oracle.IDLE

    @precondition(lambda self: self.idle)
    @rule(since=SECONDS)
    def all_ready(self, since: float) -> None:
        for agent in self.idle:
            self.ask("set_state", agent, oracle.IDLE, since)
            self.idle[agent] = True

    # Calls

    @rule(
        ways=st.lists(NEEDS, min_size=1, max_size=2),
        line=LINES,
        priority=st.integers(-2, 2),
        arrival=SECONDS,
    )
    def add_call(
        self, ways: list[dict[int, int]], line: int, priority: int, arrival: float
    ) -> None:
        self.key += 1
        demand = self.ask("demand_of", [needs.items() for needs in ways], line=line)
        call = self.ask("add_call", self.key, demand, priority, arrival)
        assert call not in self.held
        self.held[call] = False
        self.order[call] = (demand, -priority, arrival, self.key)
        self.added += 1

    @precondition(lambda self: self.held)
    @rule(pick=PICK)
    def drop_call(self, pick: int) -> None:
        call = self.pick(self.held, pick)
        self.ask("drop_call", call)
        del self.held[call]
        self.left += 1
        self.refuse("drop_call", call)

    @precondition(lambda self: self.held)
    @rule(pick=PICK, hold=st.booleans())
    def hold_or_release(self, pick: int, hold: bool) -> None:
        call = self.pick(self.held, pick)
        self.ask("hold_call" if hold else "release_call", call)
        self.held[call] = hold

    @precondition(lambda self: self.held)
    @rule(pick=PICK, urgency=st.integers(-1, 1), weight=st.sampled_from([0.5, 1.0, 1.0, 3.0]))
    def weigh(self, pick: int, urgency: int, weight: float) -> None:
        demand = self.order[self.pick(self.held, pick)][0]
        self.ask("set_urgency", demand, float(urgency))
        self.ask("set_weight", demand, weight)

    # Decisions

    @precondition(lambda self: self.idle)
    @rule(pick=PICK, routing=st.integers(0, oracle.RULES - 1), step=st.integers(0, 9))
    def serve(self, pick: int, routing: int, step: int) -> None:
        """An agent asks for a call; the rule chooses for it among all who are idle."""
        self.now += step
        profile = self.ask("profile_of", self.pick(self.idle, pick))
        call = self.ask("best_call", profile, self.now)
        if call < 0:
            return
        assert self.held[call] is False
        demand, *place = self.order[call]
        assert self.ask("fits", profile, demand)
        alike = (self.order[c] for c, held in self.held.items() if not held)
        assert place == min(mine for own, *mine in alike if own == demand)
        chosen = self.ask("best_agent", demand, routing)
        fitting = [
            agent
            for agent, idle in self.idle.items()
            if idle and self.ask("fits", self.ask("profile_of", agent), demand)
        ]
        assert (chosen in fitting) if fitting else chosen == -1
        if chosen >= 0:
            self.ask("set_state", chosen, BUSY, self.now)
            self.idle[chosen] = False
            self.ask("drop_call", call)
            del self.held[call]
            self.served += 1

    @precondition(lambda self: self.held)
    @rule(pick=PICK, lot=st.integers(0, (1 << 64) - 1), after=st.integers(-1, 101))
    def draw(self, pick: int, lot: int, after: int) -> None:
        demand = self.order[self.pick(self.held, pick)][0]
        for chosen in (
            self.ask("next_agent", demand, after),
            self.ask("draw_agent", demand, lot),
            self.ask("draw_agent", demand, lot, by_score=True),
        ):
            assert chosen == -1 or self.idle[chosen]

    # Deadlines

    @rule(handle=st.integers(0, 9), when=SECONDS)
    def set_deadline(self, handle: int, when: float) -> None:
        for due in self.dues:
            due.set(handle, when)
        self.due.pop(handle, None)
        self.due[handle] = when

    @rule(handle=st.integers(-1, 9))
    def cancel_deadline(self, handle: int) -> None:
        for due in self.dues:
            due.cancel(handle)
        self.due.pop(handle, None)

    @rule(now=SECONDS)
    def reach_deadlines(self, now: float) -> None:
        """Every one that is due fires, once, in the order of time; no other does."""
        fired = []
        while (handle := self.dues[0].pop(now)) >= 0:
            assert self.dues[1].pop(now) == handle
            fired.append(self.due.pop(handle))
        assert self.dues[1].pop(now) == -1
        assert fired == sorted(fired)
        assert all(when <= now for when in fired)
        assert all(when > now for when in self.due.values())

    # What is wrong

    def refuse(self, name: str, *arguments: Any) -> None:
        for matcher in self.both:
            with pytest.raises((ValueError, OverflowError)):
                getattr(matcher, name)(*arguments)

    @rule(wrong=st.sampled_from(WRONG))
    def say_nonsense(self, wrong: tuple[str, tuple[Any, ...]]) -> None:
        self.refuse(wrong[0], *wrong[1])

    @rule(handle=st.sampled_from([-1, 1 << 24, 1 << 40]), when=st.sampled_from([0.0, math.nan]))
    def set_no_deadline(self, handle: int, when: float) -> None:
        for due in self.dues:
            with pytest.raises((ValueError, OverflowError)):
                due.set(handle, when)

    # Always

    @invariant()
    def sums_add_up(self) -> None:
        assert self.added == self.served + self.left + len(self.held)
        tally = self.ask("tally", self.anybody)
        idle = self.ask("idle_agents", self.anybody)
        assert len(idle) == len(set(idle)) == tally[oracle.IDLE]
        assert all(self.idle[agent] for agent in idle)
        first, second = ((due.first(), len(due)) for due in self.dues)
        assert first == second == (min(self.due.values(), default=None), len(self.due))

    def teardown(self) -> None:
        """Who may serve everything serves every call that is not held, each once, in order."""
        drained = []
        while (call := self.ask("best_call", self.all, self.now)) >= 0:
            assert self.held.pop(call) is False
            drained.append(self.order[call])
            self.ask("drop_call", call)
        assert all(self.held.values())
        for demand in {mine[0] for mine in drained}:
            own = [mine for mine in drained if mine[0] == demand]
            assert own == sorted(own)


TestKernelAndTwin = KernelAndTwin.TestCase
TestKernelAndTwin.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
