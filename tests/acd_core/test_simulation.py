"""The simulator drives the real engine and agrees with the Erlang formulas."""

from math import inf, sqrt
from statistics import mean, stdev

import pytest

from acd_core.call_queue import NoAgents, QueueConfig
from acd_core.errors import ForecastFault
from acd_core.forecast.erlang import Demand, impatient
from acd_core.opening_hours import parse_hours
from acd_core.queue_life.options import CallbackRules
from acd_core.simulation.chance import Chance
from acd_core.simulation.synthetic import CURVES, Callers, Handling, Simulated, Simulation
from acd_core.skills import Requirement
from acd_core.stats.service_level import Tally

RUNS = 12
ROWS = [
    # calls an hour, AHT, patience, agents, hours after the warm-up, warm-up in hours
    (6, 1200, inf, 3, 100, 10),
    (200, 180, inf, 11, 8, 8),
    (200, 180, inf, 12, 6, 3),
    (200, 180, inf, 13, 6, 1),
    (200, 180, inf, 14, 6, 1),
    (200, 180, 300, 11, 6, 0.5),
    (200, 180, 300, 12, 6, 0.5),
    (200, 180, 300, 13, 6, 0.5),
    (200, 180, 300, 14, 6, 0.5),
    (2880, 60, inf, 50, 0.6, 0.4),
    (2880, 60, 120, 50, 0.6, 0.2),
]


def play(
    callers: Callers, *, agents: int, hours: float, seed: int = 1, **more: object
) -> Simulated:
    return Simulation(callers, agents=agents, hours=hours, seed=seed, **more).run()  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "aht", "patience", "agents", "hours", "warm_up"), ROWS)
def test_agrees_with_erlang_within_three_standard_errors(
    rate: float, aht: float, patience: float, agents: int, hours: float, warm_up: float
) -> None:
    demand = Demand(calls_per_hour=rate, aht_s=aht, patience_s=patience)
    expected = impatient(demand, agents, 20)
    runs = [
        play(
            Callers(demand=demand),
            agents=agents,
            hours=hours + warm_up,
            seed=seed,
            warm_up_s=warm_up * 3600,
        )
        for seed in range(1, RUNS + 1)
    ]
    close("delayed", [run.delayed.value or 0 for run in runs], expected.delayed)
    close("in time", [run.tally.sl_5.value or 0 for run in runs], expected.service_level)
    close("wait", [run.mean_wait.value or 0 for run in runs], expected.mean_wait_s)
    close("queue", [run.queue_length for run in runs], expected.queue_length)
    close("occupancy", [run.occupancy.value or 0 for run in runs], expected.occupancy)
    if patience < inf:
        close("gone", [run.tally.abandon_rate.value or 0 for run in runs], expected.abandoned)
    else:
        assert sum((run.tally for run in runs), Tally()).abandoned == 0


def close(what: str, found: list[float], expected: float) -> None:
    error = stdev(found) / sqrt(len(found))
    assert abs(mean(found) - expected) <= 3 * error, (what, mean(found), expected, error)


OFFICE = Callers(
    demand=Demand(calls_per_hour=120, aht_s=200, patience_s=90),
    curve=CURVES["office"],
    handling=Handling.LOG_NORMAL,
    variation=0.8,
)


def test_the_same_seed_is_the_same_day() -> None:
    assert play(OFFICE, agents=6, hours=4, seed=7) == play(OFFICE, agents=6, hours=4, seed=7)
    assert play(OFFICE, agents=6, hours=4, seed=7) != play(OFFICE, agents=6, hours=4, seed=8)


def test_everybody_ends_in_one_way() -> None:
    found = play(OFFICE, agents=6, hours=4)
    assert found.tally.in_queue == 0
    assert found.tally.answered + found.tally.abandoned == found.tally.offered > 300


def test_more_agents_serve_the_same_callers_better() -> None:
    few, more = (play(OFFICE, agents=n, hours=6, seed=4).tally for n in (5, 9))
    assert few.offered == more.offered
    assert (few.sl_6.value or 0) < (more.sl_6.value or 0)
    assert few.abandoned > more.abandoned


def test_the_curve_has_its_peak() -> None:
    flat = Callers(demand=Demand(calls_per_hour=60, aht_s=60, patience_s=60))
    peak = Callers(demand=flat.demand, curve=(0.0, 3.0, 0.0))
    calm, busy = (play(callers, agents=2, hours=6) for callers in (flat, peak))
    assert busy.tally.offered == pytest.approx(calm.tally.offered, rel=0.2)
    assert busy.tally.abandoned > 1.5 * calm.tally.abandoned


def test_redials_come_back() -> None:
    once = Callers(demand=Demand(calls_per_hour=200, aht_s=180, patience_s=60))
    again = Callers(demand=once.demand, redial=0.7, redial_after_s=120)
    calm, busy = (play(callers, agents=8, hours=4) for callers in (once, again))
    assert calm.redials == 0 < busy.redials
    assert busy.tally.offered > calm.tally.offered
    assert busy.redials == pytest.approx(0.7 * busy.tally.abandoned, rel=0.15)


