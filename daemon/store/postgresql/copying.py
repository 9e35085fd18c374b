"""Copies everything a site keeps in SQLite into PostgreSQL; goes on where it was interrupted.

Records go in the order of their ids, each batch in a transaction: what is there up to the
greatest id is complete. Settings go last, all at once and together with the number of the last
journal record. Until then that number says that the copy is unfinished, and no hotline starts.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from tortoise import fields
from tortoise.exceptions import BaseORMException
from tortoise.models import Model

from daemon.errors import StoreError
from daemon.language import pick
from daemon.store import audit, history
from daemon.store.batches.postgresql import connect_as_writer
from daemon.store.connection import open_store
from daemon.store.history import UNFINISHED_COPY
from daemon.store.postgresql.address import shown
from daemon.store.postgresql.asyncpg_client import CONNECT_S
from daemon.store.postgresql.faults import translated
from daemon.store.postgresql.fitting import fit_json, fit_text

BATCH: Final = 2000
STATEMENT_S: Final = 300.0
RECORDS: Final[tuple[type[Model], ...]] = (
    history.Call,
    history.Segment,
    history.Stream,
    history.QueueVisit,
    history.AgentState,
    history.Recording,
    audit.AuditEntry,
    audit.Change,
)
"""Tables that only grow, by ids that the program gives."""
_TYPES: Final = (
    (fields.BooleanField, "boolean"),
    (fields.FloatField, "float8"),
    (fields.BigIntField, "bigint"),
    (fields.IntField, "bigint"),
)

Progress = Callable[[str, int, int], None]
"""Told the table, how many of its rows are there, and how many there will be."""


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What is in PostgreSQL now."""

    database: str
    """As ``shown``."""
    rows: dict[str, int]
    """By table."""
    copied: int
    """Rows of this run."""
    resumed: bool
    """An earlier run had copied the others."""
    cut: int
    """Rows with a text that PostgreSQL would not take whole."""


class _Column(msgspec.Struct, frozen=True):
    name: str
    array: str
    """Type of the argument, ``text`` for what PostgreSQL converts itself."""
    json: bool
    width: int | None

    def fit(self, value: object) -> object:
        if value is None:
            return None
        if self.array == "boolean":
            return bool(value)
        if isinstance(value, str):
            return fit_json(value) if self.json else fit_text(value, self.width)
        return value


class _Table(msgspec.Struct, frozen=True):
    name: str
    columns: tuple[_Column, ...]
    numbered: bool
    """Whether the database gives the ids."""

    @property
    def names(self) -> str:
        return ", ".join(f'"{column.name}"' for column in self.columns)

    def insert(self) -> str:
        arrays = (f"${n}::{column.array}[]" for n, column in enumerate(self.columns, 1))
        taken = (f'"{column.name}"' + "::jsonb" * column.json for column in self.columns)
        return (
            f'INSERT INTO "{self.name}" ({self.names}) SELECT {", ".join(taken)} '  # noqa: S608
            f"FROM unnest({', '.join(arrays)}) AS rows ({self.names})"
        )


async def copy_records(
    source: Path, url: str, progress: Progress, *, batch_rows: int = BATCH
) -> Copied:
    """Copy a SQLite file into the PostgreSQL database of a URL that nobody else writes to.

    Raises StoreError when either cannot be used, or when the target holds other records.
    """
    # Both get the tables of this version first.
    await (await open_store(source)).close()
    target = await open_store(url)
    try:
        tables = {model: _table(model) for model in _by_need(target.apps["store"].values())}
    finally:
        await target.close()
    try:
        with translated():
            connection = await connect_as_writer(url, statement_s=STATEMENT_S)
            try:
                copy = _Copy(source, connection, tables, progress, batch_rows)
                return await copy.run(shown(url))
            finally:
                await connection.close(timeout=CONNECT_S)
    except (BaseORMException, sqlite3.Error) as error:
        raise StoreError(f"{shown(url)}: {error}") from error


