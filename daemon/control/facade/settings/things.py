"""How each kind of setting is read from and written to the database."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from acd_core.routing.skill_expression import parse
from daemon.service.errors import ServiceError
from daemon.service.messages import Text
from daemon.service.settings import (
    CalendarSettings,
    NumberSettings,
    PauseReason,
    PersonSettings,
    QueueSettings,
    StationSettings,
    TierSettings,
)
from daemon.site_files.people import StationEntry
from daemon.store.people import Agent, AgentSkill, Skill, Station, User
from daemon.store.people import PauseReason as PauseReasonRow
from daemon.store.routing import Calendar, Number, Queue, Tier

Settings = TypeVar("Settings", bound=msgspec.Struct)

WORK_FIELDS = ("reserve", "queues", "only_queues", "capacity", "interruptible")
"""What a person's settings say of his work as an agent, under the names of the database."""


class Thing(Generic[Settings]):
    """One kind of setting: its struct and its place in the database."""

    def __init__(
        self,
        kind: str,
        struct: type[Settings],
        *,
        every: Callable[[], Awaitable[Sequence[Settings]]],
        read: Callable[[str], Awaitable[Settings | None]],
        write: Callable[[Settings], Awaitable[None]],
        remove: Callable[[str], Awaitable[None]],
    ) -> None:
        self.kind = kind
        self.struct = struct
        self.every = every
        self.read = read
        self.write = write
        self.remove = remove


# -- people -----------------------------------------------------------------------------------


async def _every_person() -> Sequence[PersonSettings]:
    return [await _person(user) for user in await User.all().order_by("login")]


async def _read_person(login: str) -> PersonSettings | None:
    user = await User.get_or_none(login=login)
    return None if user is None else await _person(user)


async def _person(user: User) -> PersonSettings:
    agent = await Agent.get_or_none(user=user)
    skills: dict[str, int] = {}
    if agent is not None:
        rows = await AgentSkill.filter(agent=agent).prefetch_related("skill")
        skills = {row.skill.name: row.level for row in sorted(rows, key=lambda r: r.skill.name)}
    work = {field: getattr(agent, field) for field in WORK_FIELDS} if agent is not None else {}
    values = {
        "login": user.login,
        "name": user.name,
        "roles": user.roles,
        "station": agent.station if agent is not None else "",
        "skills": skills,
        "language": user.language,
        "enabled": user.enabled,
        "version": user.version,
    }
    return msgspec.convert(values | work, PersonSettings)


async def _write_person(person: PersonSettings) -> None:
    user, _ = await User.update_or_create(
        login=person.login,
        defaults={
            "name": person.name,
            "roles": list(person.roles),
            "language": person.language,
            "enabled": person.enabled,
            "version": person.version,
        },
    )
    # An agent who takes calls no more stays on record: calls of the past refer to him.
    serves = "agent" in person.roles and person.enabled
    agent = await Agent.get_or_none(user=user)
    if agent is None and not serves:
        return
    if agent is None:
        agent = await Agent.create(user=user)
    work = {field: getattr(person, field) for field in WORK_FIELDS}
    agent.update_from_dict(
        {"station": person.station, "enabled": serves, **msgspec.to_builtins(work)}
    )
    await agent.save()
    await AgentSkill.filter(agent=agent).delete()
    for name, level in person.skills.items():
        skill, _ = await Skill.get_or_create(name=name)
        await AgentSkill.create(agent=agent, skill=skill, level=level)


async def _remove_person(login: str) -> None:
    await User.filter(login=login).delete()


# -- queues -----------------------------------------------------------------------------------

_QUEUE_FIELDS = tuple(QueueSettings.__struct_fields__)


async def _every_queue() -> Sequence[QueueSettings]:
    return [_queue(row) for row in await Queue.all().order_by("slug")]


async def _read_queue(slug: str) -> QueueSettings | None:
    row = await Queue.get_or_none(slug=slug)
    return None if row is None else _queue(row)


def _queue(row: Queue) -> QueueSettings:
    return msgspec.convert({field: getattr(row, field) for field in _QUEUE_FIELDS}, QueueSettings)


async def _write_queue(queue: QueueSettings) -> None:
    values = {field: getattr(queue, field) for field in _QUEUE_FIELDS if field != "slug"}
    await Queue.update_or_create(slug=queue.slug, defaults=msgspec.to_builtins(values))
    texts = (queue.skill_expression, *(step.skill_expression for step in queue.widening))
    named = {name for text in texts for pairs in parse(text) for name, _ in pairs}
    for name in sorted(named | set(queue.skills)):
        await Skill.get_or_create(name=name)


async def _remove_queue(slug: str) -> None:
    await Queue.filter(slug=slug).delete()


# -- numbers ----------------------------------------------------------------------------------

_NUMBER_FIELDS = tuple(NumberSettings.__struct_fields__)


async def _every_number() -> Sequence[NumberSettings]:
    return [_number(row) for row in await Number.all().order_by("number")]


async def _read_number(number: str) -> NumberSettings | None:
    row = await Number.get_or_none(number=number)
    return None if row is None else _number(row)


def _number(row: Number) -> NumberSettings:
    return NumberSettings(**{field: getattr(row, field) for field in _NUMBER_FIELDS})


async def _write_number(number: NumberSettings) -> None:
    values = {field: getattr(number, field) for field in _NUMBER_FIELDS if field != "number"}
    await Number.update_or_create(number=number.number, defaults=values)


async def _remove_number(number: str) -> None:
    await Number.filter(number=number).delete()


# -- tiers of callers -------------------------------------------------------------------------

_TIER_FIELDS = tuple(TierSettings.__struct_fields__)


