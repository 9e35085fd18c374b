"""Opens the way on which batches of history reach a database, by its kind."""

from pathlib import Path
from typing import Protocol

from daemon.store.batches.sqlite_file import SqliteBatches
from daemon.store.batches.statements import Tables
from daemon.store.connection import Store


class Batches(Protocol):
    """Writes batches, each whole or not at all, together with the number of its last record."""

    async def write(self, tables: Tables, applied: int) -> None:
        """IntegrityError when one of the rows cannot be stored; else the database is away.

        WentBack, once, when it has lost what it had; nothing is written then.
        """

    async def close(self) -> None:
        """Close the connection."""


async def open_batches(store: Store) -> Batches:
    """Connect beside the models of an open database; BaseORMException or sqlite3.Error else."""
    if isinstance(store.database, Path):
        return await SqliteBatches.open(store.database, store.connection)
    # PostgreSQL's driver is there only where it is used.
    from daemon.store.batches.postgresql import PostgresqlBatches

    return await PostgresqlBatches.open(store.database)
