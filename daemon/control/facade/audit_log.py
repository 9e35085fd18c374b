"""Who did what: kept beside the request, written behind it."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from tortoise.exceptions import BaseORMException, DBConnectionError

from daemon.service.messages import Actor
from daemon.store.audit import AuditEntry
from daemon.store.rows import milliseconds

log = structlog.get_logger()

RETRY_S: Final = 2.0
STORED_S: Final = 5.0
"""How long the end waits for a database that is away."""


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
        """Return when every act noted so far is stored or refused, or the database is away long."""
        try:
            async with asyncio.timeout(STORED_S):
                await self._queue.join()
        except TimeoutError:
            log.error("audit entries not stored", entries=self._queue.qsize() + 1)

    async def run(self) -> None:
        """Store entries until cancelled."""
        while True:
            entry = await self._queue.get()
            try:
                await self._store(entry)
            except BaseORMException as error:
                log.error(
                    "audit entry not stored", actor=entry.actor, action=entry.action, why=str(error)
                )
            self._queue.task_done()

    async def _store(self, entry: AuditEntry) -> None:
        while True:
            try:
                await entry.save(force_create=True)
            except DBConnectionError as error:
                log.warning("audit waits for the database", why=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                return
