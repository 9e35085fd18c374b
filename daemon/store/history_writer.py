"""Writes history behind the calls: ``write`` never waits, rows reach the database in batches.

Each batch is one transaction: rows, replaced by id, together with the number of the last
journal record they came from. A restart hands over the rows behind that number again, so
each is written exactly once. While the database is away rows wait in memory, then in the
spill file; calls never notice.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from tortoise.exceptions import BaseORMException, IntegrityError

from daemon.errors import JournalError, StoreError
from daemon.language import pick
from daemon.logs import get_logger
from daemon.store.batches.opening import Batches, open_batches
from daemon.store.batches.statements import Tables, WentBack, values
from daemon.store.connection import Store
from daemon.store.history import UNFINISHED_COPY, AppliedSequence
from daemon.store.postgresql.address import shown
from daemon.store.rows import HistoryRow
from daemon.store.spill import Numbered, Spill

RETRY_FIRST_S: Final = 0.5
RETRY_LIMIT_S: Final = 30.0

log = get_logger(__name__)


Again = Callable[[int], Iterable[tuple[int, HistoryRow]]]
"""Gives the rows of the journal behind a number once more, each with its own."""


def nothing() -> None:
    """For journals that have a record as soon as it is given to them."""


def no_more(after: int) -> Iterable[tuple[int, HistoryRow]]:
    """For writers without a journal to read again."""
    return ()


class HistoryWriter:
    """The only writer of the history tables; one a process, in control.

    ``settle`` is called before rows are stored: the journal has their records by then.
    ``again`` is asked when the database has lost rows that it had; it is read in a thread.
    """

    def __init__(
        self,
        store: Store,
        spill_directory: Path,
        *,
        batch_rows: int = 2000,
        batch_ms: int = 500,
        waiting_rows: int = 20_000,
        settle: Callable[[], None] = nothing,
        again: Again = no_more,
    ) -> None:
        self._store = store
        self._settle = settle
        self._again = again
        self._spill = Spill(spill_directory)
        self._batch_rows = batch_rows
        self._batch_s = batch_ms / 1000
        self._waiting_rows = waiting_rows
        # In the order of their sequence numbers: a newer form of a row takes its place at
        # the end, so all rows up to the number of a written one are written.
        self._waiting: dict[tuple[str, int], Numbered] = {}
        self._wake = asyncio.Event()
        self._flushes: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._batches: Batches | None = None
        self._closing = False
        self._spilled = True
        """Whether there may be a spill file."""
        self._went_back_to: int | None = None
        """The number that the database fell back to, until the rows behind it wait again."""
        self.applied_sequence = 0
        """Every row up to this journal number is in the database."""
        self._counts = dict.fromkeys(("rows", "batches", "spilled", "failures", "refused"), 0)

    async def start(self, newest: int | None = None) -> int:
        """Write what a former run spilled, begin, and return ``applied_sequence``.

        ``newest`` is the number of the journal's last record: a database that knows greater
        ones served another journal, and would leave out rows of this one.
        """
        try:
            self._batches = await open_batches(self._store)
            try:
                with self._store.current():
                    await self._begin(newest)
            except BaseException:
                await self._batches.close()
                raise
        except (BaseORMException, OSError, sqlite3.Error) as error:
            raise StoreError(f"{shown(self._store.database)}: {error}") from error
        return self.applied_sequence

    async def _begin(self, newest: int | None) -> None:
        found = await AppliedSequence.get_or_none(id=1)
        self.applied_sequence = found.sequence if found else 0
        if self.applied_sequence == UNFINISHED_COPY:
            raise StoreError(_unfinished(self._store.database))
        await self._drain_spill()
        if newest is not None and self.applied_sequence > newest:
            log.warning("journal began anew", database=self.applied_sequence, journal=newest)
            self.applied_sequence = newest
        self._task = asyncio.create_task(self._run(), name="history writer")

    def write(self, row: HistoryRow, sequence: int) -> None:
        """Take one row that came from journal record ``sequence``; never waits.

        A row at or below ``applied_sequence`` is in the database already and is left out.
        """
        if sequence <= self.applied_sequence:
            return
        key = (row.table, row.id)
        self._waiting.pop(key, None)
        self._waiting[key] = Numbered(sequence, row)
        # To wake the writer for each of a call's thirty rows costs more than to write them.
        if len(self._waiting) == 1 or len(self._waiting) >= self._waiting_rows:
            self._wake.set()

    async def flush(self) -> None:
        """Return when all rows taken so far are in the database, or safe in the spill file."""
        if self._task is None or self._task.done():
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.append(done)
        self._wake.set()
        await done

    async def close(self) -> None:
        """Write or spill what waits, and end; closing twice is harmless."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._batches is not None:
            await self._batches.close()

    def counters(self) -> dict[str, int]:
        """Rows and batches written, rows spilled or refused, failures, rows waiting now."""
        return {**self._counts, "waiting": len(self._waiting)}

    async def _run(self) -> None:
        retry_s = RETRY_FIRST_S
        while not (self._closing and not self._waiting):
            await self._wait()
            flushes, self._flushes = self._flushes, []
            try:
                await self._write_all()
            except WentBack as lost:
                self._went_back_to = lost.applied
                self._flushes = flushes + self._flushes
                self._wake.set()
            except (BaseORMException, OSError, sqlite3.Error, JournalError) as error:
                self._counts["failures"] += 1
                log.error("database away", error=str(error), waiting=len(self._waiting))
                await self._keep_safe()
                _tell(flushes)
                await self._pause(retry_s)
                retry_s = min(retry_s * 2, RETRY_LIMIT_S)
            else:
                retry_s = RETRY_FIRST_S
                _tell(flushes)
                if self._waiting or self._flushes or self._closing:
                    self._wake.set()
        _tell(self._flushes)

    async def _wait(self) -> None:
        await self._wake.wait()
        self._wake.clear()
        if len(self._waiting) < self._batch_rows and not (self._flushes or self._closing):
            await self._pause(self._batch_s)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when a flush or the end is asked for."""
        try:
            async with asyncio.timeout(seconds):
                while not (self._flushes or self._closing):
                    await self._wake.wait()
                    self._wake.clear()
                    if len(self._waiting) >= self._waiting_rows:
                        break
        except TimeoutError:
            pass
        if self._waiting or self._flushes or self._closing or self._spilled:
            self._wake.set()

    async def _write_all(self) -> None:
        """Write what waits now; what comes meanwhile waits in turn, for newer forms of it."""
        if self._went_back_to is not None:
            await self._go_back(self._went_back_to)
            self._went_back_to = None
        await self._drain_spill()
        left = len(self._waiting)
        while left > 0 and self._waiting:
            batch = list(islice(self._waiting.values(), min(left, self._batch_rows)))
            await self._commit(batch)
            self._forget(batch)
            left -= len(batch)

    async def _go_back(self, applied: int) -> None:
        """Take the rows behind a number from the journal again, before those that wait.

        Those in the spill file are among them: it is written first, and may hold older forms.
        """
        written = self.applied_sequence
        rows = await asyncio.to_thread(list, self._again(applied))
        lost: dict[tuple[str, int], Numbered] = {}
        for sequence, row in rows:
            lost.pop((row.table, row.id), None)
            lost[row.table, row.id] = Numbered(sequence, row)
        log.error("database went back", had=written, has=applied, rows=len(lost))
        newer = self._waiting.keys()
        older = {key: numbered for key, numbered in lost.items() if key not in newer}
        self._waiting = older | self._waiting
        self.applied_sequence = applied

    def _forget(self, batch: Iterable[Numbered]) -> None:
        for numbered in batch:
            key = (numbered.row.table, numbered.row.id)
            # While the batch was written a newer form may have taken the row's place.
            if self._waiting.get(key) is numbered:
                del self._waiting[key]

    async def _commit(self, batch: Sequence[Numbered]) -> None:
        await self._store_what_can_be(batch)
        self._counts["batches"] += 1

    async def _store_what_can_be(self, rows: Sequence[Numbered]) -> None:
        try:
            await self._transact(rows)
        except IntegrityError as error:
            # One row cannot be stored; it must not keep the others from being stored.
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._store_what_can_be(rows[:middle])
                await self._store_what_can_be(rows[middle:])
                return
            self._counts["refused"] += 1
            log.error("row refused", row=repr(rows[0].row), error=str(error))

    async def _transact(self, batch: Sequence[Numbered]) -> None:
        tables: Tables = {}
        for numbered in batch:
            tables.setdefault(type(numbered.row), []).append(values(numbered.row))
        last = max(self.applied_sequence, *(numbered.sequence for numbered in batch))
        self._settle()
        assert self._batches is not None
        await self._batches.write(tables, last)
        self.applied_sequence = last
        self._counts["rows"] += len(batch)

    async def _drain_spill(self) -> None:
        if not self._spilled:
            return
        self._spilled = await asyncio.to_thread(self._spill.exists)
        if not self._spilled:
            return
        rows = await asyncio.to_thread(self._spill.read)
        fresh = [row for row in rows if row.sequence > self.applied_sequence]
        for start in range(0, len(fresh), self._batch_rows):
            await self._commit(fresh[start : start + self._batch_rows])
        await asyncio.to_thread(self._spill.remove)
        self._spilled = False

    async def _keep_safe(self) -> None:
        if len(self._waiting) < self._waiting_rows and not self._closing:
            return
        batch = list(self._waiting.values())
        self._spilled = True
        try:
            self._settle()
            await asyncio.to_thread(self._spill.append, batch)
        except (OSError, JournalError) as error:
            # The journal has every row; a restart hands them over again.
            log.error("spill file not writable", error=str(error), rows=len(batch))
            if not self._closing:
                return
        self._counts["spilled"] += len(batch)
        self._forget(batch)


def _unfinished(database: Path | str) -> str:
    return pick(
        f"{shown(database)}: only a part of the site's records was copied there; "
        "`hookflash copy-records` goes on",
        f"{shown(database)}：站点记录只复制了一部分；`hookflash copy-records` 可继续",
    )


def _tell(flushes: Iterable[asyncio.Future[None]]) -> None:
    for done in flushes:
        if not done.done():
            done.set_result(None)
