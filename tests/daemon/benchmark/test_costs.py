"""Costs are shares of what the operating system counted, by process and together."""

import time

from daemon.benchmark import costs

BEFORE = {"control": 1.0, "media": 2.0}
AFTER = {"control": 1.5, "media": 2.25}


def test_cost_of_a_thousand_calls_is_that_of_all_processes() -> None:
    row = costs.per_call(BEFORE, AFTER, 250)
    assert row == {"cpu_s_per_1000": 3.0, "control": 2.0, "media": 1.0}
    assert next(iter(row)) == "cpu_s_per_1000"


def test_cost_of_a_second_is_given_by_process_and_together() -> None:
    found = costs.per_second(BEFORE, AFTER, 5.0)
    assert found == {"control": 0.1, "media": 0.05, costs.TOGETHER: 0.15}


def test_machine_that_wakes_nobody_in_time_is_noticed() -> None:
    with costs.Lateness() as lateness:
        ends = time.monotonic() + 0.05
        while time.monotonic() < ends:
            sum(range(1000))  # keeps the interpreter busy, for a moment only
    assert lateness.p99_ms() > 0


def test_machine_that_was_not_looked_at_is_not_late() -> None:
    assert costs.Lateness().p99_ms() == 0.0
