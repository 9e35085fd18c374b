"""Changed ``queues.toml`` and ``people.toml`` as rules that a recorded day can be acted under."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from acd_core.call_queue import QueueConfig
from acd_core.ids import AgentId, SkillId
from acd_core.opening_hours import OpeningHours, parse_hours
from acd_core.simulation.recorded_day import RecordedDay
from acd_core.simulation.reenactment import Rules
from acd_core.skills import Requirement
from daemon.command_line import WRONG_USAGE
from daemon.errors import CommandError, ConfigError
from daemon.language import pick
from daemon.site_files import calendars, people, queues
from daemon.site_files.people import PeopleFile
from daemon.site_files.queues import QueueEntry, QueuesFile
from daemon.site_files.toml_table import TomlFile

if TYPE_CHECKING:
    from daemon.store.loader import Names

Loaded = TypeVar("Loaded")


def load_rules(changed: Path, day: RecordedDay, site: Path | None) -> Rules:
    """Rules of a ``queues.toml`` or of a directory; ConfigError and CommandError else.

    Queues and agents go by slug and login. What the files do not name stays as recorded.
    """
    folder = changed if changed.is_dir() else changed.parent
    queue_file = folder / queues.FILE if changed.is_dir() else changed
    found_queues = _queues(queue_file) if queue_file.is_file() else QueuesFile()
    people_file = folder / people.FILE
    found_people = _people(people_file) if changed.is_dir() and people_file.is_file() else None
    if not found_queues.queues and found_people is None:
        raise CommandError(
            pick(
                f"{changed} has neither queues nor people",
                f"{changed} 中既没有队列也没有人员",
            ),
            todo=pick("name a queues.toml or its directory", "请给出 queues.toml 或其目录"),
            exit_code=WRONG_USAGE,
        )
    from daemon.store.loader import Names

    skills = _skills(found_queues, found_people, day, site)
    keys = {config.name: key for key, config in day.queues.items()}
    agents = {name: agent for agent, name in day.agents.items()}
    names = Names(skills=skills, agents=agents, queues=keys, calendars=_calendars(folder, day))
    return Rules(
        queues={
            keys[entry.slug]: queue_rules(entry, names, day.queues[keys[entry.slug]])
            for entry in found_queues.queues
            if entry.slug in keys
        },
        skills=_levels(found_people, day, skills),
    )


def queue_rules(entry: QueueEntry, names: "Names", recorded: QueueConfig) -> QueueConfig:
    """One queue of the file as the engine knows it.

    A calendar that no file says is the one with which the day was recorded.
    """
    from daemon.store.loader import queue_config
    from daemon.store.routing import Queue

    fields = {name: getattr(entry, name) for name in QueueEntry.__struct_fields__}
    config = queue_config(Queue(id=recorded.queue, **fields), names)
    if entry.calendar and config.hours is None:
        config = msgspec.structs.replace(config, hours=recorded.hours)
    return config


def site_skills(site: Path) -> dict[str, int]:
    """Keys of the skills in a site's database, by name."""
    from daemon.store.loader import load_skills

    return asyncio.run(_from_database(site, load_skills))


def site_queues(site: Path) -> dict[str, QueueConfig]:
    """Queues in a site's database, by slug."""
    from daemon.store.loader import load_queues

    found = asyncio.run(_from_database(site, lambda: load_queues(0)))
    return {told.config.name: told.config for told in found}


async def _from_database(site: Path, load: Callable[[], Awaitable[Loaded]]) -> Loaded:
    from daemon.site_directory import SiteDirectory
    from daemon.store.connection import open_database

    store = await open_database(SiteDirectory.open(site), read_only=True)
    try:
        with store.current():
            return await load()
    finally:
        await store.close()


def _skills(
    found_queues: QueuesFile,
    found_people: PeopleFile | None,
    day: RecordedDay,
    site: Path | None,
) -> dict[str, int]:
    """Keys of all skills that the files name: the site's, and new ones above them."""
    named = {name for entry in found_queues.queues for name in queues.skills_named(entry)}
    if found_people is not None:
        named |= found_people.skill_names()
    known = site_skills(site) if site is not None else {}
    new = sorted(named - set(known))
    if new and site is None and not _all_replaced(found_queues, found_people, day):
        raise CommandError(
            pick(
                f"the journal knows skills by number, and not which is {new[0]}",
                f"日志只记录技能编号，不知道哪个是 {new[0]}",
            ),
            todo=pick(
                "name the site with --site, or give queues.toml and people.toml with all "
                "queues and agents",
                "请用 --site 指定站点，或给出包含全部队列和坐席的 queues.toml 与 people.toml",
            ),
            exit_code=WRONG_USAGE,
        )
    used = {need.skill for config in day.queues.values() for need in _needs(config)}
    highest = max([*known.values(), *used], default=0)
    return known | {name: highest + place for place, name in enumerate(new, 1)}


def _all_replaced(queues_: QueuesFile, people_: PeopleFile | None, day: RecordedDay) -> bool:
    if people_ is None:
        return False
    slugs = {entry.slug for entry in queues_.queues}
    logins = {person.login for person in people_.people}
    return slugs >= {config.name for config in day.queues.values() if _needs(config)} and (
        logins >= set(day.agents.values())
    )


def _needs(config: QueueConfig) -> Iterator[Requirement]:
    """Every requirement of a queue, of its alternatives and of its widening too."""
    yield from config.required
    for alternatives in (config.any_of, *(step.any_of for step in config.widening)):
        for requirements in alternatives:
            yield from requirements


def _levels(
    found: PeopleFile | None, day: RecordedDay, skills: Mapping[str, int]
) -> dict[AgentId, dict[SkillId, int]]:
    if found is None:
        return {}
    keys = {name: agent for agent, name in day.agents.items()}
    return {
        keys[person.login]: {SkillId(skills[name]): n for name, n in person.skills.items()}
        for person in found.people
        if person.login in keys
    }


def _calendars(folder: Path, day: RecordedDay) -> dict[str, OpeningHours]:
    """Opening hours of a changed ``calendars.toml``, where there is one.

    A calendar without a zone is meant in that of the recorded hours.
    """
    path = folder / calendars.FILE
    if not path.is_file():
        return {}
    toml = TomlFile(path.name, path.read_bytes())
    found = calendars.read_calendars(toml)
    if toml.faults or found is None:
        raise ConfigError(toml.faults)
    recorded = (config.hours for config in day.queues.values() if config.hours is not None)
    zone = next((hours.zone for hours in recorded), "UTC")
    return {
        entry.name: parse_hours(entry.zone or zone, entry.week, entry.days)
        for entry in found.calendars
    }


def _queues(path: Path) -> QueuesFile:
    toml = TomlFile(path.name, path.read_bytes())
    found = queues.read_queues(toml)
    if toml.faults or found is None:
        raise ConfigError(toml.faults)
    return found


def _people(path: Path) -> PeopleFile:
    toml = TomlFile(path.name, path.read_bytes())
    found = people.read_people(toml)
    if toml.faults or found is None:
        raise ConfigError(toml.faults)
    return found
