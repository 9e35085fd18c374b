"""The messages of a mailbox: read from the database, marked through the journal.

What a visitor does to a message is journaled before he hears that it is done, as every other
row of history; the file of a deleted one goes when the caller hangs up, so that it can be taken
back until then. Whoever is killed in between has it removed at the next start.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

import msgspec
import structlog
from tortoise.exceptions import BaseORMException

from acd_core.ids import to_text
from daemon.control.records import Records
from daemon.recordings.retention import delete_files
from daemon.store.history import Call, Recording
from daemon.store.rows import RecordingRow, milliseconds
from ivr.voicemail.words import Message

log = structlog.get_logger()

SHORTEST_MS: Final = 1000  # ms; what is shorter is a click and a hang-up, not a message
TAKEN_BACK_MS: Final = 3_600_000  # ms after which a deletion that nobody finished stands
MOST: Final = 200  # messages that one visit offers, the oldest
SWEPT_DAYS_MS: Final = 14 * 86_400_000  # ms before a start in which deletions are looked at
MARKS: Final = 1000  # newest rows that are kept of those marked, and of those seen


class Messages:
    """What is in all mailboxes."""

    def __init__(self, site: Path, records: Records, clock: Callable[[], float]) -> None:
        self._site = site
        self._records = records
        self._clock = clock
        self._marked: dict[int, RecordingRow] = {}
        """The newest rows of ours, which the database may not have yet."""
        self._seen: dict[int, RecordingRow] = {}
        """Messages that visitors were told of last, for when the database goes away."""

    async def of(self, mailbox: str, zone: tzinfo) -> list[Message]:
        """What a visitor may hear, oldest first; BaseORMException without the database.

        What was deleted a moment ago, and whose file is still there, can be taken back.
        """
        rows = await self._rows(mailbox)
        for row in rows:
            _remember(self._seen, row)
        calls = await Call.filter(id__in={row.call_id for row in rows})
        callers = {call.id: call.ani for call in calls}
        return [
            Message(
                recording=row.id,
                left=datetime.fromtimestamp(row.started_ms / 1000, zone),
                caller=callers.get(row.call_id, ""),
                duration_s=row.duration_ms / 1000,
                heard=row.heard_ms is not None,
                deleted=row.deleted_ms is not None,
            )
            for row in rows
        ]

    async def _rows(self, mailbox: str) -> list[RecordingRow]:
        kept = Recording.filter(
            mailbox=mailbox,
            kind="message",
            ended_ms__not_isnull=True,
            duration_ms__gte=SHORTEST_MS,
        )
        since = milliseconds(self._clock()) - TAKEN_BACK_MS
        found = await kept.filter(deleted_ms__isnull=True).order_by("started_ms").limit(MOST)
        found += await kept.filter(deleted_ms__gt=since).order_by("started_ms").limit(MOST)
        rows = [self._marked.get(row.id) or _row(row) for row in found]
        rows = [row for row in rows if row.deleted_ms is None or row.deleted_ms > since]
        there = await asyncio.to_thread(lambda: {row.id for row in rows if self._has_file(row)})
        only = {row.id: row for row in rows if row.id in there or row.deleted_ms is None}
        return sorted(only.values(), key=lambda row: (row.started_ms, row.id))

    async def path(self, recording: int) -> str:
        """The file of a message relative to the site; empty when somebody has deleted it."""
        row = await self._current(recording)
        if row is None:
            return ""
        return row.path if await asyncio.to_thread(self._has_file, row) else ""

    async def mark(self, recording: int, *, heard: bool, deleted: bool) -> str:
        """Note what became of a message; its mailbox, empty when it is not there.

        One that an administrator keeps is not deleted.
        """
        row = await self._current(recording)
        if row is None:
            return ""
        now = milliseconds(self._clock())
        deleted = deleted and row.held_ms is None
        row = msgspec.structs.replace(
            row,
            heard_ms=row.heard_ms or (now if heard else None),
            deleted_ms=(row.deleted_ms or now) if deleted else None,
        )
        self._records.message_marked(row)
        _remember(self._marked, row)
        return row.mailbox

    async def any_new(self, mailbox: str) -> bool:
        """Whether a message of a mailbox was heard by nobody yet."""
        new = Recording.filter(
            mailbox=mailbox,
            kind="message",
            heard_ms__isnull=True,
            deleted_ms__isnull=True,
            ended_ms__not_isnull=True,
            duration_ms__gte=SHORTEST_MS,
        )
        rows = [self._marked.get(row.id) or _row(row) for row in await new]
        return any(row.heard_ms is None and row.deleted_ms is None for row in rows)

    async def remove(self, recording: int) -> bool:
        """Remove the file of a message that stays deleted; whether there was one."""
        row = await self._current(recording)
        if row is None or row.deleted_ms is None or row.held_ms is not None:
            return False
        if not await asyncio.to_thread(self._has_file, row):
            return False
        try:
            await asyncio.to_thread(delete_files, self._site, row.path)
        except OSError as error:
            log.error("message cannot be deleted", path=row.path, why=str(error))
            return False
        log.info("message deleted", recording=to_text(row.id), mailbox=row.mailbox)
        return True

    async def left_behind(self) -> list[int]:
        """Deleted messages whose files may still be there, of visits that a kill has ended."""
        now = milliseconds(self._clock())
        rows = Recording.filter(
            kind="message",
            deleted_ms__gt=now - SWEPT_DAYS_MS,
            deleted_ms__lte=now - TAKEN_BACK_MS,
        )
        return [row.id for row in await rows]

    def _has_file(self, row: RecordingRow) -> bool:
        return (self._site / row.path).is_file()

    async def _current(self, recording: int) -> RecordingRow | None:
        """A message as it is now: others change rows, too, such as one that is to be kept."""
        ours = self._marked.get(recording)
        try:
            found = await Recording.get_or_none(id=recording, kind="message")
        except BaseORMException as error:
            log.warning("database away, message is taken as it was", why=str(error))
            return ours or self._seen.get(recording)
        if found is None or ours is None:
            return _row(found) if found is not None else ours
        return msgspec.structs.replace(ours, held_ms=found.held_ms)


def _remember(rows: dict[int, RecordingRow], row: RecordingRow) -> None:
    rows.pop(row.id, None)
    rows[row.id] = row
    while len(rows) > MARKS:
        del rows[next(iter(rows))]


def _row(found: Recording) -> RecordingRow:
    values = {name: getattr(found, name) for name in RecordingRow.__struct_fields__}
    return RecordingRow(**values)
