"""Erlang B, C and A: the reference rows, an independent slow way, and what must hold always."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd_core.errors import ForecastFault
from acd_core.forecast.erlang import (
    Demand,
    Forecast,
    erlang_b,
    erlang_c,
    impatient,
    lines_needed,
    load_carried,
    wait_percentile,
    waiting,
    with_redials,
)
from acd_core.forecast.staffing import Goal, scheduled, staff
from tests.oracles import erlang_chain as slow

HUNDRED = Demand(calls_per_hour=200, aht_s=180)  # 100 calls in 30 minutes
MINUTES_5 = Demand(calls_per_hour=200, aht_s=180, patience_s=300)
FIFTY = Demand(calls_per_hour=2880, aht_s=60, patience_s=120)
CLOSE = pytest.approx


def near(value: float, printed: str) -> bool:
    """Agree with a printed number to half a unit of its last digit."""
    digits = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 * 10**-digits * (1 + 1e-9)


@pytest.mark.parametrize(
    ("load", "lines", "printed"),
    [
        (1, 1, "0.500000"),
        (1, 2, "0.200000"),
        (10, 15, "0.03650"),
        (10, 16, "0.02230"),
        (10, 17, "0.01295"),
        (10, 18, "0.00714"),
        (33.333, 44, "0.01316"),
        (33.333, 45, "0.00965"),
    ],
)
def test_erlang_b_reference(load: float, lines: int, printed: str) -> None:
    assert near(erlang_b(load, lines), printed)
    assert erlang_b(load, lines) == CLOSE(slow.blocked(load, lines), abs=1e-6)


@pytest.mark.parametrize(
    ("lines", "printed"),
    [
        (5, "1.361"),
        (10, "4.461"),
        (15, "8.108"),
        (20, "12.031"),
        (30, "20.337"),
        (60, "46.950"),
        (100, "84.064"),
    ],
)
def test_traffic_at_one_percent_reference(lines: int, printed: str) -> None:
    load = load_carried(lines, 0.01)
    assert near(load, printed)
    assert slow.blocked(load, lines) == CLOSE(0.01, abs=1e-6)


def test_lines_needed_is_the_least_number() -> None:
    assert lines_needed(33.333, 0.01) == 45
    assert lines_needed(0, 0.01) == 1
    assert lines_needed(5, 1.0) == 0


@pytest.mark.parametrize(
    ("load", "servers", "printed"),
    [
        (2, 3, "0.444444"),
        (1, 2, "0.333333"),
        (2, 4, "0.173913"),
        (10, 11, "0.682118"),
        (10, 12, "0.449388"),
        (10, 13, "0.285270"),
        (10, 14, "0.174132"),
        (10, 15, "0.102042"),
        (20, 22, "0.567915"),
        (50, 55, "0.384547"),
        (100, 105, "0.515707"),
    ],
)
def test_erlang_c_reference(load: float, servers: int, printed: str) -> None:
    assert near(erlang_c(load, servers), printed)
    assert erlang_c(load, servers) == CLOSE(slow.Figures(load, servers, 0.0, 0.1).delayed, abs=1e-6)


def test_three_servers_of_the_text_book() -> None:
    found = waiting(Demand(calls_per_hour=6, aht_s=1200), 3, 20)
    assert near(found.queue_length, "0.8889")
    assert near(found.mean_wait_s / 60, "8.889")


@pytest.mark.parametrize(
    ("agents", "level", "asa", "occupancy"),
    [
        (11, "38.96", "122.78", "90.91"),
        (12, "64.02", "40.44", "83.33"),
        (13, "79.56", "17.12", "76.92"),
        (14, "88.84", "7.84", "71.43"),
    ],
)
def test_hundred_calls_in_half_an_hour_reference(
    agents: int, level: str, asa: str, occupancy: str
) -> None:
    found = waiting(HUNDRED, agents, 20)
    assert near(found.service_level * 100, level)
    assert near(found.mean_wait_s, asa)
    assert near(found.occupancy * 100, occupancy)
    check(found, slow.Figures(10, agents, 0.0, 20 / 180), aht_s=180)


@pytest.mark.parametrize(
    ("agents", "delayed", "abandoned", "level"),
    [
        (14, "0.14526", "1.3984", "91.6792"),
        (13, "0.22580", "2.4963", "85.8178"),
        (12, "0.33180", "4.2711", "77.2279"),
        (11, "0.45977", "6.9945", "65.6873"),
    ],
)
def test_erlang_a_reference(agents: int, delayed: str, abandoned: str, level: str) -> None:
    found = impatient(MINUTES_5, agents, 20)
    assert near(found.delayed, delayed)
    assert near(found.abandoned * 100, abandoned)
    assert near(found.service_level * 100, level)
    check(found, slow.Figures(10, agents, 180 / 300, 20 / 180), aht_s=180)


def test_erlang_a_reference_of_fourteen_in_full() -> None:
    found = impatient(MINUTES_5, 14, 20)
    assert near(found.occupancy * 100, "70.4297")
    assert near(found.mean_wait_s / 60, "0.069919")


def test_patience_relieves_fifty_agents_reference() -> None:
    patient, leaving = waiting(FIFTY, 50, 20), impatient(FIFTY, 50, 20)
    assert near(patient.delayed, "0.6945")
    assert near(patient.mean_wait_s, "20.83")
    assert near(patient.queue_length, "16.67")
    assert near(wait_percentile(FIFTY, 50, 0.9), "58.14")
    assert near(patient.occupancy * 100, "96")
    assert near(leaving.abandoned * 100, "3.09")
    assert near(leaving.mean_wait_s, "3.71")
    assert near(leaving.queue_length, "2.97")
    assert near(leaving.occupancy * 100, "93.03")
    assert near(leaving.delayed, "0.4678")
    check(leaving, slow.Figures(48, 50, 0.5, 1 / 3), aht_s=60)


def check(found: Forecast, expected: slow.Figures, *, aht_s: float) -> None:
    """Agree with the slow way to 1e-6; waits in units of the handling time."""
    assert found.delayed == CLOSE(expected.delayed, abs=1e-6)
    assert found.service_level == CLOSE(expected.service_level, abs=1e-6)
    assert found.mean_wait_s / aht_s == CLOSE(expected.wait, abs=1e-6)
    assert found.queue_length == CLOSE(expected.queue, abs=1e-6)
    assert found.occupancy == CLOSE(expected.busy, abs=1e-6)
    assert found.abandoned == CLOSE(expected.abandoned, abs=1e-6)


def test_staffing_reference() -> None:
    plain = staff(HUNDRED, Goal(service_level=0.8), shrinkage=0.3)
    capped = staff(HUNDRED, Goal(service_level=0.8, most_occupancy=0.7), shrinkage=0.3)
    assert (plain.required, plain.scheduled) == (14, 20)
    assert (capped.required, capped.scheduled) == (15, 22)
    assert near(capped.forecast.service_level * 100, "94.1")
    assert near(capped.forecast.occupancy * 100, "66.7")
    assert near(capped.forecast.delayed, "0.102")
    assert staff(MINUTES_5, Goal(service_level=0.8)).required == 13


def test_ringing_shortens_the_threshold_of_the_queue() -> None:
    with_ring = staff(HUNDRED, Goal(service_level=0.8, threshold_s=20, ring_s=12))
    assert with_ring.forecast == waiting(HUNDRED, with_ring.required, 8)
    assert with_ring.required >= staff(HUNDRED, Goal(service_level=0.8)).required


def test_shrinkage_rounds_up_and_no_further() -> None:
    assert [scheduled(n, 0.3) for n in (14, 15, 21, 0)] == [20, 22, 30, 0]


def test_redials_reach_a_fixed_point() -> None:
    grown = with_redials(MINUTES_5, 11, 0.5)
    abandoned = impatient(grown, 11, 20).abandoned
    assert grown.calls_per_hour == CLOSE(200 / (1 - 0.5 * abandoned))
    assert with_redials(MINUTES_5, 11, 0.0).calls_per_hour == 200


def test_redials_of_everybody_overload_a_small_floor() -> None:
    with pytest.raises(ForecastFault):
        with_redials(MINUTES_5, 5, 1.0)


loads = st.floats(0.1, 80)
sizes = st.integers(1, 90)


@given(loads, sizes, st.floats(0, 120), st.floats(1, 3600))
@settings(max_examples=60, deadline=None)
def test_more_agents_serve_better(load: float, agents: int, t: float, patience: float) -> None:
    demand = Demand(calls_per_hour=load * 20, aht_s=180, patience_s=patience)
    few, more = impatient(demand, agents, t), impatient(demand, agents + 1, t)
    assert more.delayed <= few.delayed + 1e-12
    assert more.service_level >= few.service_level - 1e-12
    assert more.abandoned <= few.abandoned + 1e-12
    assert more.occupancy <= few.occupancy + 1e-12
    assert erlang_b(load, agents + 1) < erlang_b(load, agents)
    assert erlang_c(load, agents + 1) <= erlang_c(load, agents)
    assert waiting(demand, agents + 1, t).service_level >= waiting(demand, agents, t).service_level


@given(loads, sizes, st.floats(1, 3600))
@settings(max_examples=60, deadline=None)
def test_littles_law_and_flow_balance(load: float, agents: int, patience: float) -> None:
    demand = Demand(calls_per_hour=load * 20, aht_s=180, patience_s=patience)
    found = impatient(demand, agents, 20)
    arrivals = demand.calls_per_hour / 3600
    assert found.queue_length == CLOSE(arrivals * found.mean_wait_s, rel=1e-9)
    assert found.occupancy * agents == CLOSE(load * (1 - found.abandoned), rel=1e-9)


@given(st.floats(0.1, 40), st.integers(1, 20), st.floats(0, 60))
@settings(max_examples=30, deadline=None)
def test_endless_patience_is_erlang_c(load: float, spare: int, t: float) -> None:
    agents = int(load) + spare
    patient = Demand(calls_per_hour=load * 20, aht_s=180)
    impatiently = Demand(calls_per_hour=load * 20, aht_s=180, patience_s=1e12)
    limit, found = waiting(patient, agents, t), impatient(impatiently, agents, t)
    assert found.delayed == CLOSE(limit.delayed, rel=1e-4)
    assert found.service_level == CLOSE(limit.service_level, rel=1e-4, abs=1e-4)
    assert found.mean_wait_s == CLOSE(limit.mean_wait_s, rel=1e-3)


def test_overload_without_patience_limits_waits_for_ever() -> None:
    found = waiting(HUNDRED, 10, 20)
    assert (found.delayed, found.service_level, found.mean_wait_s) == (1.0, 0.0, inf)
    assert wait_percentile(HUNDRED, 10, 0.5) == inf


def test_nobody_calls_and_nobody_works() -> None:
    idle = Demand(calls_per_hour=0, aht_s=180, patience_s=60)
    assert impatient(idle, 3, 20).service_level == 1
    alone = impatient(MINUTES_5, 0, 20)
    assert (alone.abandoned, alone.delayed) == (CLOSE(1.0), CLOSE(1.0))


def test_a_large_floor_does_not_overflow() -> None:
    found = impatient(Demand(calls_per_hour=60_000, aht_s=180, patience_s=300), 2900, 20)
    assert 0.03 < found.abandoned < 0.05
    assert found.occupancy == CLOSE(3000 * (1 - found.abandoned) / 2900)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Demand(calls_per_hour=-1, aht_s=1),
        lambda: Demand(calls_per_hour=float("nan"), aht_s=1),
        lambda: Demand(calls_per_hour=1, aht_s=0),
        lambda: Demand(calls_per_hour=1, aht_s=1, patience_s=0),
        lambda: erlang_b(-1, 2),
        lambda: erlang_b(float("nan"), 2),
        lambda: erlang_c(1, -1),
        lambda: load_carried(3, 1.0),
        lambda: lines_needed(3, 0.0),
        lambda: wait_percentile(HUNDRED, 14, 1.0),
        lambda: with_redials(HUNDRED, 14, 2.0),
        lambda: Goal(service_level=1.0),
        lambda: Goal(most_occupancy=0.0),
        lambda: Goal(ring_s=30),
        lambda: scheduled(3, 1.0),
        lambda: impatient(Demand(calls_per_hour=1e12, aht_s=1e6, patience_s=1e9), 5, 20),
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong: object) -> None:
    with pytest.raises(ForecastFault):
        wrong()  # type: ignore[operator]
