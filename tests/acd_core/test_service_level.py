"""Figures of visits, agents' time and contacts, by the ten-call fixture and by formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.agent import AgentState
from acd_core.errors import AcdError
from acd_core.events import Outcome
from acd_core.stats import agent_time, contacts
from acd_core.stats.agent_time import Shift, Stretch, Times, adherence, conformance
from acd_core.stats.contacts import Item, Reach
from acd_core.stats.intervals import by_interval, interval_of
from acd_core.stats.service_level import Limits, Losses, Tally, Visit, losses, tally
from acd_core.stats.share import NOTHING, Share
from tests.oracles.visit_figures import figures

LIMITS = Limits(threshold_s=20, short_s=5)
ANSWERED, ABANDONED = Outcome.ANSWERED, Outcome.ABANDONED


def visit(wait: float, outcome: Outcome | None, *times: float, entered: float = 0.0) -> Visit:
    talk, hold, wrap_up = times or (0.0, 0.0, 0.0)
    return Visit(
        queue=1,
        entered=entered,
        outcome=outcome,
        wait_s=wait,
        talk_s=talk,
        hold_s=hold,
        wrap_up_s=wrap_up,
    )


TEN = (
    visit(4, ANSWERED, 120, 0, 30),
    visit(12, ANSWERED, 180, 20, 40),
    visit(20, ANSWERED, 60, 0, 20),
    visit(21, ANSWERED, 240, 0, 60),
    visit(45, ANSWERED, 300, 30, 30),
    visit(3, ABANDONED),
    visit(15, ABANDONED),
    visit(50, ABANDONED),
    visit(90, Outcome.TIMED_OUT),
    visit(0, Outcome.REFUSED),
)


def test_ten_calls_are_counted() -> None:
    found = tally(TEN, LIMITS)
    assert (found.offered, found.answered, found.abandoned, found.others) == (10, 5, 3, 2)


@pytest.mark.parametrize(
    ("figure", "percent"),
    [
        ("sl_1", "62.5"),
        ("sl_2", "60"),
        ("sl_3", "37.5"),
        ("sl_4", "50"),
        ("sl_5", "30"),
        ("sl_6", "33.33"),
        ("abandon_rate", "30"),
        ("abandon_rate_without_short", "22.22"),
        ("connect_rate", "50"),
        ("loss_rate", "50"),
        ("over_limit_rate", "40"),
        ("over_limit_rate_of_offered", "20"),
    ],
)
def test_shares_of_ten_calls(figure: str, percent: str) -> None:
    share = getattr(tally(TEN, LIMITS), figure)
    assert near(share.value * 100, percent)


@pytest.mark.parametrize(
    ("figure", "seconds"),
    [("asa", "20.4"), ("time_to_abandon", "22.67"), ("queue_time", "28.89"), ("aht", "226.0")],
)
def test_means_of_ten_calls(figure: str, seconds: str) -> None:
    assert near(getattr(tally(TEN, LIMITS), figure).value, seconds)


def near(value: float, printed: str) -> bool:
    digits = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 * 10**-digits * (1 + 1e-9)


visits = st.lists(
    st.builds(
        visit,
        st.sampled_from([0.0, 3.0, 5.0, 19.9, 20.0, 20.1, 300.0]) | st.floats(0, 1e5),
        st.none() | st.sampled_from(Outcome),
        st.floats(0, 1e4),
        st.floats(0, 1e4),
        st.floats(0, 1e4),
    ),
    max_size=30,
)


@given(visits, st.floats(0, 120), st.floats(0, 30))
def test_figures_agree_with_the_formulas(
    listed: list[Visit], threshold: float, short: float
) -> None:
    found = tally(listed, Limits(threshold_s=threshold, short_s=short))
    for name, expected in figures(listed, threshold, short).items():
        value = getattr(found, name).value
        assert (value is None) == (expected is None), name
        assert value is None or value == pytest.approx(expected, abs=1e-6), name


@given(visits, visits)
def test_sums_of_parts_are_the_whole(one: list[Visit], other: list[Visit]) -> None:
    joined, whole = tally(one, LIMITS) + tally(other, LIMITS), tally(one + other, LIMITS)
    assert joined.sl_6 == whole.sl_6
    assert joined.offered == whole.offered == len(one) + len(other)
    assert joined.asa.part == pytest.approx(whole.asa.part)


@given(visits)
def test_losses_sum_up_to_the_loss(listed: list[Visit]) -> None:
    split = losses(listed, LIMITS)
    parts = [getattr(split, name) for name in Losses.__struct_fields__]
    assert sum(parts) == tally(listed, LIMITS).loss_rate.part


def test_losses_tell_who_let_it_ring() -> None:
    rung = Visit(queue=1, entered=0, outcome=ABANDONED, wait_s=60, rings=2)
    found = losses([*TEN, rung], LIMITS)
    assert (found.quick_hang_up, found.abandoned, found.agent_no_answer) == (1, 2, 1)
    assert (found.timed_out, found.refused) == (1, 1)


def test_nothing_to_divide_shows_a_dash() -> None:
    empty = Tally()
    assert empty.sl_6.value is None
    assert empty.sl_6.percent() == empty.asa.seconds() == "—"
    assert (Share(1, 3) + NOTHING).percent(2) == "33.33 %"
    assert Share(62, 3).seconds() == "20.7 s"


def test_a_visit_belongs_to_the_interval_of_its_entry() -> None:
    listed = [visit(3000, ANSWERED, entered=at) for at in (0, 899.999, 900, 1800, -1, 2700)]
    found = by_interval(listed, begin=0, width_s=900, count=3, limits=LIMITS)
    assert [interval.answered for interval in found] == [2, 1, 1]
    with pytest.raises(AcdError):
        interval_of(0, begin=0, width_s=0)


# Agents' time


def stretches(*parts: tuple[AgentState, float], agent: int = 1) -> list[Stretch]:
    at, found = 0.0, []
    for state, seconds in parts:
        found.append(Stretch(agent=agent, state=state, begin=at, end=at + seconds))
        at += seconds
    return found


S = AgentState
HOUR = stretches(
    (S.READY, 600),
    (S.RINGING, 60),
    (S.TALKING, 1200),
    (S.ON_HOLD, 100),
    (S.WRAP_UP, 200),
    (S.PAUSED, 1000),
    (S.LOGGED_OUT, 440),
)


def test_occupancy_leaves_pauses_out_and_utilisation_does_not() -> None:
    found = agent_time.times(HOUR)[1]
    assert found.occupancy() == Share(1500, 2160)
    assert found.occupancy(ringing_is_work=True) == Share(1560, 2160)
    assert found.utilisation() == Share(1500, 3160)
    assert (found + found).utilisation() == Share(3000, 6320)
    assert Times(by_state={}).occupancy().value is None


def test_times_are_cut_at_the_interval() -> None:
    found = agent_time.times(HOUR, begin=500, end=1000)[1]
    assert found.by_state == {S.READY: 100, S.RINGING: 60, S.TALKING: 340}


def test_adherence_looks_at_the_hour_and_conformance_at_the_sum() -> None:
    worked = stretches((S.PAUSED, 600), (S.TALKING, 1800), (S.PAUSED, 1200))
    shifts = [
        Shift(agent=1, begin=0, end=1800),
        Shift(agent=1, begin=1800, end=3600, productive=False),
    ]
    assert adherence(worked, shifts) == Share(1200 + 1200, 3600)
    assert conformance(worked, shifts) == Share(1800, 1800)


def test_a_stretch_runs_forward() -> None:
    with pytest.raises(AcdError):
        Stretch(agent=1, state=S.READY, begin=2, end=1)


# Contacts and items


def test_first_contact_resolution_asks_for_party_and_topic() -> None:
    hours = 3600.0
    listed = [
        Reach(party="a", topic="bill", arrived=0),
        Reach(party="a", topic="bill", arrived=20 * hours),
        Reach(party="a", topic="bill", arrived=50 * hours),
        Reach(party="a", topic="move", arrived=51 * hours),
        Reach(party="b", topic="bill", arrived=51 * hours),
    ]
    assert contacts.first_contact_resolution(listed, within_h=24) == Share(4, 5)


def test_connect_times_of_known_and_unknown_callers() -> None:
    listed = [
        Reach(party=str(n), arrived=0, first_ring=seconds, known=known)
        for n, (seconds, known) in enumerate([(4, True), (6, True), (30, False), (None, True)])
    ]
    assert contacts.connect_time(listed, known=True) == 5
    assert contacts.connect_time(listed, known=False) == 30
    assert contacts.connect_time([], known=True) is None


def test_all_in_rates_count_the_flow_as_served() -> None:
    listed = [
        Reach(party="a", arrived=0, connected=True),
        Reach(party="b", arrived=0, contained=True),
        Reach(party="c", arrived=0),
    ]
    assert contacts.all_in_connect_rate(listed) == Share(2, 3)
    assert contacts.all_in_loss_rate(listed) == Share(1, 3)


def test_errors_of_estimates() -> None:
    pairs = [(60.0, 40.0), (30.0, 60.0), (10.0, 0.0)]
    assert contacts.wait_error(pairs).value == 0
    assert contacts.wait_error_percent(pairs) == Share(1.0, 2)


def test_items_overdue_and_stuck() -> None:
    day = 86_400.0
    items = [Item(due=0, closed=1), Item(due=10, closed=5), Item(due=20), Item(due=2 * day)]
    assert contacts.overdue_rate(items, begin=0, end=day) == Share(2, 3)
    assert contacts.stuck(items, at=day) == 1
    assert contacts.stuck(items, at=day, limit_s=2 * day) == 0
    assert contacts.stuck_growth(items, at=3 * day) == 1