class _Copy:
    def __init__(
        self,
        source: Path,
        target: asyncpg.Connection,
        tables: dict[type[Model], _Table],
        progress: Progress,
        batch_rows: int,
    ) -> None:
        self._source = source
        self._target = target
        self._records = [tables[model] for model in RECORDS]
        others = (model for model in tables if model not in (*RECORDS, history.AppliedSequence))
        self._settings = [tables[model] for model in others]
        self._progress = progress
        self._batch_rows = batch_rows
        self._copied = 0
        self._cut = 0

    async def run(self, name: str) -> Copied:
        resumed = await self._begin(name)
        for table in self._records:
            await self._grow(table)
        applied = await self._read("SELECT sequence FROM applied_sequence WHERE id = 1")
        async with self._target.transaction():
            everything = ", ".join(f'"{table.name}"' for table in self._settings)
            await self._target.execute(f"TRUNCATE {everything}")
            for table in self._settings:
                await self._replace(table)
            # Before the mark, which lets the hotline start on what is there.
            rows = await self._compared(name)
            await self._mark(applied[0][0] if applied else 0)
        return Copied(
            database=name,
            rows=rows,
            copied=self._copied,
            resumed=resumed,
            cut=self._cut,
        )

    async def _begin(self, name: str) -> bool:
        """Whether an earlier run began; StoreError when the target is not ours to fill."""
        found = await self._target.fetchval("SELECT sequence FROM applied_sequence WHERE id = 1")
        for table in self._records:
            sql = f'SELECT count(*), coalesce(max(id), 0) FROM "{table.name}"'  # noqa: S608
            there, last = await self._target.fetchrow(sql)
            sql = f'SELECT count(*) FROM "{table.name}" WHERE id <= ?'  # noqa: S608
            [(here,)] = await self._read(sql, last)
            if there and (found != UNFINISHED_COPY or here != there):
                raise StoreError(
                    pick(
                        f"{name}: holds other records already; copy into an empty database",
                        f"{name}：已有其他记录；请复制到空数据库",
                    )
                )
        if found not in (None, UNFINISHED_COPY):
            raise StoreError(
                pick(
                    f"{name}: a hotline has run on it already; copy into an empty database",
                    f"{name}：已有热线在其上运行过；请复制到空数据库",
                )
            )
        await self._mark(UNFINISHED_COPY)
        return found is not None

    async def _mark(self, sequence: int) -> None:
        await self._target.execute(
            "INSERT INTO applied_sequence (id, sequence) VALUES (1, $1) "
            "ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence",
            sequence,
        )

    async def _grow(self, table: _Table) -> None:
        sql = f'SELECT count(*), coalesce(max(id), -1) FROM "{table.name}"'  # noqa: S608
        there, last = await self._target.fetchrow(sql)
        [(total,)] = await self._read(f'SELECT count(*) FROM "{table.name}"')  # noqa: S608
        self._progress(table.name, there, total)
        select = f'SELECT {table.names} FROM "{table.name}" WHERE id > ? ORDER BY id LIMIT ?'  # noqa: S608
        key = [column.name for column in table.columns].index("id")
        while rows := await self._read(select, last, self._batch_rows):
            await self._insert(table, rows)
            last = rows[-1][key]
            there += len(rows)
            self._progress(table.name, there, total)

    async def _replace(self, table: _Table) -> None:
        rows = await self._read(f'SELECT {table.names} FROM "{table.name}"')  # noqa: S608
        for start in range(0, len(rows), self._batch_rows):
            await self._insert(table, rows[start : start + self._batch_rows])
        if table.numbered:
            await self._target.execute(
                f"SELECT setval(pg_get_serial_sequence('\"{table.name}\"', 'id'), "  # noqa: S608
                f'coalesce(max(id), 1), max(id) IS NOT NULL) FROM "{table.name}"'
            )
        self._progress(table.name, len(rows), len(rows))

    async def _insert(self, table: _Table, rows: Sequence[Sequence[object]]) -> None:
        fitted = [
            tuple(column.fit(value) for column, value in zip(table.columns, row, strict=True))
            for row in rows
        ]
        self._cut += sum(
            any(isinstance(value, str) and value != was for value, was in zip(*pair, strict=True))
            for pair in zip(fitted, rows, strict=True)
        )
        await self._target.execute(table.insert(), *zip(*fitted, strict=True))
        self._copied += len(rows)

    async def _compared(self, name: str) -> dict[str, int]:
        """Rows of each table; StoreError when one has others than the source."""
        counts = {}
        for table in (*self._records, *self._settings):
            sql = f'SELECT count(*) FROM "{table.name}"'  # noqa: S608
            [(here,)] = await self._read(sql)
            counts[table.name] = there = int(await self._target.fetchval(sql))
            if here != there:
                raise StoreError(
                    pick(
                        f"{name}: {table.name} has {there} rows, {self._source} {here}; "
                        "was the hotline running?",
                        f"{name}：{table.name} 有 {there} 行，{self._source} 有 {here} 行；"
                        "热线是否仍在运行？",
                    )
                )
        return counts

    async def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        def read() -> list[tuple[Any, ...]]:
            uri = f"{self._source.resolve().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                return connection.execute(sql, values).fetchall()

        return await asyncio.to_thread(read)


def _by_need(models: Iterable[type[Model]]) -> Iterator[type[Model]]:
    """Those that others refer to come before them."""
    left = dict.fromkeys(models)
    while left:
        for model in tuple(left):
            named = model._meta.fk_fields | model._meta.o2o_fields
            needed = {
                getattr(model._meta.fields_map[name], "related_model", None) for name in named
            }
            if not needed & left.keys():
                del left[model]
                yield model


def _table(model: type[Model]) -> _Table:
    meta = model._meta
    columns = []
    for name, column in meta.fields_db_projection.items():
        field = meta.fields_map[name]
        array = next((array for kind, array in _TYPES if isinstance(field, kind)), "text")
        width = getattr(field, "max_length", None)
        columns.append(_Column(column, array, isinstance(field, fields.JSONField), width))
    return _Table(meta.db_table, tuple(columns), bool(meta.generated_db_fields))
