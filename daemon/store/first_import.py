"""The site's files into the database on the first start, and back on demand."""

import asyncio
import hashlib
from pathlib import Path

import msgspec
from tortoise.transactions import in_transaction

from daemon.site_directory import SiteDirectory
from daemon.site_files.calendars import CalendarEntry, CalendarsFile
from daemon.site_files.called_numbers import NumberEntry, NumbersFile
from daemon.site_files.callers import CallersFile, TierEntry
from daemon.site_files.people import (
    PauseReasonEntry,
    PeopleFile,
    Person,
    SkillEntry,
    StationEntry,
)
from daemon.site_files.queues import QueueEntry, QueuesFile, skills_named
from daemon.site_files.site_tables import SiteTables, read_tables
from daemon.store.flows import FlowVersion
from daemon.store.people import Agent, AgentSkill, PauseReason, Skill, Station, User
from daemon.store.routing import Calendar, Number, Queue, Tier
from ivr.errors import FlowError
from ivr.flow import load_flow

QUEUE_FIELDS = QueueEntry.__struct_fields__
NUMBER_FIELDS = NumberEntry.__struct_fields__
TIER_FIELDS = TierEntry.__struct_fields__
WORK_FIELDS = ("reserve", "queues", "only_queues", "capacity", "interruptible")
"""What ``people.toml`` says of an agent's work, under the names of the database."""


async def import_site(site: SiteDirectory, *, now_ms: int) -> bool:
    """Fill an empty database from the site's files; False when it is not empty.

    All or nothing. Raises ConfigError with every fault of the files.
    """
    if await User.exists() or await Queue.exists() or await Number.exists():
        return False
    tables = await asyncio.to_thread(read_tables, site.path)
    flows = await asyncio.to_thread(_flow_texts, site.flows)
    async with in_transaction():
        await import_tables(tables, realm=sip_realm(site), now_ms=now_ms)
        for name, text in flows:
            await _activate_first(name, text, now_ms)
    return True


async def import_tables(tables: SiteTables, *, realm: str, now_ms: int) -> None:
    """Add everything in the five files to the database."""
    people = tables.people
    titles = {skill.name: skill.title for skill in people.skills}
    for name in sorted(people.skill_names()):
        await Skill.create(name=name, title=titles.get(name, ""))
    for station in people.stations:
        used_realm, md5, sha256 = station.digests(realm)
        await Station.create(
            name=station.name,
            line=station.line,
            realm=used_realm,
            ha1_md5=md5,
            ha1_sha256=sha256,
            pin_hash=station.pin_hash,
        )
    for reason in people.pause_reasons:
        await PauseReason.create(slug=reason.slug, text_en=reason.en, text_zh=reason.zh)
    for person in people.people:
        await _add_person(person, now_ms)
    for queue in tables.queues.queues:
        values = {field: getattr(queue, field) for field in QUEUE_FIELDS}
        for name in sorted(skills_named(queue) - set(queue.skills)):
            await Skill.get_or_create(name=name)
        await Queue.create(**msgspec.to_builtins(values))
    for tier in tables.callers.tiers:
        values = {field: getattr(tier, field) for field in TIER_FIELDS}
        await Tier.create(**msgspec.to_builtins(values))
    for number in tables.numbers.numbers:
        await Number.create(**{field: getattr(number, field) for field in NUMBER_FIELDS})
    for calendar in tables.calendars.calendars:
        await Calendar.create(
            name=calendar.name,
            zone=calendar.zone,
            week={day: list(intervals) for day, intervals in calendar.week.items()},
            days={day: list(intervals) for day, intervals in calendar.days.items()},
        )


