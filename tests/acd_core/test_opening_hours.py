"""Opening hours: intervals, exceptions, midnight and clock changes."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.errors import ConfigurationFault
from acd_core.opening_hours import parse_hours, parse_interval

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
