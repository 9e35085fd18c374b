"""The load that measures the kernel: sizes stay, and all implementations do the same work."""

from typing import Any

import pytest

from acd_core.simulation.kernel_load import BLOCK, Cost, KernelLoad, LinearScan, cost, latencies
from acd_core.simulation.load import Scenario
from cython_ext.acd import Matcher, oracle

SMALL = Scenario(agents=40, queues=10, profiles=20, waiting=60)


def played(matcher: Any, turns: int) -> list[Any]:
    load = KernelLoad(matcher, SMALL)
    load.block()
    seen = []
    for place in range(turns):
        load.turn(place)
        seen.append((load.assignments, tuple(load._busy)))
    return seen


def test_kernel_oracle_and_scan_make_the_same_assignments() -> None:
    found = played(Matcher(), 200)
    assert found == played(oracle.Matcher(), 200) == played(LinearScan(), 200)
    assert found[-1][0] > 150


def test_turns_go_on_for_ever_with_few_callers() -> None:
    load = KernelLoad(Matcher(), Scenario(agents=500, queues=100, profiles=100, waiting=5))
    for _ in range(5):
        load.block()
        for place in range(BLOCK):
            load.turn(place)
    assert load.assignments == pytest.approx(5 * BLOCK, rel=0.05)


def test_figures_come_from_the_clock_that_is_passed_in() -> None:
    ticks = iter(range(10_000_000))
    found = cost(Matcher(), SMALL, 2.0, lambda: float(next(ticks)))
    assert isinstance(found, Cost)
    assert found.us == pytest.approx(1e6 / BLOCK, rel=0.1)
    assert latencies(SMALL, BLOCK, lambda: 3000 * next(ticks)) == (3.0, 3.0)


def test_profiles_are_as_many_as_the_scenario_says() -> None:
    matcher = Matcher()
    size = Scenario(agents=1000, queues=100, profiles=500, waiting=1)
    KernelLoad(matcher, size)
    known = {matcher.profile_of(agent) for agent in range(size.agents)}
    assert len(known) == 500
