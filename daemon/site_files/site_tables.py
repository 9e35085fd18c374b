"""People, queues, numbers and calendars of a site together, and their references.

Read on the first start only; after that they live in the database.
"""

from collections.abc import Iterable
from pathlib import Path as FilePath

import msgspec

from daemon.errors import ConfigError, Fault
from daemon.site_files import calendars, called_numbers, people, queues
from daemon.site_files.calendars import CalendarsFile
from daemon.site_files.called_numbers import NumbersFile
from daemon.site_files.people import PeopleFile
from daemon.site_files.queues import QueuesFile
from daemon.site_files.toml_table import TomlFile


class SiteTables(msgspec.Struct, frozen=True, kw_only=True):
    """The four files."""

    people: PeopleFile = PeopleFile()
    queues: QueuesFile = QueuesFile()
    numbers: NumbersFile = NumbersFile()
    calendars: CalendarsFile = CalendarsFile()


def read_tables(site: FilePath) -> SiteTables:
    """Read the four files of a site; a missing one is empty. ConfigError with every fault."""
    contents = {}
    for file in (people.FILE, queues.FILE, called_numbers.FILE, calendars.FILE):
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


def parse_tables(contents: dict[str, bytes], flows: Iterable[str]) -> SiteTables:
    """Convert the four files' bytes and follow their references; ConfigError with every fault."""
    files = {name: TomlFile(name, content) for name, content in contents.items()}
    found_people = people.read_people(files[people.FILE])
    found_queues = queues.read_queues(files[queues.FILE])
    found_numbers = called_numbers.read_numbers(files[called_numbers.FILE])
    found_calendars = calendars.read_calendars(files[calendars.FILE])
    known_flows = frozenset(flows)
    if found_queues is not None:
        _check_queues(files[queues.FILE], found_queues, found_people, known_flows)
    if found_numbers is not None:
        _check_numbers(
            files[called_numbers.FILE], found_numbers, found_queues, found_calendars, known_flows
        )
    faults = [fault for file in files.values() for fault in file.faults]
    if faults or not (found_people and found_queues and found_numbers and found_calendars):
        raise ConfigError(faults)
    return SiteTables(
        people=found_people,
        queues=found_queues,
        numbers=found_numbers,
        calendars=found_calendars,
    )


def _check_queues(
    toml: TomlFile, found: QueuesFile, staff: PeopleFile | None, flows: frozenset[str]
) -> None:
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


def _check_numbers(
    toml: TomlFile,
    found: NumbersFile,
    with_queues: QueuesFile | None,
    with_calendars: CalendarsFile | None,
    flows: frozenset[str],
) -> None:
    # A file that has faults itself cannot say what exists; its own faults come first.
    queue_names = {queue.slug for queue in with_queues.queues} if with_queues else None
    calendar_names = {entry.name for entry in with_calendars.calendars} if with_calendars else None
    for index, entry in enumerate(found.numbers):
        for key, name, known in (
            ("flow", entry.flow, flows),
            ("closed_flow", entry.closed_flow, flows),
            ("queue", entry.queue, queue_names),
            ("calendar", entry.calendar, calendar_names),
        ):
            if name and known is not None and name not in known:
                toml.unknown_name(("numbers", index, key), name, known)
