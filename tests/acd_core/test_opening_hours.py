"""Opening hours: intervals, exceptions, midnight and clock changes."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.errors import ConfigurationFault
from acd_core.opening_hours import (
    WEEKDAYS,
    Interval,
    OpeningHours,
    parse_hours,
    parse_interval,
)

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


HOURS = parse_hours(
    BERLIN,
    {"mon": ["09:00-12:30", "13:30-17:00"], "fri": ["22:00-02:00"], "sun": ["00:00-24:00"]},
    {"2027-01-04": [], "2027-01-11": ["10:00-11:00"]},
)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T08:59", False),
        ("2026-11-23T09:00", True),
        ("2026-11-23T12:30", False),
        ("2026-11-23T13:30", True),
        ("2026-11-23T17:00", False),
        ("2026-11-27T21:59", False),
        ("2026-11-27T23:30", True),
        ("2026-11-28T01:59", True),
        ("2026-11-28T02:00", False),
        ("2027-01-04T10:00", False),
        ("2027-01-11T09:30", False),
        ("2027-01-11T10:30", True),
        ("2027-03-28T03:30", True),
    ],
)
def test_hours_are_open_when_configured(moment: str, is_open: bool) -> None:
    assert HOURS.open_at(at(moment)) is is_open


def test_hours_are_meant_in_their_zone() -> None:
    assert HOURS.open_at(at("2026-11-23T16:00", "Asia/Shanghai")) is True
    assert HOURS.open_at(at("2026-11-23T15:59", "Asia/Shanghai")) is False


@pytest.mark.parametrize("text", ["", "9-12", "09:00-24:30", "24:00-01:00", "08:00-08:00", "x"])
def test_interval_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationFault):
        parse_interval(text)


@given(st.text(max_size=12))
def test_any_text_is_an_interval_or_a_fault(text: str) -> None:
    try:
        interval = parse_interval(text)
    except ConfigurationFault:
        return
    assert 0 <= interval.begin < 1440
    assert 0 <= interval.end <= 1440


def test_unknown_zone_and_day_are_faults() -> None:
    with pytest.raises(ConfigurationFault, match="time zone"):
        parse_hours("Mars/Base", {}, {})
    with pytest.raises(ConfigurationFault, match="day"):
        parse_hours("UTC", {"monday": []}, {})
    with pytest.raises(ConfigurationFault, match="date"):
        parse_hours("UTC", {}, {"31.12.2027": []})


def test_days_that_no_clock_reaches_are_faults() -> None:
    assert parse_hours("UTC", {}, {"2999-12-31": ["22:00-02:00"], "0001-01-01": []}).days
    with pytest.raises(ConfigurationFault, match="9999-12-31 is too far ahead"):
        parse_hours("UTC", {}, {"9999-12-31": []})


@pytest.mark.parametrize(
    ("moment", "change"),
    [
        ("2026-11-23T08:00", "2026-11-23T09:00"),
        ("2026-11-23T09:00", "2026-11-23T12:30"),
        ("2026-11-23T12:30", "2026-11-23T13:30"),
        ("2026-11-23T17:00", "2026-11-27T22:00"),
        # Past midnight, and on into a day that is open all day.
        ("2026-11-27T23:00", "2026-11-28T02:00"),
        ("2026-11-28T02:00", "2026-11-29T00:00"),
        ("2026-11-29T12:00", "2026-11-30T00:00"),
        # A holiday, and a day of shorter hours.
        ("2027-01-03T23:59", "2027-01-04T00:00"),
        ("2027-01-04T00:00", "2027-01-08T22:00"),
        ("2027-01-11T00:00", "2027-01-11T10:00"),
    ],
)
def test_the_next_change_is_when_it_opens_or_closes(moment: str, change: str) -> None:
    assert HOURS.next_change(at(moment)) == at(change)


def test_the_next_change_in_a_skipped_hour_is_when_the_clocks_change() -> None:
    hours = parse_hours(BERLIN, {"sun": ["01:00-02:30"]}, {})
    # 2027-03-28: two o'clock is three o'clock.
    assert hours.next_change(at("2027-03-28T01:30")) == at("2027-03-28T03:00")
    late = parse_hours(BERLIN, {"sun": ["02:15-02:45"]}, {})
    assert late.next_change(at("2027-03-28T00:00")) == at("2027-04-04T02:15")


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    hours = parse_hours(BERLIN, {"sun": ["02:15-02:45"]}, {})
    # 2026-10-25: three o'clock is two o'clock again.
    first = at("2026-10-25T02:15")
    changes = [first, first + 1800, first + 3600, first + 5400]
    now = at("2026-10-25T00:00")
    for change in changes:
        found = hours.next_change(now)
        assert found == change
        now = change


def test_hours_that_never_change_have_no_next_change() -> None:
    always = parse_hours("UTC", {day: ["00:00-24:00"] for day in WEEKDAYS}, {})
    never = parse_hours("UTC", {}, {})
    assert always.next_change(0.0) is None
    assert never.next_change(0.0) is None
    holiday = parse_hours("UTC", {day: ["00:00-24:00"] for day in WEEKDAYS}, {"2027-06-01": []})
    assert holiday.next_change(at("2026-01-01T00:00", "UTC")) == at("2027-06-01T00:00", "UTC")


INTERVALS = st.lists(
    st.tuples(st.integers(0, 95), st.integers(0, 96)).filter(lambda i: i[0] != i[1]), max_size=3
)


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe"]),
    st.lists(INTERVALS, min_size=7, max_size=7),
    st.sampled_from(["2026-03-06", "2026-03-27", "2026-10-02", "2026-10-23", "2026-04-03"]),
    st.integers(0, 3 * 96),
)
def test_between_now_and_the_next_change_nothing_changes(
    zone: str, week: list[list[tuple[int, int]]], start: str, quarter: int
) -> None:
    hours = OpeningHours(
        zone=zone,
        week={
            day: tuple(Interval(begin * 15, end * 15) for begin, end in week[day])
            for day in range(7)
        },
    )
    now = at(start, zone) + quarter * 900
    change = hours.next_change(now)
    # Look at every quarter of an hour: no clock of these zones changes in between.
    step = now - now % 900 + 900
    until = change if change is not None else now + 8 * 86_400
    while step < until:
        assert hours.open_at(step) is hours.open_at(now)
        step += 900
    if change is not None:
        assert hours.open_at(change) is not hours.open_at(now)
