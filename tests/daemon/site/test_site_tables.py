from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import ConfigError
from daemon.site_files.calendars import CalendarEntry, CalendarsFile
from daemon.site_files.called_numbers import NumberEntry, NumbersFile
from daemon.site_files.callers import CallersFile, TierEntry
from daemon.site_files.people import PeopleFile, Person, RoleName, StationEntry
from daemon.site_files.queue_options import AnnouncementsEntry, CallbackEntry, OverflowEntry
from daemon.site_files.queues import QueueEntry, QueuesFile
from daemon.site_files.site_tables import SiteTables, parse_tables, write_tables

slugs = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,6}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
intervals = st.sampled_from(
    [(), ("09:00-12:30",), ("08:00-12:00", "13:00-24:00"), ("22:00-06:00",)]
)


def files(**texts: str) -> dict[str, bytes]:
    names = ("people", "queues", "numbers", "calendars", "callers")
    return {f"{name}.toml": texts.get(name, "").encode() for name in names}


def faults(flows: tuple[str, ...] = (), **texts: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_tables(files(**texts), flows)
    return [str(fault) for fault in caught.value.faults]


announcements = st.builds(
    AnnouncementsEntry,
    first_s=st.floats(0, 9),
    every_s=st.sampled_from([0.0, 30.0]),
    min_gap_s=st.floats(0, 30),
    prompt=texts,
)
callbacks = st.builds(CallbackEntry, ring_s=st.floats(5, 60), most_waiting=st.integers(1, 9))


def overflows(others: list[str]) -> st.SearchStrategy[OverflowEntry]:
    """Ways from one queue to others, none without others."""
    to = st.lists(st.sampled_from(others), min_size=1, unique=True) if others else st.nothing()
    return st.builds(
        OverflowEntry, to=to.map(tuple), after_s=st.floats(1, 9), when_nobody=st.booleans()
    )


@st.composite
def tables(draw: st.DrawFn) -> SiteTables:
    stations = draw(st.lists(slugs, unique=True, max_size=3))
    skills = draw(st.lists(slugs, unique=True, max_size=3))
    levels = st.dictionaries(st.sampled_from(skills), st.integers(1, 10)) if skills else st.just({})
    people = [
        Person(
            login=login,
            name=draw(texts),
            roles=tuple(draw(st.lists(st.sampled_from(get_args(RoleName)), unique=True))),
            station=draw(st.sampled_from(["", *stations])),
            skills=draw(levels),
        )
        for login in draw(st.lists(slugs, unique=True, max_size=3))
    ]
    known = sorted({skill for person in people for skill in person.skills})
    needs = st.dictionaries(st.sampled_from(known), st.integers(1, 10)) if known else st.just({})
    names = draw(st.lists(slugs, unique=True, max_size=3))
    queues = [
        QueueEntry(
            slug=slug,
            name=draw(texts),
            skills=draw(needs),
            max_wait_s=draw(st.floats(0, 9)),
            overflow=tuple(draw(st.lists(overflows(sorted({*names} - {slug})), max_size=2))),
            announcements=draw(st.none() | announcements),
            callback=draw(st.none() | callbacks),
        )
        for slug in names
    ]
    tiers = [
        TierEntry(slug=slug, name=draw(texts), numbers=(f"+4{place}*", str(place)))
        for place, slug in enumerate(draw(st.lists(slugs, unique=True, max_size=2)))
    ]
    calendars = [
        CalendarEntry(
            name=name, week={"mon": draw(intervals)}, days={"2027-01-01": draw(intervals)}
        )
        for name in draw(st.lists(slugs, unique=True, max_size=2))
    ]
    numbers = [
        NumberEntry(number=number, flow="main", name=draw(texts))
        for number in draw(
            st.lists(st.from_regex(r"\+?[0-9]{1,6}\*?", fullmatch=True), unique=True)
        )
    ]
    return SiteTables(
        people=PeopleFile(
            people=tuple(people),
            stations=tuple(StationEntry(name=name, secret="s") for name in stations),
        ),
        queues=QueuesFile(queues=tuple(queues)),
        callers=CallersFile(tiers=tuple(tiers)),
        numbers=NumbersFile(numbers=tuple(numbers)),
        calendars=CalendarsFile(calendars=tuple(calendars)),
    )


@settings(max_examples=60)
@given(tables())
def test_reading_what_was_written_gives_the_same(written: SiteTables) -> None:
    assert parse_tables(write_tables(written), ["main"]) == written


@given(
    st.binary(max_size=120),
    st.sampled_from(["people", "queues", "numbers", "calendars", "callers"]),
)
def test_any_bytes_give_tables_or_a_config_error(content: bytes, name: str) -> None:
    try:
        parse_tables({**files(), f"{name}.toml": content}, [])
    except ConfigError as error:
        found = {fault.file for fault in error.faults}
    else:
        found = {f"{name}.toml"}
    assert found == {f"{name}.toml"}


def test_references_between_the_files_are_followed() -> None:
    found = faults(
        flows=("main",),
        people='[[people]]\nlogin = "a"\nskills = { sales = 3 }\nstation = "2001"\n'
        '[[stations]]\nname = "2002"\nsecret = "x"\n[[stations]]\nname = "2003"\n',
        queues='[[queues]]\nslug = "q"\non_full = "mains"\n',
        numbers='[[numbers]]\nnumber = "1"\nqueue = "p"\ncalendar = "c"\n'
        '[[numbers]]\nnumber = "2"\nflow = "mains"\n[[numbers]]\nnumber = "2 3"\nflow = "main"\n',
    )
    assert [fault.partition(" (")[0] for fault in found] == [
        "numbers.toml:9 [numbers[3]] number: '2 3' is not a number",
        "people.toml:4 [people[1]] station: there is no '2001'",
        "people.toml:8 [stations[2]] secret: is missing: everybody could register as this station",
        "queues.toml:3 [queues[1]] on_full: there is no 'mains'",
    ]


def test_a_queue_needs_skills_that_somebody_has() -> None:
    (fault,) = faults(
        people='[[people]]\nlogin = "a"\nskills = { sales = 3 }\n',
        queues='[[queues]]\nslug = "q"\n[queues.skills]\nsalse = 2\n',
    )
    assert fault == (
        "queues.toml:4 [queues[1].skills] salse: there is no 'salse' (did you mean 'sales'?)"
    )


def test_names_that_are_there_twice_are_faults() -> None:
    (fault,) = faults(queues='[[queues]]\nslug = "q"\n[[queues]]\nslug = "q"\n')
    assert fault == "queues.toml:4 [queues[2]] slug: 'q' is there twice"


def test_levels_out_of_range_and_plain_passwords_are_faults() -> None:
    found = faults(people='[[people]]\nlogin = "a"\npassword_hash = "x"\n')
    assert "not an argon2 hash" in found[0]
    found = faults(people='[[people]]\nlogin = "a"\nskills = { sales = 11 }\nroles = ["boss"]\n')
    assert len(found) == 2


def test_calendars_are_checked_day_by_day() -> None:
    found = faults(
        calendars='[[calendars]]\nname = "c"\nzone = "Mars"\n'
        'week = { mon = ["9-12"], xyz = [], tue = ["09:00-12:00", "11:00-13:00"] }\n'
        "days = { 2027-13-01 = [] }\n"
    )
    texts = " | ".join(found)
    for text in ("no time zone", "not an interval", "not a day", "overlaps", "not a date"):
        assert text in texts
