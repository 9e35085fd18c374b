"""What a decision of the kernel costs, at several sizes, beside its plain twin and a scan.

A turn is: an agent becomes free, the first call that he can serve is chosen, the rule of its
queue chooses among all who are free, the chosen one is taken, and the call leaves; another
call comes, and an agent is chosen for it if one is free. In the long run a turn makes one
assignment. Clocks are arguments; whatever is drawn is drawn before they run.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from acd_core.simulation.load import Draw, Scenario, run
from cython_ext.acd import IDLE, Matcher, oracle

BUSY: Final = 4
SKILLS_EACH: Final = 3
BLOCK: Final = 1000  # assignments between two looks at the clock
APART_S: Final = 0.001  # between two turns, and between two callers who wait at the beginning
LATENCY_RUNS: Final = 5
GROWTH_AGENTS: Final = (100, 1_000, 10_000, 100_000)
GROWTH_WAITING: Final = (100, 1_000, 10_000, 100_000, 1_000_000)
ISSUE_SIZE: Final = Scenario(agents=10_000, queues=100, profiles=500, waiting=100_000)


class LinearScan(oracle.Matcher):
    """The plain twin, which looks at every member, with what fits whom looked up."""

    def __init__(self) -> None:
        super().__init__()
        self._matches: dict[tuple[int, int], tuple[bool, int, int]] = {}

    def _match(self, profile: int, demand: int) -> tuple[bool, int, int]:
        found = self._matches.get((profile, demand))
        if found is None:
            found = self._matches[profile, demand] = super()._match(profile, demand)
        return found


class KernelLoad:
    """A floor of busy agents and waiting calls, and one turn after the other."""

    def __init__(self, matcher: Any, scenario: Scenario) -> None:
        """``matcher`` is the compiled Matcher, its plain twin, or a scan."""
        self.assignments = 0
        self._matcher = matcher
        self._draw = Draw(1)
        self._now = 0.0
        self._key = 0
        # By handle; handles are small numbers that are used again.
        self._profile: list[int] = []
        self._kinds: list[tuple[int, int]] = []
        self._busy: deque[int] = deque()
        self._demands = [
            (matcher.demand([(queue, 3)]), queue % oracle.RULES) for queue in range(scenario.queues)
        ]
        self._next: list[tuple[tuple[int, int], int]] = []
        for key in range(scenario.agents):
            self._add_agent(key, scenario)
        self._prepare(scenario.waiting)
        for kind, priority in self._next:
            self._now += APART_S
            self._add_call(kind, priority)

    def block(self) -> None:
        """Draw what a block of turns needs; not part of their cost."""
        self._prepare(BLOCK)

    def turn(self, place: int) -> None:
        """Free one agent, and let in the call that was drawn for this place in the block."""
        matcher = self._matcher
        self._now += APART_S
        agent = self._busy.popleft()
        matcher.set_state(agent, IDLE, self._now)
        call = matcher.best_call(self._profile[agent])
        if call >= 0:
            self._take(call, matcher.best_agent(*self._kinds[call]))
        kind, priority = self._next[place]
        call = self._add_call(kind, priority)
        agent = matcher.best_agent(*kind)
        if agent >= 0:
            self._take(call, agent)

    def _take(self, call: int, agent: int) -> None:
        self._matcher.set_state(agent, BUSY, self._now)
        self._matcher.drop_call(call)
        self._busy.append(agent)
        self.assignments += 1

    def _prepare(self, count: int) -> None:
        draw, demands = self._draw, self._demands
        self._next = [(demands[draw.below(len(demands))], draw.below(3)) for _ in range(count)]

    def _add_call(self, kind: tuple[int, int], priority: int) -> int:
        self._key += 1
        call: int = self._matcher.add_call(self._key, kind[0], priority, self._now)
        if call == len(self._kinds):
            self._kinds.append(kind)
        else:
            self._kinds[call] = kind
        return call

    def _add_agent(self, key: int, scenario: Scenario) -> None:
        matcher, queues = self._matcher, scenario.queues
        number = key % scenario.profiles
        # 500 profiles over 100 queues: the distance between skills makes them differ.
        step = number // queues + 1
        levels = {(number + i * step) % queues: 3 + (number + i) % 8 for i in range(SKILLS_EACH)}
        profile = matcher.profile(levels.items())
        agent = matcher.add_agent(key, profile)
        matcher.set_state(agent, BUSY, 0.0)
        self._profile.append(profile)
        self._busy.append(agent)


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of one assignment at one size."""

    agents: int
    waiting: int
    us: float
    """Microseconds of the clock that was passed in."""


