"""The administrator's part of the facade: settings, versioned, audited, undoable.

A change is written to the database in one transaction with its line in the change ledger,
then put in force by ``reload``; calls in progress and waiting callers keep their places.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from tortoise.transactions import in_transaction

from acd_core.agent import AgentState
from acd_core.call_queue import HIGHEST_SHARE, CallRule, NoAgents
from acd_core.routing.skill_expression import ExpressionFault, parse
from daemon.control.facade.accounts import Accounts
from daemon.control.facade.things import NUMBERS, PAUSE_REASONS, PEOPLE, QUEUES, Thing
from daemon.service.credentials import password_fault
from daemon.service.errors import ServiceError
from daemon.service.messages import (
    ROLES,
    Actor,
    Applied,
    ChangeEntry,
    NumberSettings,
    PauseReason,
    PersonSettings,
    QueueSettings,
)
from daemon.store.audit import Change
from daemon.store.people import PauseReason as PauseReasonRow
from daemon.store.people import Skill, User
from daemon.store.routing import Calendar, Number, Queue
from daemon.store.rows import milliseconds

# Logged out and unreachable always do, ready never.
_MAY_COUNT_AS_ABSENT: Final = frozenset(
    set(AgentState) - {AgentState.LOGGED_OUT, AgentState.UNREACHABLE, AgentState.READY}
)
THINGS: Final[Mapping[str, Thing[Any]]] = {
    thing.kind: thing for thing in (PEOPLE, QUEUES, NUMBERS, PAUSE_REASONS)
}
MOST_CHANGES: Final = 1000


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
    ) -> None:
        """``busy(kind, key)`` says why a thing cannot be removed now; empty when it can."""
        self._clock = clock
        self._accounts = accounts
        self._reload = reload
        self._busy = busy
        self._strategies = tuple(strategies)
        self._flows = flows

    # -- people ---------------------------------------------------------------------------

    async def list_people(self) -> Sequence[PersonSettings]:
        """Everybody, by login."""
        return await PEOPLE.every()

    async def put_person(self, actor: Actor, person: PersonSettings, password: str) -> Applied:
        """Add or change a person; an empty password leaves the old one."""
        faults = _person_faults(person)
        weak = password_fault(password, person.login) if password else ""
        if weak:
            faults["password"] = weak
        _refuse(faults)
        await self._keep_one_administrator(person.login, person)
        applied = await self._put(PEOPLE, actor, person.login, person)
        if password:
            user = await User.get(login=person.login)
            one_time = actor.login != person.login
            await self._accounts.set_password(user, password, one_time=one_time)
        return applied

    async def delete_person(self, actor: Actor, login: str) -> Applied:
        """Remove a person."""
        await self._keep_one_administrator(login, None)
        return await self._delete(PEOPLE, actor, login)

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

    # -- queues and numbers ---------------------------------------------------------------

    async def list_queues(self) -> Sequence[QueueSettings]:
        """All queues, by slug."""
        return await QUEUES.every()

    async def put_queue(self, actor: Actor, queue: QueueSettings) -> Applied:
        """Add or change a queue."""
        faults = _queue_faults(queue, self._strategies)
        flows = self._flows()
        for field, name in (("on_timeout", queue.on_timeout), ("on_full", queue.on_full)):
            if name and name not in flows:
                faults[field] = "unknown"
        _refuse(faults)
        return await self._put(QUEUES, actor, queue.slug, queue)

    async def delete_queue(self, actor: Actor, slug: str) -> Applied:
        """Remove a queue."""
        await self._refuse_if_called(QUEUES.kind, slug)
        return await self._delete(QUEUES, actor, slug)

    async def _refuse_if_called(self, kind: str, key: str) -> None:
        if kind == QUEUES.kind and await Number.exists(queue=key):
            raise ServiceError("conflict", "A number leads to this queue.", "有号码指向此队列。")

    async def list_numbers(self) -> Sequence[NumberSettings]:
        """All numbers."""
        return await NUMBERS.every()

    async def put_number(self, actor: Actor, number: NumberSettings) -> Applied:
        """Add or change what a called number leads to."""
        faults: dict[str, str] = {}
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
        return await self._put(NUMBERS, actor, number.number, number)

    async def delete_number(self, actor: Actor, number: str) -> Applied:
        """Remove a number: its callers are refused from now on."""
        return await self._delete(NUMBERS, actor, number)

    # -- the rest -------------------------------------------------------------------------

    async def list_pause_reasons(self) -> Sequence[PauseReason]:
        """All reasons, by slug."""
        return await PAUSE_REASONS.every()

    async def put_pause_reason(self, actor: Actor, reason: PauseReason) -> Applied:
        """Add or change a reason."""
        _refuse({} if reason.slug and reason.text.en else {"slug": "missing"})
        return await self._put(PAUSE_REASONS, actor, reason.slug, reason)

    async def delete_pause_reason(self, actor: Actor, slug: str) -> Applied:
        """Remove a reason; pauses that have it go on."""
        return await self._delete(PAUSE_REASONS, actor, slug)

    async def list_skills(self) -> Sequence[str]:
        """Names of all skills."""
        return [skill.name for skill in await Skill.all().order_by("name")]

    async def list_calendars(self) -> Sequence[str]:
        """Names of all calendars."""
        return [calendar.name for calendar in await Calendar.all().order_by("name")]

    async def knows_pause_reason(self, slug: str) -> bool:
        """Whether agents may give this reason."""
        return await PauseReasonRow.exists(slug=slug, enabled=True)

    # -- ledger ---------------------------------------------------------------------------

    async def list_changes(self, actor: Actor, limit: int) -> Sequence[ChangeEntry]:
        """The change ledger, newest first."""
        rows = await Change.all().order_by("-id").limit(min(max(limit, 1), MOST_CHANGES))
        return [_entry(row) for row in rows]

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
        if before is None:
            await self._refuse_if_called(kind, key)
            return await self._delete(thing, actor, key, note=f"undo {change}")
        version = now.version if now is not None else 0
        before = msgspec.structs.replace(before, version=version)
        return await self._put(thing, actor, key, before, note=f"undo {change}")

    async def _put(
        self, thing: Thing[Any], actor: Actor, key: str, new: Any, *, note: str = ""
    ) -> Applied:
        async with in_transaction():
            old = await thing.read(key)
            if new.version != (old.version if old is not None else 0):
                raise ServiceError(
                    "conflict",
                    "Somebody else changed it meanwhile; read it again.",
                    "已被他人修改，请重新读取。",
                )
            stored = msgspec.structs.replace(new, version=new.version + 1)
            await thing.write(stored)
            change = await self._note(actor, thing.kind, key, old, stored, note)
        await self._reload()
        return Applied(stored.version, change)

    async def _delete(
        self, thing: Thing[Any], actor: Actor, key: str, *, note: str = ""
    ) -> Applied:
        why = self._busy(thing.kind, key)
        if why:
            raise ServiceError("conflict", why, "正在使用中，无法删除。")
        async with in_transaction():
            old = await thing.read(key)
            if old is None:
                raise ServiceError("not-found", f"There is no {key}.", f"没有 {key}。")
            await thing.remove(key)
            change = await self._note(actor, thing.kind, key, old, None, note)
        await self._reload()
        return Applied(0, change)

    async def _note(
        self, actor: Actor, kind: str, key: str, old: object, new: object, note: str
    ) -> int:
        last = await Change.all().order_by("-id").first()
        number = last.id + 1 if last is not None else 1
        await Change.create(
            id=number,
            at_ms=milliseconds(self._clock()),
            actor=actor.login,
            subject=f"{kind}/{key}",
            before=_plain(old),
            after=_plain(new),
            note=note,
        )
        return number


def _plain(thing: object) -> Any:
    """A thing as the ledger gives it back: what is a tuple here is a list there."""
    return None if thing is None else msgspec.json.decode(msgspec.json.encode(thing))


def _entry(row: Change) -> ChangeEntry:
    kind, _, key = row.subject.partition("/")
    return ChangeEntry(
        change=row.id,
        at=row.at_ms / 1000,
        actor=row.actor,
        kind=kind,
        key=key,
        before=json.dumps(row.before, ensure_ascii=False) if row.before is not None else "",
        after=json.dumps(row.after, ensure_ascii=False) if row.after is not None else "",
    )


def _administers(person: PersonSettings) -> bool:
    return person.enabled and "administrator" in person.roles


def _person_faults(person: PersonSettings) -> dict[str, str]:
    faults: dict[str, str] = {}
    if not person.login or not person.login.replace(".", "").replace("-", "").isalnum():
        faults["login"] = "invalid"
    if not person.roles:
        faults["roles"] = "missing"
    elif not set(person.roles) <= set(ROLES):
        faults["roles"] = "unknown"
    if any(not 1 <= level <= 10 for level in person.skills.values()):
        faults["skills"] = "out-of-range"
    return faults


def _queue_faults(queue: QueueSettings, strategies: Sequence[str]) -> dict[str, str]:
    faults: dict[str, str] = {}
    if not queue.slug or not queue.slug.replace("-", "").replace("_", "").isalnum():
        faults["slug"] = "invalid"
    if queue.strategy not in strategies:
        faults["strategy"] = "unknown"
    if not 1 <= queue.ring_s <= 600:
        faults["ring_s"] = "out-of-range"
    for field in ("wrap_up_s", "max_wait_s", "last_agent_s", "short_abandon_s"):
        if not 0 <= getattr(queue, field) <= 86_400:
            faults[field] = "out-of-range"
    if not 0 < queue.service_level_s <= 3600:
        faults["service_level_s"] = "out-of-range"
    if not 0 <= queue.service_level_target <= 1:
        faults["service_level_target"] = "out-of-range"
    if queue.max_waiting < 0:
        faults["max_waiting"] = "out-of-range"
    if any(not 1 <= level <= 10 for level in queue.skills.values()):
        faults["skills"] = "out-of-range"
    _demand_faults(queue, faults)
    for field, least, most in (
        ("aging_s", 0, 86_400),
        ("call_share", 0, HIGHEST_SHARE),
        ("seed", 0, 2**31 - 1),
        ("max_estimate_s", 0, 86_400),
        ("max_ratio", 0, 1000),
    ):
        if not least <= getattr(queue, field) <= most:
            faults[field] = "out-of-range"
    if any(not 1 <= share <= HIGHEST_SHARE for share in queue.shares.values()):
        faults["shares"] = "out-of-range"
    if queue.call_rule not in set(CallRule):
        faults["call_rule"] = "unknown"
    if queue.no_agents not in set(NoAgents):
        faults["no_agents"] = "unknown"
    if set(queue.absent) - _MAY_COUNT_AS_ABSENT:
        faults["absent"] = "unknown"
    return faults


def _demand_faults(queue: QueueSettings, faults: dict[str, str]) -> None:
    """Expressions that cannot be read, and steps that go back in time."""
    last = -1.0
    for step in queue.widening:
        if not last < step.after_s <= 86_400 or step.after_s < 0:
            faults["widening"] = "out-of-range"
        last = step.after_s
    texts = [("widening", step.skill_expression) for step in queue.widening]
    for field, text in (*texts, ("skill_expression", queue.skill_expression)):
        try:
            parse(text)
        except ExpressionFault:
            faults[field] = "invalid"


def _refuse(faults: dict[str, str]) -> None:
    if faults:
        raise ServiceError(
            "invalid", "Some values are not usable.", "部分数值无效。", fields=faults
        )