async def export_tables() -> SiteTables:
    """What the database holds, as the five files; SIP secrets only as their digests."""
    return SiteTables(
        people=PeopleFile(
            people=tuple([await _person(user) for user in await User.all().order_by("id")]),
            stations=tuple(_station(row) for row in await Station.all().order_by("id")),
            skills=tuple(
                SkillEntry(name=row.name, title=row.title)
                for row in await Skill.all().order_by("id")
            ),
            pause_reasons=tuple(
                PauseReasonEntry(slug=row.slug, en=row.text_en, zh=row.text_zh)
                for row in await PauseReason.all().order_by("id")
            ),
        ),
        queues=QueuesFile(
            queues=tuple(
                msgspec.convert({field: getattr(row, field) for field in QUEUE_FIELDS}, QueueEntry)
                for row in await Queue.all().order_by("id")
            )
        ),
        callers=CallersFile(
            tiers=tuple(
                msgspec.convert({field: getattr(row, field) for field in TIER_FIELDS}, TierEntry)
                for row in await Tier.all().order_by("id")
            )
        ),
        numbers=NumbersFile(
            numbers=tuple(
                NumberEntry(**{field: getattr(row, field) for field in NUMBER_FIELDS})
                for row in await Number.all().order_by("id")
            )
        ),
        calendars=CalendarsFile(
            calendars=tuple(_calendar(row) for row in await Calendar.all().order_by("id"))
        ),
    )


def sip_realm(site: SiteDirectory) -> str:
    """Realm of the site's SIP stations: that of the first driver that has one."""
    for driver in site.config.drivers:
        realm: object = getattr(driver.options, "realm", "")
        if isinstance(realm, str) and realm:
            return realm
    return "hookflash"


async def _add_person(person: Person, now_ms: int) -> None:
    user = await User.create(
        login=person.login,
        name=person.name,
        roles=list(person.roles),
        language=person.language,
        password_hash=person.password_hash,
        must_change_password=person.must_change_password,
        enabled=person.enabled,
        created_ms=now_ms,
    )
    if "agent" not in person.roles:
        return
    work = {field: getattr(person, field) for field in WORK_FIELDS}
    agent = await Agent.create(
        user=user, station=person.station, enabled=person.enabled, **msgspec.to_builtins(work)
    )
    for name, level in person.skills.items():
        await AgentSkill.create(agent=agent, skill=await Skill.get(name=name), level=level)


async def _person(user: User) -> Person:
    agent = await Agent.get_or_none(user=user)
    skills = (
        await AgentSkill.filter(agent=agent).order_by("id").select_related("skill") if agent else []
    )
    values = {
        "login": user.login,
        "name": user.name,
        "roles": user.roles,
        "language": user.language,
        "password_hash": user.password_hash,
        "must_change_password": user.must_change_password,
        "station": agent.station if agent else "",
        "skills": {row.skill.name: row.level for row in skills},
        "enabled": user.enabled,
    }
    work = {field: getattr(agent, field) for field in WORK_FIELDS} if agent else {}
    return msgspec.convert(values | work, Person)


def _station(row: Station) -> StationEntry:
    return StationEntry(
        name=row.name,
        line=row.line,
        realm=row.realm,
        ha1_md5=row.ha1_md5,
        ha1_sha256=row.ha1_sha256,
        pin_hash=row.pin_hash,
    )


def _calendar(row: Calendar) -> CalendarEntry:
    return CalendarEntry(
        name=row.name,
        zone=row.zone,
        week={day: tuple(intervals) for day, intervals in row.week.items()},
        days={day: tuple(intervals) for day, intervals in row.days.items()},
    )


async def _activate_first(name: str, text: str, now_ms: int) -> None:
    try:
        load_flow(text, name)
    except FlowError:
        return  # a draft with faults stays a draft; `hookflash check` lists them
    await FlowVersion.create(
        name=name,
        version=1,
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        active=True,
        author="system",
        created_ms=now_ms,
    )


def _flow_texts(directory: Path) -> list[tuple[str, str]]:
    return [
        (path.stem, path.read_text(encoding="utf-8", errors="replace"))
        for path in sorted(directory.glob("*.yaml"))
    ]
