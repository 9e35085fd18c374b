"""The change ledger: every change of a setting stored with its line, and taken back.

A change and its line are written in one transaction, then ``reload`` puts it in force;
calls in progress and waiting callers keep their places.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from tortoise.transactions import in_transaction

from daemon.control.facade.settings.things import Thing
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor, Applied, ChangeEntry
from daemon.store.audit import Change
from daemon.store.rows import milliseconds

MOST_CHANGES: Final = 1000


class Ledger:
    """Stores and removes things, each with a line of who did it."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        reload: Callable[[], Awaitable[None]],
        busy: Callable[[str, str], str],
    ) -> None:
        """``busy(kind, key)`` says why a thing cannot be removed now; empty when it can."""
        self._clock = clock
        self._reload = reload
        self._busy = busy

    async def put(
        self,
        thing: Thing[Any],
        actor: Actor,
        key: str,
        new: Any,
        *,
        note: str = "",
        also: Callable[[], Awaitable[None]] | None = None,
    ) -> Applied:
        """Add or change a thing, with what else belongs to it in the same transaction."""
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
            if also is not None:
                await also()
            change = await self._note(actor, thing.kind, key, old, stored, note)
        await self._reload()
        return Applied(stored.version, change)

    async def delete(self, thing: Thing[Any], actor: Actor, key: str, *, note: str = "") -> Applied:
        """Remove a thing that nothing uses."""
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

    async def changes(self, limit: int) -> Sequence[ChangeEntry]:
        """The ledger, newest first."""
        rows = await Change.all().order_by("-id").limit(min(max(limit, 1), MOST_CHANGES))
        return [_entry(row) for row in rows]

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
