"""People, queues, callers, numbers and calendars of a site together, and their references.

Read on the first start only; after that they live in the database.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path as FilePath
from typing import Final

import msgspec

from daemon.errors import ConfigError, Fault
from daemon.site_files import calendars, called_numbers, callers, people, queues
from daemon.site_files.calendars import CalendarsFile
from daemon.site_files.called_numbers import NumbersFile
from daemon.site_files.callers import CallersFile
from daemon.site_files.people import PeopleFile
from daemon.site_files.queues import QueuesFile
from daemon.site_files.toml_lines import Path
from daemon.site_files.toml_table import TomlFile
from daemon.site_files.toml_writing import write_toml

FILES: Final = (people.FILE, queues.FILE, callers.FILE, called_numbers.FILE, calendars.FILE)


class SiteTables(msgspec.Struct, frozen=True, kw_only=True):
    """The five files."""

    people: PeopleFile = PeopleFile()
    queues: QueuesFile = QueuesFile()
    callers: CallersFile = CallersFile()
    numbers: NumbersFile = NumbersFile()
    calendars: CalendarsFile = CalendarsFile()


def read_tables(site: FilePath) -> SiteTables:
    """Read the five files of a site; a missing one is empty. ConfigError with every fault."""
    contents = {}
    for file in FILES:
        try:
            contents[file] = (site / file).read_bytes()
        except FileNotFoundError:
            contents[file] = b""
        except OSError as error:
            raise ConfigError([Fault(file=file, what=str(error.strerror))]) from error
    return parse_tables(contents, flow_names(site))


def flow_names(site: FilePath) -> frozenset[str]:
    """Names of the flows that have a draft."""
    return frozenset(path.stem for path in (site / "flows").glob("*.yaml"))


def write_tables(tables: SiteTables) -> dict[str, bytes]:
    """The five files' names and texts, as ``read_tables`` reads them."""
    return {
        people.FILE: write_toml(tables.people),
        queues.FILE: write_toml(tables.queues),
        callers.FILE: write_toml(tables.callers),
        called_numbers.FILE: write_toml(tables.numbers),
        calendars.FILE: write_toml(tables.calendars),
    }


def parse_tables(contents: Mapping[str, bytes], flows: Iterable[str]) -> SiteTables:
    """Convert the files' bytes and follow their references; ConfigError with every fault.

    A file that is not among them is empty.
    """
    files = {name: TomlFile(name, contents.get(name, b"")) for name in FILES}
    found_people = people.read_people(files[people.FILE])
    found_queues = queues.read_queues(files[queues.FILE])
    found_callers = callers.read_callers(files[callers.FILE])
    found_numbers = called_numbers.read_numbers(files[called_numbers.FILE])
    found_calendars = calendars.read_calendars(files[calendars.FILE])
    known_flows = frozenset(flows)
    # A file that has faults itself cannot say what exists; its own faults come first.
    queue_names = {queue.slug for queue in found_queues.queues} if found_queues else None
    calendar_names = (
        {entry.name for entry in found_calendars.calendars} if found_calendars else None
    )
    if found_people is not None and queue_names is not None:
        for index, person in enumerate(found_people.people):
            _check_names(
                files[people.FILE], ("people", index, "queues"), person.queues, queue_names
            )
    if found_queues is not None:
        _check_queues(files[queues.FILE], found_queues, found_people, calendar_names, known_flows)
    if found_callers is not None and found_people is not None:
        agents = {person.login for person in found_people.people if "agent" in person.roles}
        for index, tier in enumerate(found_callers.tiers):
            _check_names(files[callers.FILE], ("tiers", index, "agents"), tier.agents, agents)
    if found_numbers is not None:
        _check_numbers(
            files[called_numbers.FILE], found_numbers, queue_names, calendar_names, known_flows
        )
    faults = [fault for file in files.values() for fault in file.faults]
    if faults or not (
        found_people and found_queues and found_callers and found_numbers and found_calendars
    ):
        raise ConfigError(faults)
    return SiteTables(
        people=found_people,
        queues=found_queues,
        callers=found_callers,
        numbers=found_numbers,
        calendars=found_calendars,
    )


def _check_names(toml: TomlFile, path: Path, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            toml.unknown_name(path, name, known)


def _check_queues(
    toml: TomlFile,
    found: QueuesFile,
    staff: PeopleFile | None,
    calendar_names: Collection[str] | None,
    flows: frozenset[str],
) -> None:
    slugs = {queue.slug for queue in found.queues}
    for index, queue in enumerate(found.queues):
        if staff is not None:
            known = staff.skill_names()
            for skill in queue.skills:
                if skill not in known:
                    toml.unknown_name(("queues", index, "skills", skill), skill, known)
            for skill in sorted(queues.skills_named(queue) - known - set(queue.skills)):
                toml.unknown_name(("queues", index, "skill_expression"), skill, known)
        for key, flow in (("on_timeout", queue.on_timeout), ("on_full", queue.on_full)):
            if flow and flow not in flows:
                toml.unknown_name(("queues", index, key), flow, flows)
        for place, way in enumerate(queue.overflow):
            _check_names(toml, ("queues", index, "overflow", place, "to"), way.to, slugs)
        if queue.calendar and calendar_names is not None:
            _check_names(toml, ("queues", index, "calendar"), (queue.calendar,), calendar_names)


def _check_numbers(
    toml: TomlFile,
    found: NumbersFile,
    queue_names: Collection[str] | None,
    calendar_names: Collection[str] | None,
    flows: frozenset[str],
) -> None:
    for index, entry in enumerate(found.numbers):
        for key, name, known in (
            ("flow", entry.flow, flows),
            ("closed_flow", entry.closed_flow, flows),
            ("queue", entry.queue, queue_names),
            ("calendar", entry.calendar, calendar_names),
        ):
            if name and known is not None and name not in known:
                toml.unknown_name(("numbers", index, key), name, known)
