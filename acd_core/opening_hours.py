"""Opening hours: several intervals a day, days that differ, and the zone they are meant in.

Intervals are local wall-clock times, half open; one that ends at or before its begin runs
past midnight. On the days when clocks change, wall-clock time is what counts, so a gap
simply does not occur and a repeated hour is open twice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from acd_core.errors import ConfigurationFault

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_INTERVAL: Final = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")
DAY: Final = 24 * 60  # minutes
# A week shows everything but what the days of changing clocks hide; another one shows that.
_AHEAD: Final = 16  # days
_ONE_DAY: Final = timedelta(days=1)
LAST_YEAR: Final = 2999  # no engine's clock goes further


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

    def next_change(self, now: float) -> float | None:
        """When it opens or closes next after a moment (Unix seconds); None for never."""
        zone = ZoneInfo(self.zone)
        today = datetime.fromtimestamp(now, zone).date()
        is_open = self.open_at(now)
        for day in self._days_from(today):
            for moment in self._moments(day, zone):
                if moment > now and self.open_at(moment) is not is_open:
                    return moment
        return None

    def _days_from(self, today: date) -> Iterator[date]:
        """Days on which something may change; days that are as ever only so far ahead."""
        near = [today + timedelta(days=n) for n in range(_AHEAD)]
        yield from near
        far = {day + timedelta(days=n) for day in self.days for n in (0, 1)}
        yield from sorted(day for day in far if day > near[-1])

    def _moments(self, day: date, zone: ZoneInfo) -> list[float]:
        """Every moment of a day at which it may open or close, in order."""
        minutes = {0}
        minutes.update(i.begin for i in self._of(day))
        minutes.update(i.end for i in self._of(day) if i.end > i.begin)
        minutes.update(i.end for i in self._of(day - _ONE_DAY) if i.end <= i.begin)
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        local = [midnight + timedelta(minutes=minute) for minute in minutes]
        # An hour that comes twice has each of its minutes twice.
        moments = {at.replace(fold=fold).timestamp() for at in local for fold in (0, 1)}
        change = _clock_change(midnight, zone)
        if change is not None:
            moments.add(change)
        return sorted(moments)

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
        _check_day(day, "hours")
        dates[day] = tuple(parse_interval(interval) for interval in intervals)
    return OpeningHours(
        zone=zone,
        week={WEEKDAYS.index(d): tuple(parse_interval(i) for i in week[d]) for d in week},
        days=dates,
    )


def check_hours(hours: OpeningHours, owner: str) -> None:
    """Raise ConfigurationFault for hours that no clock can follow."""
    try:
        ZoneInfo(hours.zone)
    except (KeyError, ValueError, OSError):
        raise ConfigurationFault(f"{owner}: {hours.zone!r} is not a time zone") from None
    if not all(0 <= day < len(WEEKDAYS) for day in hours.week):
        raise ConfigurationFault(f"{owner}: days of the week are 0 to 6")
    for day in hours.days:
        _check_day(day, owner)
    for interval in (i for day in (*hours.week.values(), *hours.days.values()) for i in day):
        within = 0 <= interval.begin < DAY and 0 <= interval.end <= DAY
        if not within or interval.begin == interval.end:
            raise ConfigurationFault(f"{owner}: {interval} is not within a day")


def _check_day(day: date, owner: str) -> None:
    if day.year > LAST_YEAR:
        raise ConfigurationFault(f"{owner}: {day} is too far ahead; years end at {LAST_YEAR}")


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


def _clock_change(midnight: datetime, zone: ZoneInfo) -> float | None:
    """When the clocks change on a day; None on most."""
    begin = int(midnight.timestamp())
    end = int((midnight + _ONE_DAY).timestamp())
    before = midnight.utcoffset()
    if datetime.fromtimestamp(end, zone).utcoffset() == before:
        return None
    while end - begin > 1:
        middle = (begin + end) // 2
        if datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset() == before:
            begin = middle
        else:
            end = middle
    return float(end)


def _covers(interval: Interval, minute: int) -> bool:
    if interval.end <= interval.begin:
        return minute >= interval.begin
    return interval.begin <= minute < interval.end