def test_rules_of_the_queue_count() -> None:
    queue = QueueConfig(queue=9, max_waiting=2, max_wait_s=30.0, wrap_up_s=60.0, offer_s=20.0)
    found = play(OFFICE, agents=4, hours=3, queue=queue, ring_s=4.0)
    assert found.tally.refused > 0
    assert found.tally.others > found.tally.refused
    assert (found.tally.asa.value or 0) >= 4.0
    assert found.tally.aht.value == pytest.approx(200, rel=0.15)


def test_agents_can_do_what_the_queue_demands() -> None:
    queue = QueueConfig(
        queue=1,
        required=(Requirement(1, 3),),
        any_of=((Requirement(1, 5), Requirement(2, 2)), (Requirement(3, 1),)),
    )
    assert play(OFFICE, agents=9, hours=1, queue=queue).tally.answered > 50


def test_an_agent_who_rings_too_long_comes_back() -> None:
    slow = QueueConfig(queue=1, offer_s=5.0)
    found = play(OFFICE, agents=3, hours=0.2, queue=slow, ring_s=9.0)
    assert found.tally.answered == 0
    assert found.tally.abandoned == found.tally.offered


def test_nobody_there() -> None:
    found = play(OFFICE, agents=0, hours=1, queue=QueueConfig(queue=1, no_agents=NoAgents.REFUSE))
    assert found.tally.refused == found.tally.offered > 0
    assert found.occupancy.value is None


def test_chance_has_the_means_it_is_asked_for() -> None:
    chance = Chance(3)
    uniform = [chance.uniform() for _ in range(20_000)]
    assert mean(uniform) == pytest.approx(0.5, abs=0.01)
    assert 0 <= min(uniform) < max(uniform) < 1
    exponential = [chance.exponential(40) for _ in range(20_000)]
    assert (mean(exponential), stdev(exponential)) == pytest.approx((40, 40), rel=0.03)
    normal = [chance.log_normal(40, 0.5) for _ in range(20_000)]
    assert (mean(normal), stdev(normal)) == pytest.approx((40, 20), rel=0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: play(OFFICE, agents=1, hours=0),
        lambda: play(OFFICE, agents=1, hours=inf),
        lambda: play(OFFICE, agents=1, hours=1e9),
        lambda: play(OFFICE, agents=-1, hours=1),
        lambda: Callers(demand=OFFICE.demand, curve=()),
        lambda: Callers(demand=OFFICE.demand, curve=(0.0,)),
        lambda: Callers(demand=OFFICE.demand, redial=1.5),
    ],
)
def test_what_cannot_be_simulated_is_refused(wrong: object) -> None:
    with pytest.raises(ForecastFault):
        wrong()  # type: ignore[operator]


def test_hours_of_the_clock_do_not_close_a_simulated_span() -> None:
    callers = Callers(demand=Demand(calls_per_hour=60, aht_s=60))
    never = parse_hours("UTC", {}, {})
    plain = play(callers, agents=3, hours=2)
    closed = QueueConfig(queue=1, hours=never, unattended=True)
    assert play(callers, agents=3, hours=2, queue=closed) == plain


@pytest.mark.parametrize("rule", ["ring_all", "ring_progressively"])
def test_agents_who_ring_together_answer_as_one(rule: str) -> None:
    callers = Callers(demand=Demand(calls_per_hour=200, aht_s=180, patience_s=300))
    plain = play(callers, agents=12, hours=4)
    together = play(callers, agents=12, hours=4, queue=QueueConfig(queue=1, strategy=rule))
    # Whoever answers, the callers wait as long.
    assert together.tally.answered == plain.tally.answered
    assert together.mean_wait == plain.mean_wait
    assert together.occupancy == plain.occupancy


def test_call_backs_turn_abandons_into_answers() -> None:
    demand = Demand(calls_per_hour=200, aht_s=180, patience_s=120)
    kept = QueueConfig(queue=1, callback=CallbackRules(ring_s=20.0, retry_s=60.0))
    none = play(Callers(demand=demand), agents=9, hours=6)
    some = play(Callers(demand=demand, callback=0.5), agents=9, hours=6, queue=kept)
    tally = some.tally
    assert tally.callbacks > 20
    # One of two attempts reaches 96 % of them (1 - 0.2 ** 2).
    assert 0.9 < some.called_back / tally.callbacks <= 1.0
    assert none.called_back == 0
    assert tally.abandoned < none.tally.abandoned
    assert tally.answered + tally.abandoned + tally.others == tally.offered
    # Rules alone change nothing as long as nobody asks for it.
    assert play(Callers(demand=demand), agents=9, hours=6, queue=kept) == none


@pytest.mark.parametrize("wrong", [{"callback": 1.5}, {"reached": -0.1}])
def test_shares_of_callers_beyond_all_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ForecastFault, match="shares"):
        Callers(demand=Demand(calls_per_hour=1, aht_s=1), **wrong)
