"""Who did what: kept beside the request, written behind it."""

import asyncio
from collections.abc import Callable

import structlog
from tortoise.exceptions import BaseORMException

from daemon.service.messages import Actor
from daemon.store.audit import AuditEntry
from daemon.store.rows import milliseconds

log = structlog.get_logger()


class AuditLog:
    """Writes who did what, behind the request."""

    def __init__(self, clock: Callable[[], float], ids: Callable[[], int]) -> None:
        self._clock = clock
        self._ids = ids
        self._queue: asyncio.Queue[AuditEntry] = asyncio.Queue(maxsize=10_000)

    def note(self, actor: Actor, action: str, subject: str = "") -> None:
        """Note an act; never waits. A full queue is a fault and is logged with the act."""
        entry = AuditEntry(
            id=self._ids(),
            at_ms=milliseconds(self._clock()),
            actor=actor.login[:64],
            action=action,
            subject=subject[:128],
            address=actor.address[:64],
            detail={"via": actor.via},
        )
        try:
            self._queue.put_nowait(entry)
        except asyncio.QueueFull:
            log.error("audit entry not stored", actor=actor.login, action=action, subject=subject)

    async def stored(self) -> None:
        """Return when every act noted so far is stored or was refused by the database."""
        await self._queue.join()

    async def run(self) -> None:
        """Store entries until cancelled."""
        while True:
            entry = await self._queue.get()
            try:
                await entry.save(force_create=True)
            except BaseORMException as error:
                log.error(
                    "audit entry not stored", actor=entry.actor, action=entry.action, why=str(error)
                )
            self._queue.task_done()
