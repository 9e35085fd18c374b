"""Estimated waits: reference values, scoring, the choice of who speaks, and silence."""

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core import events as told
from acd_core.stats.estimates import (
    ENOUGH,
    Estimator,
    Pool,
    WaitEstimates,
    position_by_available,
    with_abandonment,
)


def taught(handling: float, *waits: float) -> WaitEstimates:
    estimates = WaitEstimates()
    estimates.aht.add(handling)
    for wait in waits:
        estimates.answered(wait, None)
    return estimates


def test_position_by_available_gives_the_worked_example() -> None:
    # metrics.md section 3, E3: 10 agents, 300 s, least wait 60 s, fifth caller.
    assert position_by_available(300.0, 5, 10, least_wait_s=60.0) == 186.0


def test_each_estimator_follows_its_formula() -> None:
    estimates = taught(100.0, 8.0, 16.0)
    estimates.completed(30.0)
    pool = Pool(ahead=3, staffed=5, active=4, idle=0, head_s=12.0, head_found=1)
    found = estimates.predict(pool)
    assert found == (10.0, 80.0, 100.0, 81.0, 80.0, 16.0, 80.0, 12.0, 24.0, 30.0)


def test_a_free_agent_means_no_wait_and_nobody_means_never() -> None:
    estimates = taught(100.0)
    free = estimates.predict(Pool(ahead=0, staffed=5, active=5, idle=1))
    assert (free[4], free[6], free[2], free[7], free[8]) == (0.0, 0.0, 0.0, 0.0, 0.0)
    nobody = estimates.predict(Pool(ahead=0, staffed=0, active=0, idle=0))
    assert nobody[1] == nobody[4] == nobody[6] == inf
    assert nobody[2] == pytest.approx(1e6)


def test_handling_time_is_90_s_until_it_is_known() -> None:
    assert WaitEstimates().handling_s == 90.0


@given(st.integers(0, 400), st.integers(1, 50), st.floats(1, 600), st.floats(1e-5, 0.2))
def test_the_sum_with_abandonment_agrees_with_adding_up(
    ahead: int, staffed: int, handling: float, patience: float
) -> None:
    exact = sum(1 / (staffed / handling + i * patience) for i in range(ahead + 1))
    found = with_abandonment(ahead, staffed, handling, patience)
    assert found == pytest.approx(exact, rel=1e-6)
    assert found <= (ahead + 1) * handling / staffed * (1 + 1e-9)


def test_the_smallest_rolling_error_speaks_and_a_great_one_is_silent() -> None:
    estimates = taught(100.0)
    pool = Pool(ahead=4, staffed=5, active=5, idle=0)
    for _ in range(ENOUGH - 1):
        estimates.answered(100.0, estimates.predict(pool))
    assert estimates.announce(pool, 0.5) is None
    estimates.answered(100.0, estimates.predict(pool))
    estimate = estimates.announce(pool, 0.5)
    assert estimate is not None
    assert (estimate.estimator, estimate.seconds, estimate.error) == ("queued_by_staffed", 100, 0)
    for _ in range(40):
        estimates.answered(1000.0, estimates.predict(pool))
    # Only the estimators that learn from waits are still near; they speak now.
    estimate = estimates.announce(pool, 0.5)
    assert estimate is not None
    assert estimate.estimator in ("past_waits", "last_served")
    for wait in (1.0, 3000.0) * 20:
        estimates.answered(wait, estimates.predict(pool))
    assert estimates.announce(pool, 0.5) is None


def test_the_range_is_as_wide_as_the_error() -> None:
    estimates = taught(100.0)
    pool = Pool(ahead=4, staffed=5, active=5, idle=0)
    for wait in (80.0, 125.0) * 10:
        estimates.answered(wait, (100.0,) * len(Estimator))
    found = estimates.announce(pool, 0.5)
    assert found is not None
    assert found.low_s == pytest.approx(found.seconds * (1 - found.error))
    assert found.high_s == pytest.approx(found.seconds * (1 + found.error))
    assert found.error == pytest.approx(0.225, abs=0.01)


def test_the_engine_scores_estimators_and_publishes_them(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.offered(0)
    floor.answer(0, 1)
    for number in range(1, 12):
        floor.call(number, after=2.0)
        floor.tell(told.CallEnded(call=number - 1), after=58.0)
        floor.answer(number, 1)
    view = floor.line()
    scores = {score.estimator: score for score in view.estimators}
    assert scores["queue_length"].scored == 11
    assert scores["queue_length"].seconds == pytest.approx(60.0, abs=1.0)
    assert view.estimate is not None
    assert view.estimate.low_s <= 60.0 <= view.estimate.high_s + 2.0


def test_the_head_of_the_line_and_the_last_completed_call_are_known(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.offered(0)
    floor.answer(0, 1)
    for number in (1, 2, 3):
        floor.call(number, after=10.0)
    told_now = {score.estimator: score.seconds for score in floor.line().estimators}
    # The head came 20 s ago and found nobody; a new caller finds three.
    assert (told_now["head_of_line"], told_now["head_refined"]) == (20.0, 80.0)
    floor.tell(told.CallEnded(call=0), after=5.0)
    floor.answer(1, 1)
    floor.tell(told.CallEnded(call=1), after=60.0)
    told_now = {score.estimator: score.seconds for score in floor.line().estimators}
    assert told_now["last_completed"] == told_now["last_served"] == 25.0


def test_callers_who_find_an_agent_free_are_not_followed(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.offered(0)
    floor.answer(0, 1)
    assert [score.scored for score in floor.line().estimators] == [0] * len(Estimator)
    assert floor.line().estimate is None
