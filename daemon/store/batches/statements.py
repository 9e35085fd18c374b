"""The statements of history: rows that are inserted, or replace those of the same id."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, get_origin

import msgspec

from daemon.store.rows import ROW_TYPES, Row

APPLIED_TABLE: Final = ("applied_sequence", ("id", "sequence"))


class WentBack(Exception):
    """The database lost commits that it had confirmed: a standby took over that lacked them."""

    def __init__(self, applied: int) -> None:
        super().__init__(f"the database is at {applied} again")
        self.applied = applied
        """The last journal number that it has."""


Tables = dict[type[Row], list[Sequence[object]]]
"""Rows of one batch by table, each as the values of its columns."""


@cache
def insert(table: str, columns: tuple[str, ...], rows: int = 1, dialect: str = "sqlite") -> str:
    """Insert so many rows, or replace those that have their ids."""
    marks = ", ".join(
        f"${number}" if dialect == "postgres" else "?" for number in range(1, len(columns) + 1)
    )
    every = ", ".join([f"({marks})"] * rows)
    names = ", ".join(f'"{column}"' for column in columns)
    updates = ", ".join(f'"{column}"=excluded."{column}"' for column in columns if column != "id")
    return (
        f'INSERT INTO "{table}" ({names}) VALUES {every} '  # noqa: S608 - our names
        f'ON CONFLICT ("id") DO UPDATE SET {updates}'
    )


def values(row: Row) -> Sequence[object]:
    """A row's values in the order of its columns; what is no scalar becomes JSON."""
    found = msgspec.structs.astuple(row)
    structured = _STRUCTURED.get(type(row))
    if not structured:
        return found
    changed = list(found)
    for place in structured:
        changed[place] = _encode(found[place]).decode()
    return changed


def _places(kind: type[Row]) -> tuple[int, ...]:
    fields = msgspec.structs.fields(kind)
    return tuple(at for at, field in enumerate(fields) if get_origin(field.type) in (dict, tuple))


_encode: Final[Callable[[object], bytes]] = msgspec.json.Encoder().encode
_STRUCTURED: Final[dict[type[Row], tuple[int, ...]]] = {kind: _places(kind) for kind in ROW_TYPES}
"""Which columns hold JSON, by number."""
