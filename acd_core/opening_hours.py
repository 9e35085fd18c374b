"""Opening hours: several intervals a day, days that differ, and the zone they are meant in.

Intervals are local wall-clock times, half open; one that ends at or before its begin runs
past midnight. On the days when clocks change, wall-clock time is what counts, so a gap
simply does not occur and a repeated hour is open twice.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from acd_core.errors import ConfigurationFault

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_INTERVAL: Final = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")
DAY: Final = 24 * 60  # minutes


class Interval(msgspec.Struct, frozen=True):
    """From a minute of the day to another, the end not included; may pass midnight."""

    begin: int
    end: int


class OpeningHours(msgspec.Struct, frozen=True, kw_only=True):
    """A week, and the dates that differ from it."""

    zone: str
    week: dict[int, tuple[Interval, ...]]
    """0 is Monday."""
    days: dict[date, tuple[Interval, ...]] = {}

    def open_at(self, now: float) -> bool:
        """Whether it is open at a moment (Unix seconds)."""
        local = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        today = local.date()
        if any(_covers(interval, minute) for interval in self._of(today)):
            return True
        yesterday = self._of(today - timedelta(days=1))
        return any(i.end <= i.begin and minute < i.end for i in yesterday)

    def _of(self, day: date) -> tuple[Interval, ...]:
        found = self.days.get(day)
        return found if found is not None else self.week.get(day.weekday(), ())


def parse_hours(
    zone: str, week: Mapping[str, Sequence[str]], days: Mapping[str, Sequence[str]]
) -> OpeningHours:
    """Read hours as they are configured; ConfigurationFault says what is wrong.

    ``week`` maps ``mon`` to ``sun`` to ``09:00-12:30``; ``days`` maps ``2027-01-01`` so.
    """
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ConfigurationFault(f"{zone!r} is not a time zone; write Europe/Berlin") from None
    unknown = set(week) - set(WEEKDAYS)
    if unknown:
        raise ConfigurationFault(f"{min(unknown)!r} is not a day; write {', '.join(WEEKDAYS)}")
    dates: dict[date, tuple[Interval, ...]] = {}
    for text, intervals in days.items():
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ConfigurationFault(f"{text!r} is not a date; write 2027-01-31") from None
        dates[day] = tuple(parse_interval(interval) for interval in intervals)
    return OpeningHours(
        zone=zone,
        week={WEEKDAYS.index(d): tuple(parse_interval(i) for i in week[d]) for d in week},
        days=dates,
    )


def parse_interval(text: str) -> Interval:
    """Read ``09:00-12:30``; ConfigurationFault for anything else."""
    found = _INTERVAL.match(text)
    if found is None:
        raise ConfigurationFault(f"{text!r} is not an interval; write 09:00-12:30")
    begin_hour, begin_minute, end_hour, end_minute = (int(part) for part in found.groups())
    begin, end = begin_hour * 60 + begin_minute, end_hour * 60 + end_minute
    if begin >= DAY or end > DAY or begin == end:
        raise ConfigurationFault(f"{text!r} is not an interval; write 09:00-12:30")
    return Interval(begin, end)


def _covers(interval: Interval, minute: int) -> bool:
    if interval.end <= interval.begin:
        return minute >= interval.begin
    return interval.begin <= minute < interval.end