async def _every_tier() -> Sequence[TierSettings]:
    return [_tier(row) for row in await Tier.all().order_by("slug")]


async def _read_tier(slug: str) -> TierSettings | None:
    row = await Tier.get_or_none(slug=slug)
    return None if row is None else _tier(row)


def _tier(row: Tier) -> TierSettings:
    return msgspec.convert({field: getattr(row, field) for field in _TIER_FIELDS}, TierSettings)


async def _write_tier(tier: TierSettings) -> None:
    values = {field: getattr(tier, field) for field in _TIER_FIELDS if field != "slug"}
    await Tier.update_or_create(slug=tier.slug, defaults=msgspec.to_builtins(values))


async def _remove_tier(slug: str) -> None:
    await Tier.filter(slug=slug).delete()


# -- calendars --------------------------------------------------------------------------------

_CALENDAR_FIELDS = tuple(CalendarSettings.__struct_fields__)


async def _every_calendar() -> Sequence[CalendarSettings]:
    return [_calendar(row) for row in await Calendar.all().order_by("name")]


async def _read_calendar(name: str) -> CalendarSettings | None:
    row = await Calendar.get_or_none(name=name)
    return None if row is None else _calendar(row)


def _calendar(row: Calendar) -> CalendarSettings:
    values = {field: getattr(row, field) for field in _CALENDAR_FIELDS}
    return msgspec.convert(values, CalendarSettings)


async def _write_calendar(calendar: CalendarSettings) -> None:
    values = {field: getattr(calendar, field) for field in _CALENDAR_FIELDS if field != "name"}
    await Calendar.update_or_create(name=calendar.name, defaults=msgspec.to_builtins(values))


async def _remove_calendar(name: str) -> None:
    await Calendar.filter(name=name).delete()


# -- stations ---------------------------------------------------------------------------------


async def _every_station() -> Sequence[StationSettings]:
    return [_station(row) for row in await Station.all().order_by("name")]


async def _read_station(name: str) -> StationSettings | None:
    row = await Station.get_or_none(name=name)
    return None if row is None else _station(row)


def _station(row: Station) -> StationSettings:
    return StationSettings(
        name=row.name,
        line=row.line,
        realm=row.realm,
        has_secret=bool(row.ha1_md5 or row.ha1_sha256),
        has_pin=bool(row.pin_hash),
        enabled=row.enabled,
        version=row.version,
    )


async def _write_station(station: StationSettings) -> None:
    values = {name: getattr(station, name) for name in ("line", "realm", "enabled", "version")}
    row, _ = await Station.update_or_create(name=station.name, defaults=values)
    if not station.has_secret and (row.ha1_md5 or row.ha1_sha256):
        # Digests of another realm would let nobody register, and look as if they could.
        row.ha1_md5 = row.ha1_sha256 = ""
        await row.save()


async def set_station_secret(name: str, secret: str, realm: str) -> None:
    """Store the digests of a station's new password."""
    _, md5, sha256 = StationEntry(name=name, secret=secret).digests(realm)
    await Station.filter(name=name).update(realm=realm, ha1_md5=md5, ha1_sha256=sha256)


async def set_station_pin(name: str, hashed: str) -> None:
    """Store what opens a station's mailbox; ServiceError when there is no such station."""
    if not await Station.filter(name=name).update(pin_hash=hashed):
        raise ServiceError("not-found", f"There is no station {name}.", f"没有话机 {name}。")


async def _remove_station(name: str) -> None:
    await Station.filter(name=name).delete()


# -- pause reasons ----------------------------------------------------------------------------


async def _every_reason() -> Sequence[PauseReason]:
    return [_reason(row) for row in await PauseReasonRow.all().order_by("slug")]


async def _read_reason(slug: str) -> PauseReason | None:
    row = await PauseReasonRow.get_or_none(slug=slug)
    return None if row is None else _reason(row)


def _reason(row: PauseReasonRow) -> PauseReason:
    text = Text(row.text_en, row.text_zh)
    return PauseReason(slug=row.slug, text=text, enabled=row.enabled, version=row.version)


async def _write_reason(reason: PauseReason) -> None:
    await PauseReasonRow.update_or_create(
        slug=reason.slug,
        defaults={
            "text_en": reason.text.en,
            "text_zh": reason.text.zh,
            "enabled": reason.enabled,
            "version": reason.version,
        },
    )


async def _remove_reason(slug: str) -> None:
    await PauseReasonRow.filter(slug=slug).delete()


PEOPLE = Thing(
    "person",
    PersonSettings,
    every=_every_person,
    read=_read_person,
    write=_write_person,
    remove=_remove_person,
)
QUEUES = Thing(
    "queue",
    QueueSettings,
    every=_every_queue,
    read=_read_queue,
    write=_write_queue,
    remove=_remove_queue,
)
TIERS = Thing(
    "tier",
    TierSettings,
    every=_every_tier,
    read=_read_tier,
    write=_write_tier,
    remove=_remove_tier,
)
CALENDARS = Thing(
    "calendar",
    CalendarSettings,
    every=_every_calendar,
    read=_read_calendar,
    write=_write_calendar,
    remove=_remove_calendar,
)
STATIONS = Thing(
    "station",
    StationSettings,
    every=_every_station,
    read=_read_station,
    write=_write_station,
    remove=_remove_station,
)
NUMBERS = Thing(
    "number",
    NumberSettings,
    every=_every_number,
    read=_read_number,
    write=_write_number,
    remove=_remove_number,
)
PAUSE_REASONS = Thing(
    "pause_reason",
    PauseReason,
    every=_every_reason,
    read=_read_reason,
    write=_write_reason,
    remove=_remove_reason,
)
