"""Batches of rows into a SQLite file: one hand-over to a thread and few statements a batch.

The module ``sqlite3`` lets other threads run around each row that it steps, and waits for its
turn again: with a busy loop beside it that costs more than the rows. So many rows go in one
statement, in a few fixed numbers, which are prepared once.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError

from daemon.store.batches.statements import APPLIED_TABLE, Tables, insert

AT_ONCE: Final = (64, 16, 4, 1)
"""Rows in one statement; 64 of the widest table have 1500 values, SQLite takes 32766."""


class SqliteBatches:
    """A connection of its own beside the models', which wait while it writes."""

    def __init__(self, models: BaseDBAsyncClient, connection: sqlite3.Connection) -> None:
        self._models = models
        self._connection = connection

    @classmethod
    async def open(cls, database: Path, models: BaseDBAsyncClient) -> "SqliteBatches":
        """Connect, as patient with other writers as the models are; sqlite3.Error else."""
        [patience] = await models.execute_query_dict("PRAGMA busy_timeout")

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
            for pragma in (
                f"busy_timeout={patience['timeout']}",
                "synchronous=NORMAL",
                "foreign_keys=ON",
            ):
                connection.execute(f"PRAGMA {pragma}").close()
            return connection

        return cls(models, await asyncio.to_thread(connect))

    async def write(self, tables: Tables, applied: int) -> None:
        """Write all or nothing; IntegrityError when a row cannot be stored, else sqlite3.Error."""
        # Two writers of one process would refuse each other what they had read before.
        async with self._models.acquire_connection():
            await asyncio.to_thread(self._write, tables, applied)

    async def close(self) -> None:
        """Close the connection; closing twice is harmless."""
        await asyncio.to_thread(self._connection.close)

    def _write(self, tables: Tables, applied: int) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for kind, rows in tables.items():
                for part in _parts(rows):
                    values: list[Any] = []
                    for row in part:
                        values += row
                    connection.execute(
                        insert(kind.table, kind.__struct_fields__, len(part)), values
                    )
            connection.execute(insert(*APPLIED_TABLE, 1), (1, applied))
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.IntegrityError):
                raise IntegrityError(error) from error
            raise


def _parts(rows: Sequence[Sequence[object]]) -> Iterator[Sequence[Sequence[object]]]:
    start = 0
    for size in AT_ONCE:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size
