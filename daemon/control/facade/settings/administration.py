"""What administrators set up: lists it, checks it against the rest, and changes it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from daemon.control.facade.accounts import Accounts
from daemon.control.facade.settings.faults import (
    Faults,
    calendar_faults,
    person_faults,
    queue_faults,
    station_faults,
    tier_faults,
)
from daemon.control.facade.settings.ledger import Ledger
from daemon.control.facade.settings.things import (
    CALENDARS,
    NUMBERS,
    PAUSE_REASONS,
    PEOPLE,
    QUEUES,
    STATIONS,
    TIERS,
    Thing,
    set_station_pin,
    set_station_secret,
)
from daemon.service.credentials import password_fault, pin_fault
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor, Applied, ChangeEntry
from daemon.service.settings import (
    CalendarSettings,
    NumberSettings,
    PauseReason,
    PersonSettings,
    QueueSettings,
    StationSettings,
    TierSettings,
)
from daemon.store.audit import Change
from daemon.store.people import Agent, Skill, Station, User
from daemon.store.people import PauseReason as PauseReasonRow
from daemon.store.routing import Calendar, Number, Queue, Tier

THINGS: Final[Mapping[str, Thing[Any]]] = {
    thing.kind: thing
    for thing in (PEOPLE, QUEUES, TIERS, NUMBERS, CALENDARS, STATIONS, PAUSE_REASONS)
}


class Administration:
    """Lists and changes settings."""

    def __init__(
        self,
        clock: Callable[[], float],
        accounts: Accounts,
        *,
        reload: Callable[[], Awaitable[None]],
        busy: Callable[[str, str], str],
        strategies: Sequence[str],
        flows: Callable[[], Sequence[str]],
        realm: str = "hookflash",
    ) -> None:
        """``busy(kind, key)`` says why a thing cannot be removed now; empty when it can.

        ``realm`` is that of stations which name none.
        """
        self._ledger = Ledger(clock, reload=reload, busy=busy)
        self._accounts = accounts
        self._strategies = tuple(strategies)
        self._flows = flows
        self._realm = realm

    # -- people and stations --------------------------------------------------------------

    async def list_people(self) -> Sequence[PersonSettings]:
        """Everybody, by login."""
        return await PEOPLE.every()

    async def put_person(self, actor: Actor, person: PersonSettings, password: str) -> Applied:
        """Add or change a person; an empty password leaves the old one."""
        faults = person_faults(person)
        weak = password_fault(password, person.login) if password else ""
        if weak:
            faults["password"] = weak
        if person.station and not await Station.exists(name=person.station):
            faults["station"] = "unknown"
        if not set(person.queues) <= await _queue_slugs():
            faults["queues"] = "unknown"
        _refuse(faults)
        await self._keep_one_administrator(person.login, person)
        applied = await self._ledger.put(PEOPLE, actor, person.login, person)
        if password:
            user = await User.get(login=person.login)
            one_time = actor.login != person.login
            await self._accounts.set_password(user, password, one_time=one_time)
        return applied

    async def delete_person(self, actor: Actor, login: str) -> Applied:
        """Remove a person."""
        await self._keep_one_administrator(login, None)
        return await self._ledger.delete(PEOPLE, actor, login)

    async def _keep_one_administrator(self, login: str, after: PersonSettings | None) -> None:
        """Refuse a change of a person by which nobody would remain administrator."""
        now = {p.login for p in await PEOPLE.every() if _administers(p)}
        keeps = after is not None and _administers(after)
        if login in now and not keeps and now == {login}:
            raise ServiceError(
                "conflict",
                "Somebody must remain administrator.",
                "必须保留至少一名管理员。",
            )

    async def list_station_settings(self) -> Sequence[StationSettings]:
        """All stations, by name."""
        return await STATIONS.every()

    async def put_station(self, actor: Actor, station: StationSettings, secret: str) -> Applied:
        """Add or change a station; an empty secret leaves the old one."""
        old = await STATIONS.read(station.name)
        realm = station.realm or (old.realm if old is not None else "") or self._realm
        # Digests hold the realm: those of another realm can no longer be answered.
        keeps = old is not None and old.has_secret and old.realm == realm
        _refuse(station_faults(station, secret=secret, keeps_secret=keeps))

        async def store_secret() -> None:
            if secret:
                await set_station_secret(station.name, secret, realm)

        kept = msgspec.structs.replace(station, realm=realm, has_secret=bool(secret) or keeps)
        return await self._ledger.put(STATIONS, actor, station.name, kept, also=store_secret)

    async def set_mailbox_pin(self, station: str, pin: str) -> None:
        """Store the argon2 of a PIN, or that there is none."""
        if pin and (fault := pin_fault(pin)):
            _refuse({"pin": fault})
        hashed = await asyncio.to_thread(self._accounts.passwords.hash, pin) if pin else ""
        await set_station_pin(station, hashed)

    async def delete_station(self, actor: Actor, name: str) -> Applied:
        """Remove a station."""
        await self._refuse_if_used(STATIONS.kind, name)
        return await self._ledger.delete(STATIONS, actor, name)

    # -- queues, tiers, calendars and numbers ---------------------------------------------

    async def list_queues(self) -> Sequence[QueueSettings]:
        """All queues, by slug."""
        return await QUEUES.every()

    async def put_queue(self, actor: Actor, queue: QueueSettings) -> Applied:
        """Add or change a queue."""
        faults = queue_faults(queue, self._strategies)
        flows = self._flows()
        for field, name in (("on_timeout", queue.on_timeout), ("on_full", queue.on_full)):
            if name and name not in flows:
                faults[field] = "unknown"
        if queue.calendar and not await Calendar.exists(name=queue.calendar):
            faults["calendar"] = "unknown"
        named = {slug for way in queue.overflow for slug in way.to}
        if "overflow" not in faults and not named <= await _queue_slugs():
            faults["overflow"] = "unknown"
        _refuse(faults)
        return await self._ledger.put(QUEUES, actor, queue.slug, queue)

    async def set_unattended(self, actor: Actor, slug: str, *, unattended: bool) -> Applied:
        """Let nobody into a queue, or let callers in again; the rest of it stays."""
        queue = await QUEUES.read(slug)
        if queue is None:
            raise ServiceError("not-found", f"There is no queue {slug}.", f"没有队列 {slug}。")
        if queue.unattended == unattended:
            return Applied(queue.version)
        changed = msgspec.structs.replace(queue, unattended=unattended)
        return await self._ledger.put(QUEUES, actor, slug, changed)

    async def delete_queue(self, actor: Actor, slug: str) -> Applied:
        """Remove a queue."""
        await self._refuse_if_used(QUEUES.kind, slug)
        return await self._ledger.delete(QUEUES, actor, slug)

    async def list_tiers(self) -> Sequence[TierSettings]:
        """All tiers of callers, by slug."""
        return await TIERS.every()

    async def put_tier(self, actor: Actor, tier: TierSettings) -> Applied:
        """Add or change a tier."""
        faults = tier_faults(tier)
        if not set(tier.agents) <= {a.user.login for a in await _agents()}:
            faults["agents"] = "unknown"
        others = [row for row in await Tier.all() if row.slug != tier.slug]
        if any(set(row.numbers) & set(tier.numbers) for row in others):
            faults.setdefault("numbers", "other-tier")
        _refuse(faults)
        return await self._ledger.put(TIERS, actor, tier.slug, tier)

    async def delete_tier(self, actor: Actor, slug: str) -> Applied:
        """Remove a tier: its callers wait as all others do."""
        return await self._ledger.delete(TIERS, actor, slug)

    async def list_calendars(self) -> Sequence[CalendarSettings]:
        """All calendars, by name."""
        return await CALENDARS.every()

    async def put_calendar(self, actor: Actor, calendar: CalendarSettings) -> Applied:
        """Add or change opening hours."""
        _refuse(calendar_faults(calendar))
        return await self._ledger.put(CALENDARS, actor, calendar.name, calendar)

    async def delete_calendar(self, actor: Actor, name: str) -> Applied:
        """Remove a calendar that nothing names."""
        await self._refuse_if_used(CALENDARS.kind, name)
        return await self._ledger.delete(CALENDARS, actor, name)

    async def list_numbers(self) -> Sequence[NumberSettings]:
        """All numbers."""
        return await NUMBERS.every()

    async def put_number(self, actor: Actor, number: NumberSettings) -> Applied:
        """Add or change what a called number leads to."""
        faults: Faults = {}
        if not number.number:
            faults["number"] = "missing"
        for field, flow in (("flow", number.flow), ("closed_flow", number.closed_flow)):
            if flow and flow not in self._flows():
                faults[field] = "unknown"
        if number.queue and not await Queue.exists(slug=number.queue):
            faults["queue"] = "unknown"
        if not number.flow and not number.queue:
            faults["flow"] = "missing"
        if number.calendar and not await Calendar.exists(name=number.calendar):
            faults["calendar"] = "unknown"
        _refuse(faults)
        return await self._ledger.put(NUMBERS, actor, number.number, number)

    async def delete_number(self, actor: Actor, number: str) -> Applied:
        """Remove a number: its callers are refused from now on."""
        return await self._ledger.delete(NUMBERS, actor, number)

    async def _refuse_if_used(self, kind: str, key: str) -> None:
        """Refuse to remove what another setting names."""
        if kind == QUEUES.kind:
            if await Number.exists(queue=key):
                raise _used("A number leads to this queue.", "有号码指向此队列。")
            for queue in await QUEUES.every():
                if any(key in way.to for way in queue.overflow):
                    raise _used(
                        f"Queue {queue.slug} overflows to this queue.",
                        f"队列 {queue.slug} 溢出到此队列。",
                    )
        if kind == CALENDARS.kind:
            numbers = [row.number for row in await Number.filter(calendar=key)]
            slugs = [row.slug for row in await Queue.filter(calendar=key)]
            for name in (*numbers, *slugs):
                raise _used(f"{name} has these opening hours.", f"{name} 使用此营业时间。")
        if kind == STATIONS.kind and await Agent.exists(station=key, enabled=True):
            raise _used("Somebody usually sits at this telephone.", "有人通常使用此话机。")

    # -- the rest -------------------------------------------------------------------------

    async def list_pause_reasons(self) -> Sequence[PauseReason]:
        """All reasons, by slug."""
        return await PAUSE_REASONS.every()

    async def put_pause_reason(self, actor: Actor, reason: PauseReason) -> Applied:
        """Add or change a reason."""
        _refuse({} if reason.slug and reason.text.en else {"slug": "missing"})
        return await self._ledger.put(PAUSE_REASONS, actor, reason.slug, reason)

    async def delete_pause_reason(self, actor: Actor, slug: str) -> Applied:
        """Remove a reason; pauses that have it go on."""
        return await self._ledger.delete(PAUSE_REASONS, actor, slug)

    async def list_skills(self) -> Sequence[str]:
        """Names of all skills."""
        return [skill.name for skill in await Skill.all().order_by("name")]

    async def knows_pause_reason(self, slug: str) -> bool:
        """Whether agents may give this reason."""
        return await PauseReasonRow.exists(slug=slug, enabled=True)

    # -- ledger ---------------------------------------------------------------------------

    async def list_changes(self, actor: Actor, limit: int) -> Sequence[ChangeEntry]:
        """The change ledger, newest first."""
        return await self._ledger.changes(limit)

    async def undo_change(self, actor: Actor, change: int) -> Applied:
        """Put the thing back as it was before."""
        row = await Change.get_or_none(id=change)
        if row is None:
            raise ServiceError("not-found", "There is no such change.", "没有这项修改。")
        kind, _, key = row.subject.partition("/")
        thing = THINGS[kind]
        now = await thing.read(key)
        after = None if row.after is None else msgspec.convert(row.after, thing.struct)
        if now != after:
            raise ServiceError(
                "conflict", "It has changed since; undo the later change first.", "之后又有修改。"
            )
        before = None if row.before is None else msgspec.convert(row.before, thing.struct)
        if thing is PEOPLE:
            await self._keep_one_administrator(key, before)
        note = f"undo {change}"
        if before is None:
            await self._refuse_if_used(kind, key)
            return await self._ledger.delete(thing, actor, key, note=note)
        version = now.version if now is not None else 0
        before = msgspec.structs.replace(before, version=version)
        return await self._ledger.put(thing, actor, key, before, note=note)


async def _queue_slugs() -> set[str]:
    return {queue.slug for queue in await Queue.all()}


async def _agents() -> Sequence[Agent]:
    return await Agent.filter(enabled=True).select_related("user")


def _administers(person: PersonSettings) -> bool:
    return person.enabled and "administrator" in person.roles


def _used(en: str, zh: str) -> ServiceError:
    return ServiceError("conflict", en, zh)


def _refuse(faults: Faults) -> None:
    if faults:
        raise ServiceError(
            "invalid", "Some values are not usable.", "部分数值无效。", fields=faults
        )
