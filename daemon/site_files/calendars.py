"""``calendars.toml``: opening hours of a week, and the days that differ."""

import datetime as dt
from typing import Final

import msgspec

from acd_core.errors import ConfigurationFault
from acd_core.opening_hours import WEEKDAYS, parse_interval
from daemon.language import pick
from daemon.site_files.people import Slug
from daemon.site_files.toml_lines import Path
from daemon.site_files.toml_table import TomlFile, did_you_mean
from daemon.site_files.zones import known_zone

FILE: Final = "calendars.toml"


class CalendarEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[calendars]]``: a week of intervals ``09:00-12:30``, several a day."""

    name: Slug
    zone: str = ""
    """IANA zone; empty means the site's."""
    week: dict[str, tuple[str, ...]] = {}
    """``mon`` to ``sun``; a day that is missing is closed."""
    days: dict[str, tuple[str, ...]] = {}
    """``2027-01-01`` -> intervals of that day instead; an empty list is a holiday."""


class CalendarsFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of ``calendars.toml``."""

    calendars: tuple[CalendarEntry, ...] = ()


def read_calendars(toml: TomlFile) -> CalendarsFile | None:
    """Check and convert; faults stay in ``toml``, None when there are any."""
    found = toml.table((), CalendarsFile)
    if found is None:
        return None
    before = len(toml.faults)
    toml.repeated("calendars", "name")
    for index, entry in enumerate(found.calendars):
        path: Path = ("calendars", index)
        if entry.zone and not known_zone(entry.zone):
            what = pick(f"there is no time zone {entry.zone!r}", f"没有时区 {entry.zone!r}")
            toml.fault((*path, "zone"), what)
        for day, intervals in entry.week.items():
            if day not in WEEKDAYS:
                toml.fault(
                    (*path, "week", day),
                    pick("is not a day", "不是星期几"),
                    did_you_mean(day, WEEKDAYS),
                )
            _check_intervals(toml, (*path, "week", day), intervals)
        for day, intervals in entry.days.items():
            if not _is_date(day):
                toml.fault(
                    (*path, "days", day),
                    pick("is not a date", "不是日期"),
                    pick("write it like 2027-01-01", "请写如 2027-01-01"),
                )
            _check_intervals(toml, (*path, "days", day), intervals)
    return found if len(toml.faults) == before else None


def _check_intervals(toml: TomlFile, path: Path, intervals: tuple[str, ...]) -> None:
    last = 0
    for text in intervals:
        try:
            interval = parse_interval(text)
        except ConfigurationFault:
            toml.fault(
                path,
                pick(f"{text!r} is not an interval", f"{text!r} 不是时段"),
                pick("write it like 09:00-12:30", "请写如 09:00-12:30"),
            )
            return
        if interval.begin < last:
            toml.fault(path, pick(f"{text} overlaps or is out of order", f"{text} 重叠或顺序不对"))
        # One that runs past midnight is the last of its day.
        last = interval.end if interval.end > interval.begin else 24 * 60


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