def cost(matcher: Any, scenario: Scenario, seconds: float, clock: Callable[[], float]) -> Cost:
    """Measure for about so many seconds of ``clock``, whole blocks."""
    load = KernelLoad(matcher, scenario)
    load.block()
    for place in range(BLOCK):  # the first decisions set up what later ones use
        load.turn(place)
    load.assignments, spent = 0, 0.0
    while spent < seconds:
        load.block()
        start = clock()
        for place in range(BLOCK):
            load.turn(place)
        spent += clock() - start
    return Cost(agents=scenario.agents, waiting=scenario.waiting, us=spent / load.assignments * 1e6)


def slow_cost(matcher: Any, scenario: Scenario, turns: int, clock: Callable[[], float]) -> float:
    """Microseconds for each assignment in a few turns of a slow matcher."""
    load = KernelLoad(matcher, scenario)
    load.block()
    start = clock()
    for place in range(turns):
        load.turn(place)
    return (clock() - start) / load.assignments * 1e6


def latencies(scenario: Scenario, turns: int, clock_ns: Callable[[], int]) -> tuple[float, float]:
    """Median and 99th percentile of one turn in microseconds, with a clock on the wall."""
    load = KernelLoad(Matcher(), scenario)
    best: tuple[float, float] = (float("inf"), float("inf"))
    for _ in range(LATENCY_RUNS):
        times = []
        for start in range(0, turns, BLOCK):
            load.block()
            for place in range(min(BLOCK, turns - start)):
                before = clock_ns()
                load.turn(place)
                times.append(clock_ns() - before)
        times.sort()
        p50, p99 = times[len(times) // 2] / 1000, times[len(times) * 99 // 100] / 1000
        # The machines are shared: a run that others disturbed says nothing.
        best = min(best, (p99, p50))
    return best[1], best[0]


def bytes_each(scenario: Scenario) -> tuple[float, float]:
    """Bytes that the kernel sets aside for a waiting call and for an agent."""
    matcher = Matcher()
    load = KernelLoad(matcher, scenario)
    load.block()
    for place in range(BLOCK):
        load.turn(place)
    agents, calls = matcher.memory()
    return calls / scenario.waiting, agents / scenario.agents


def measure(
    seconds: float, clock: Callable[[], float], clock_ns: Callable[[], int]
) -> dict[str, Any]:
    """Every figure of the kernel and of the whole engine, by its name.

    ``clock`` is best one of processor time, ``clock_ns`` one on the wall.
    """
    size = ISSUE_SIZE
    kernel = cost(Matcher(), size, seconds / 4, clock)
    p50, p99 = latencies(size, 10 * BLOCK, clock_ns)
    by_agents = [
        cost(Matcher(), msgspec.structs.replace(size, agents=agents), seconds / 20, clock)
        for agents in GROWTH_AGENTS
    ]
    by_waiting = [
        cost(Matcher(), msgspec.structs.replace(size, waiting=waiting), seconds / 20, clock)
        for waiting in GROWTH_WAITING
    ]
    # Plain Python looks at every call: a smaller floor, the same for all three.
    small = msgspec.structs.replace(size, agents=1_000, profiles=100, waiting=2_000)
    quick = cost(Matcher(), small, seconds / 20, clock).us
    whole = run(seconds / 4, clock)
    bytes_per_call, bytes_per_agent = bytes_each(size)
    return {
        "assignments_per_s": round(1e6 / kernel.us),
        "p50_us": round(p50, 3),
        "p99_us": round(p99, 3),
        "engine_assignments_per_s": round(whole.assignments_per_s),
        "growth_agents": round(by_agents[-1].us / by_agents[0].us, 2),
        "growth_waiting": round(by_waiting[-1].us / by_waiting[0].us, 2),
        "bytes_per_call": round(bytes_per_call, 1),
        "bytes_per_agent": round(bytes_per_agent, 1),
        "ratio_oracle": round(slow_cost(oracle.Matcher(), small, 20, clock) / quick),
        "ratio_scan": round(slow_cost(LinearScan(), small, 200, clock) / quick),
        "scenario": {
            **msgspec.structs.asdict(size),
            "rules": oracle.RULES,
            "skills_each": SKILLS_EACH,
            "by_agents": [msgspec.structs.asdict(found) for found in by_agents],
            "by_waiting": [msgspec.structs.asdict(found) for found in by_waiting],
            "ratios_at": msgspec.structs.asdict(small),
            "engine": {"agents": whole.agents, "queues": whole.queues, "waiting": whole.waiting},
        },
    }
