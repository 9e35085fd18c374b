"""The load that measures the kernel: sizes stay, and all implementations do the same work."""

from typing import Any

import msgspec
import pytest

from acd_core.simulation.kernel_load import (
    BLOCK,
    ROUNDS,
    TURNS,
    KernelLoad,
    LinearScan,
    growth,
    latencies,
    on_same_turns,
)
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
    more = msgspec.structs.replace(SMALL, waiting=90)
    found = growth([SMALL, more], 2.0 * ROUNDS, lambda: float(next(ticks)))
    assert [(cost.agents, cost.waiting) for cost in found] == [(40, 60), (40, 90)]
    assert [cost.us for cost in found] == pytest.approx([1e6 / BLOCK] * 2, rel=0.1)
    assert latencies(SMALL, BLOCK, lambda: 3000 * next(ticks)) == (3.0, 3.0)


@pytest.mark.parametrize("make", [Matcher, oracle.Matcher, LinearScan])
def test_kernel_oracle_and_scan_are_given_the_same_turns(make: Any) -> None:
    ticks = iter(range(10_000_000))
    found = on_same_turns(make, SMALL, 2, lambda: next(ticks) / 1e3, lambda: 500 * next(ticks))
    # Two floors of TURNS turns, at two looks at the clock each turn, and one before and after.
    made = KernelLoad(make(), SMALL)
    made.block()
    for place in range(TURNS):
        made.turn(place)
    seconds = (2 * TURNS + 1) / 1e3
    assert found.assignments_per_s == round(made.assignments / seconds)
    assert (found.p50_us, found.p99_us) == (0.5, 0.5)


def test_profiles_are_as_many_as_the_scenario_says() -> None:
    matcher = Matcher()
    size = Scenario(agents=1000, queues=100, profiles=500, waiting=1)
    KernelLoad(matcher, size)
    known = {matcher.profile_of(agent) for agent in range(size.agents)}
    assert len(known) == 500
