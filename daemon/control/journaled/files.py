"""Files of the journal, and how they are read: ``journal/YYYYMMDD-NNNN.hfj``.

A file is ``HFJ1`` and then records. A record is a header of 25 bytes, little-endian, the
kind in UTF-8 and the payload (msgpack)::

    u32 length of kind and payload    u32 CRC-32 of all that follows
    u64 sequence number               f64 seconds since the Unix epoch
    u8 length of the kind             kind             payload

A record that a power cut tore is the last one of its file: reading stops before it, and counts
it. ``daemon/control/journal.py`` writes them; ``cython_ext/journal`` makes and reads their bytes.
"""

import re
import struct
import sys
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from cython_ext.journal import record_at
from daemon.errors import JournalError

MAGIC: Final = b"HFJ1"
SNAPSHOT: Final = "snapshot"
"""Kind of the records that hold the whole state: what is older is not needed to recover."""
FIRST_READ: Final = 4096  # bytes that usually hold a file's first record
_HEADER: Final = struct.Struct("<IIQdB")
_NAME: Final = re.compile(r"\d{8}-\d{4,}\.hfj")


class Record(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened."""

    sequence: int
    """Counts from 1 without gaps."""
    kind: str
    payload: bytes
    at: float
    """Seconds since the Unix epoch."""


def read_journal(directory: Path, after: int = 0) -> Iterator[Record]:
    """Read a journal that may be open elsewhere; ends at a torn record of the last file.

    Raises JournalError when a record is missing between two whole ones.
    """
    expected = 0
    for path in segments_after(directory, after):
        for record in Segment(path).records(after):
            if expected and record.sequence != expected:
                raise JournalError(f"{path}: record {record.sequence} where {expected} should be")
            expected = record.sequence + 1
            yield record


def read_file(path: Path) -> Iterator[Record]:
    """Read one file of a journal up to its first torn record; JournalError if it is none."""
    return Segment(path).records()


def segments(directory: Path) -> list[Path]:
    """The journal's files, oldest first."""
    try:
        found = [path for path in directory.iterdir() if _NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda path: (path.name[:8], int(path.stem[9:])))


def segments_after(directory: Path, after: int) -> list[Path]:
    """Those files, oldest first, that may hold records with a sequence number above ``after``."""
    paths = segments(directory)

    def begins(path: Path) -> int:
        # A file without a whole record is the newest one, or torn: nobody skips it.
        first = first_record(path)
        return sys.maxsize if first is None else first.sequence

    return paths[max(bisect_right(paths, after + 1, key=begins) - 1, 0) :] if after else paths


def unpack(data: bytes, start: int = 0) -> tuple[Record, int] | None:
    """The record at ``start`` and where the next begins; None when it is torn or damaged."""
    found = record_at(data, start)
    if found is None:
        return None
    sequence, kind, payload, at, end = found
    return Record(sequence, kind, payload, at), end


def first_record(path: Path) -> Record | None:
    """The first record of a file; None when it has no whole one."""
    with path.open("rb") as file:
        start = file.read(FIRST_READ)
    found = unpack(start, len(MAGIC))
    if found is None and len(start) == FIRST_READ:
        return next(Segment(path).records(), None)
    return found[0] if found else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}") from error


def _skip(data: bytes, after: int) -> int:
    """Where the first record with a number above ``after`` begins, going by lengths alone."""
    position = len(MAGIC)
    while len(data) - position >= _HEADER.size:
        length, _, sequence, _, _ = _HEADER.unpack_from(data, position)
        end = position + _HEADER.size + length
        if sequence > after or end > len(data):
            break
        position = end
    return position


def last_of_kind(path: Path, kind: str) -> Record | None:
    """The last whole record of a kind in a file; only headers of others are looked at.

    A start after a kill waits for this: it takes two fifths of reading all records.
    """
    data, named = _read(path), kind.encode()
    last = None
    position, size = len(MAGIC), len(data)
    while data.startswith(MAGIC) and size - position >= _HEADER.size:
        length, _, _, _, kind_length = _HEADER.unpack_from(data, position)
        body = position + _HEADER.size
        if kind_length == len(named) and data.startswith(named, body):
            found = unpack(data, position)
            last = found[0] if found is not None else last
        position = body + length
    return last


class Segment:
    """One file being read; afterwards it knows how much of it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.whole_bytes = 0
        self.torn_bytes = 0

    def records(self, after: int = 0) -> Iterator[Record]:
        """Records with a sequence number above ``after``; nobody looks into those before."""
        data = _read(self._path)
        if not data.startswith(MAGIC):
            if data and not MAGIC.startswith(data):
                raise JournalError(f"{self._path}: not a journal; move it away")
            self.torn_bytes = len(data)
            return
        self.whole_bytes = _skip(data, after)
        while (found := record_at(data, self.whole_bytes)) is not None:
            sequence, kind, payload, at, self.whole_bytes = found
            yield Record(sequence, kind, payload, at)
        self.torn_bytes = len(data) - self.whole_bytes
