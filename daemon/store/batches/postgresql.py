"""Batches of rows into PostgreSQL: one statement a table, its columns as arrays.

The statements are the same whatever the number of rows, so each is planned once a connection.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

import asyncpg
from tortoise.exceptions import BaseORMException, DBConnectionError, IntegrityError
from tortoise.models import Model

from daemon.logs import get_logger
from daemon.store import history
from daemon.store.batches.statements import APPLIED_TABLE, Tables, WentBack, insert
from daemon.store.postgresql.asyncpg_client import CONNECT_S, SESSION
from daemon.store.postgresql.faults import is_of_a_value, translated
from daemon.store.postgresql.fitting import fit_json, fit_text
from daemon.store.rows import Row

log = get_logger(__name__)

STATEMENT_S: Final = 20.0
"""A server that does not answer for so long is away: a batch takes a hundredth of it."""
WRITER_LOCK: Final = 0x686F6F6B666C6173
"""Advisory lock of who writes history: two would leave out each other's rows."""
SETTINGS: Final = {
    **SESSION,
    "application_name": "hookflash history",
    "lock_timeout": "10s",  # for the connection of a control that was killed to end
}
_ARRAYS: Final = {int: "bigint[]", str: "text[]", float: "float8[]", bool: "boolean[]"}
_HOLDER: Final = (
    "SELECT coalesce(host(a.client_addr), 'this host') FROM pg_locks l "
    "JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.classid::bigint << 32) + l.objid::bigint = $1"
)


class PostgresqlBatches:
    """A connection of its own, made again whenever it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()
        self._applied = 0
        """The last journal number that the server confirmed to this process."""

    @classmethod
    async def open(cls, url: str) -> "PostgresqlBatches":
        """Connect as the only writer; DBConnectionError when it cannot, or is not alone."""
        batches = cls(url)
        await batches._connected()
        return batches

    async def write(self, tables: Tables, applied: int) -> None:
        """Write all or nothing; IntegrityError when a row cannot be stored, else BaseORMException.

        A row alone that does not fit is cut to the width of its columns. WentBack, once, when
        the server that is connected to anew lacks what was written before.
        """
        async with self._lock:
            await self._write_or_fit(tables, applied)

    async def close(self) -> None:
        """Close the connection; closing twice is harmless."""
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        try:
            await connection.close(timeout=CONNECT_S)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.terminate()

    async def _write_or_fit(self, tables: Tables, applied: int) -> None:
        try:
            await self._write(tables, applied)
        except BaseORMException as error:
            if not is_of_a_value(error.__cause__):
                raise
            if sum(map(len, tables.values())) > 1:
                raise IntegrityError(error) from error
        else:
            return
        [(kind, [row])] = tables.items()
        try:
            await self._write({kind: [fitted(kind, row)]}, applied)
        except BaseORMException as error:
            if is_of_a_value(error.__cause__):
                raise IntegrityError(error) from error
            raise
        log.warning("row did not fit its columns and was cut", table=kind.table, id=row[0])

    async def _write(self, tables: Tables, applied: int) -> None:
        connection = await self._connected()
        try:
            with translated():
                async with connection.transaction():
                    for kind, rows in tables.items():
                        # What came back from a spill file may hold a row in several forms.
                        newest = {row[0]: row for row in rows}.values()
                        await connection.execute(insert_arrays(kind), *zip(*newest, strict=True))
                    await connection.execute(insert(*APPLIED_TABLE, 1, "postgres"), 1, applied)
        except BaseORMException as error:
            # Anew, even when it answers: it may be a server that writes no more, and the name
            # leads to another one by now.
            if not is_of_a_value(error.__cause__):
                self._connection = None
                connection.terminate()
            raise
        self._applied = applied

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        connection = self._connection = await connect_as_writer(self._url)
        with translated():
            found = await connection.fetchval("SELECT sequence FROM applied_sequence WHERE id = 1")
        before, self._applied = self._applied, max(found or 0, 0)
        if self._applied < before:
            raise WentBack(self._applied)
        return connection


async def connect_as_writer(url: str, *, statement_s: float = STATEMENT_S) -> asyncpg.Connection:
    """A connection that holds the writer's lock; DBConnectionError when another one does."""
    with translated():
        connection = await asyncpg.connect(
            url, timeout=CONNECT_S, command_timeout=statement_s, server_settings=SETTINGS
        )
        try:
            await connection.execute(f"SELECT pg_advisory_lock({WRITER_LOCK})")
        except asyncpg.LockNotAvailableError:
            other = await connection.fetchval(_HOLDER, WRITER_LOCK)
            connection.terminate()
            raise DBConnectionError(
                f"another hotline writes to this database, from {other}; each needs its own"
            ) from None
        except BaseException:
            connection.terminate()
            raise
    return connection


@cache
def insert_arrays(kind: type[Row]) -> str:
    """Insert the rows whose columns are the arguments, or replace those that have their ids."""
    columns = kind.__struct_fields__
    types = get_type_hints(kind)
    arrays, taken = [], []
    for number, column in enumerate(columns, 1):
        array = _ARRAYS.get(_plain(types[column]))
        arrays.append(f"${number}::{array or 'text[]'}")
        taken.append(f'"{column}"' if array else f'"{column}"::jsonb')
    names = ", ".join(f'"{column}"' for column in columns)
    updates = ", ".join(f'"{column}"=excluded."{column}"' for column in columns if column != "id")
    return (
        f'INSERT INTO "{kind.table}" ({names}) SELECT {", ".join(taken)} '  # noqa: S608 - our names
        f"FROM unnest({', '.join(arrays)}) AS rows ({names}) "
        f'ON CONFLICT ("id") DO UPDATE SET {updates}'
    )


def fitted(kind: type[Row], row: Sequence[object]) -> Sequence[object]:
    """A row with its texts cut to the width of their columns, and without NUL."""
    widths = _widths(kind)
    return [
        _fitted(value, widths.get(column))
        for column, value in zip(kind.__struct_fields__, row, strict=True)
    ]


def _fitted(value: object, width: int | None) -> object:
    if not isinstance(value, str):
        return value
    # What has no width is JSON.
    return fit_json(value) if width is None else fit_text(value, width)


def _plain(kind: Any) -> Any:
    """The type of a column that may be null."""
    if get_origin(kind) is UnionType:
        [kind] = [each for each in get_args(kind) if each is not type(None)]
    return kind


@cache
def _widths(kind: type[Row]) -> dict[str, int]:
    [model] = [each for each in vars(history).values() if _is_model_of(each, kind.table)]
    fields = model._meta.fields_map
    return {
        name: field.max_length for name, field in fields.items() if hasattr(field, "max_length")
    }


def _is_model_of(thing: object, table: str) -> bool:
    return isinstance(thing, type) and issubclass(thing, Model) and thing._meta.db_table == table
