"""Rows of history on their way: each is journaled before the history writer has it.

A row is journaled, then handed to the history writer, which commits it together with the
journal's sequence number. After a crash the rows behind that number are handed over again,
so each is in the database exactly once.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import msgspec
import structlog

from daemon.control.journaled.files import Record
from daemon.store.rows import HistoryRow

log = structlog.get_logger()

JOURNAL_KIND: Final = "row"

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[HistoryRow] = msgspec.msgpack.Decoder(HistoryRow)


class RowJournal(Protocol):
    """The part of the journal that records need."""

    def append(self, kind: str, payload: bytes, now: float) -> int:
        """Append one record and return its sequence number."""


class RowSink(Protocol):
    """Where rows go once they are journaled: the history writer."""

    def write(self, row: HistoryRow, sequence: int) -> None:
        """Take one row; never waits."""


def encode_row(row: HistoryRow) -> bytes:
    """Write a row for the journal."""
    return _encode(row)


def decode_row(payload: bytes) -> HistoryRow:
    """Read a journaled row; raise msgspec.DecodeError on anything else."""
    return _decoder.decode(payload)


def rows_among(records: Iterable[Record]) -> Iterator[tuple[int, HistoryRow]]:
    """The rows of a journal with the numbers of their records; what is none is left out."""
    for record in records:
        if record.kind == JOURNAL_KIND:
            try:
                yield record.sequence, decode_row(record.payload)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                # Recovery counts it and tells of it too.
                log.error("journaled row not understood", sequence=record.sequence, why=str(error))


class JournaledRows:
    """Where rows are written."""

    def __init__(self, journal: RowJournal, sink: RowSink, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._sink = sink
        self._clock = clock

    def write(self, row: HistoryRow) -> None:
        """Write one row."""
        sequence = self._journal.append(JOURNAL_KIND, _encode(row), self._clock())
        self._sink.write(row, sequence)
