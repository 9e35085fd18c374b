"""The journal: everything unfinished, append-only, in files ``journal/YYYYMMDD-NNNN.hfj``.

A file is ``HFJ1`` and then records. A record is a header of 24 bytes, little-endian, the
kind in UTF-8 and the payload (msgpack)::

    u32 length of kind and payload    u32 CRC-32 of all that follows
    u64 sequence number               f64 seconds since the Unix epoch
    u8 length of the kind             kind             payload

The kernel has a record as soon as ``append`` returns; with ``gather`` as soon as ``flush`` does,
which whoever lets something out of the process calls first, and the end of each turn of the loop.
So a killed process loses nothing that anybody outside has seen the outcome of. The disk has it at
the next ``sync``, which control calls every second. A record that a power cut tore is the last
one of its file: reading stops before it, and counts it.
"""

import datetime as dt
import itertools
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from daemon.errors import JournalError
from daemon.logs import get_logger

log = get_logger(__name__)

MAGIC: Final = b"HFJ1"
SNAPSHOT: Final = "snapshot"
"""Kind of the records that hold the whole state: what is older is not needed to recover."""
SEGMENT_BYTES: Final = 64 * 1024 * 1024
LARGEST_BODY: Final = 64 * 1024 * 1024  # a longer length is damage, not a record
MOST_HELD: Final = 256 * 1024
"""Bytes of records that may wait for the end of a turn."""
FIRST_READ: Final = 4096  # bytes that usually hold a file's first record
_HEADER: Final = struct.Struct("<IIQdB")
_LENGTH_AND_CRC: Final = struct.Struct("<II")
_CHECKED: Final = struct.Struct("<QdB")
_NAME: Final = re.compile(r"\d{8}-\d{4,}\.hfj")


class Record(msgspec.Struct, frozen=True):
    """One thing that happened."""

    sequence: int
    """Counts from 1 without gaps."""
    kind: str
    payload: bytes
    at: float
    """Seconds since the Unix epoch."""


class Journal:
    """The journal of one site, open for appending; only control has one."""

    def __init__(
        self, directory: Path, *, clock: Callable[[], float], segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._descriptor = -1
        self._size = 0
        self._dirty = False
        self._schedule: Callable[[Callable[[], None]], object] | None = None
        self._held: list[bytes] = []
        """Records that the kernel has not got yet."""
        self._held_size = 0
        self._turn_will_end = False
        self._failed = False
        self.last_sequence = 0
        self.torn_bytes = 0
        """Bytes of torn or damaged records found when the journal was opened."""

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        clock: Callable[[], float],
        segment_bytes: int = SEGMENT_BYTES,
    ) -> "Journal":
        """Open a journal and go on after its last whole record; JournalError else."""
        journal = cls(directory, clock=clock, segment_bytes=segment_bytes)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            journal._recover()
        except OSError as error:
            raise JournalError(f"{directory}: {error.strerror}") from error
        return journal

    def gather(self, schedule: Callable[[Callable[[], None]], object]) -> None:
        """Let records wait for ``flush`` from now on; ``schedule`` is the loop's ``call_soon``."""
        self._schedule = schedule

    def append(self, kind: str, payload: bytes, now: float | None = None) -> int:
        """Write one record and return its sequence number; JournalError when it cannot."""
        sequence = self.last_sequence + 1
        self._put(_pack(sequence, kind, payload, self._clock() if now is None else now))
        self.last_sequence = sequence
        return sequence

    def append_all(self, records: Sequence[tuple[str, bytes]], now: float) -> int:
        """Write records of one step in one go, as kind and payload; the number of the first.

        JournalError when they cannot be written: then none of them is there.
        """
        first = self.last_sequence + 1
        numbered = enumerate(records, first)
        self._put(b"".join([_pack(number, kind, data, now) for number, (kind, data) in numbered]))
        self.last_sequence += len(records)
        return first

    def flush(self) -> None:
        """Let the kernel have every record; to be called before anything leaves the process.

        JournalError when it cannot: the records wait, and no others are taken until it can.
        """
        if not self._held:
            return
        try:
            self._write(b"".join(self._held))
        except JournalError:
            self._failed = True
            raise
        self._failed = False
        self._held.clear()
        self._held_size = 0

    def _put(self, records: bytes) -> None:
        if self._schedule is None:
            self._write(records)
            return
        if self._failed or self._held_size > MOST_HELD:
            self.flush()
        self._held.append(records)
        self._held_size += len(records)
        if not self._turn_will_end:
            self._turn_will_end = True
            self._schedule(self._turn_ends)

    def _turn_ends(self) -> None:
        self._turn_will_end = False
        try:
            self.flush()
        except JournalError as error:
            # Whoever has the next record is told as well.
            log.error("journal cannot be written", why=str(error))

    def _write(self, records: bytes) -> None:
        if self._descriptor < 0 or self._size + len(records) > self._segment_bytes:
            self._begin_segment()
        try:
            written = os.write(self._descriptor, records)
        except OSError as error:
            raise JournalError(f"{self._directory}: {error.strerror}") from error
        if written < len(records):
            # The disk is full. Half a record would hide all that follow it.
            os.ftruncate(self._descriptor, self._size)
            raise JournalError(f"{self._directory}: no space left")
        self._size += written
        self._dirty = True

    def read(self, after: int = 0) -> Iterator[Record]:
        """Records with a sequence number above ``after``, in order."""
        self.flush()
        return read_journal(self._directory, after)

    def last_snapshot(self) -> Record | None:
        """The newest snapshot; None when there is none."""
        for path in reversed(segments(self._directory)):
            if (found := _last_of_kind(path, SNAPSHOT)) is not None:
                return found
        return None

    def sync(self) -> None:
        """Bring all records to the disk; call it every second, from a thread or the loop."""
        if not self._dirty or self._descriptor < 0:
            return
        self._dirty = False
        os.fdatasync(self._descriptor)

    def prune(self, *, stored: int, keep_s: float, now: float) -> list[Path]:
        """Remove files that nobody needs any more, and return them.

        A file goes when every record in it is older than the newest snapshot, at or below
        ``stored`` (the last sequence number in the database) and older than ``keep_s``.
        """
        snapshot = self.last_snapshot()
        if snapshot is None:
            return []
        needless = min(snapshot.sequence - 1, stored)
        removed = []
        paths = segments(self._directory)
        for path, following in itertools.pairwise(paths):
            first = _first_record(following)
            if first is None or first.sequence - 1 > needless or now - first.at < keep_s:
                break
            path.unlink()
            removed.append(path)
        return removed

    def close(self, *, lose: bool = False) -> None:
        """Flush, sync and close; closing twice is harmless. With ``lose`` as a kill would."""
        if lose:
            self._held.clear()
        self._turn_ends()
        self._close_file()

    def _close_file(self) -> None:
        if self._descriptor >= 0:
            self.sync()
            os.close(self._descriptor)
            self._descriptor = -1

    def _recover(self) -> None:
        paths = segments(self._directory)
        for path in reversed(paths):
            segment = _Segment(path)
            last = None
            for record in segment.records():
                last = record
            self.torn_bytes += segment.torn_bytes
            if path == paths[-1]:
                self._continue(path, segment)
            if last is not None:
                self.last_sequence = last.sequence
                return

    def _continue(self, path: Path, segment: "_Segment") -> None:
        if not segment.whole_bytes:
            path.unlink()  # not even the magic was written
            return
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(self._descriptor, segment.whole_bytes)
        self._size = segment.whole_bytes

    def _begin_segment(self) -> None:
        self._close_file()
        day = dt.datetime.fromtimestamp(self._clock(), dt.UTC).strftime("%Y%m%d")
        paths = segments(self._directory)
        # Names must rise even when the clock was set back, for they give the order.
        newest = paths[-1].stem if paths else ""
        if newest[:8] >= day:
            day, number = newest[:8], int(newest[9:]) + 1
        else:
            number = 1
        path = self._directory / f"{day}-{number:04d}.hfj"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, 0o640)
            self._size = os.write(self._descriptor, MAGIC)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error


def read_journal(directory: Path, after: int = 0) -> Iterator[Record]:
    """Read a journal that may be open elsewhere; ends at a torn record of the last file.

    Raises JournalError when a record is missing between two whole ones.
    """
    paths = segments(directory)
    expected = 0
    for index, path in enumerate(paths):
        following = paths[index + 1] if index + 1 < len(paths) else None
        if following is not None and _ends_before(following, after):
            continue
        for record in _Segment(path).records(after):
            if expected and record.sequence != expected:
                raise JournalError(f"{path}: record {record.sequence} where {expected} should be")
            expected = record.sequence + 1
            yield record


def read_file(path: Path) -> Iterator[Record]:
    """Read one file of a journal up to its first torn record; JournalError if it is none."""
    return _Segment(path).records()


def segments(directory: Path) -> list[Path]:
    """The journal's files, oldest first."""
    try:
        found = [path for path in directory.iterdir() if _NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda path: (path.name[:8], int(path.stem[9:])))


def pack(record: Record) -> bytes:
    """One record as bytes; JournalError when the kind or the payload is too long."""
    return _pack(record.sequence, record.kind, record.payload, record.at)


def _pack(sequence: int, kind: str, payload: bytes, at: float) -> bytes:
    named = kind.encode()
    if not 0 < len(named) < 256 or len(payload) > LARGEST_BODY - 256:
        raise JournalError(f"record {sequence}: kind or payload too long")
    checked = b"".join((_CHECKED.pack(sequence, at, len(named)), named, payload))
    return _LENGTH_AND_CRC.pack(len(named) + len(payload), zlib.crc32(checked)) + checked


def unpack(data: bytes, start: int = 0) -> tuple[Record, int] | None:
    """The record at ``start`` and where the next begins; None when it is torn or damaged."""
    if len(data) - start < _HEADER.size:
        return None
    length, crc, sequence, at, kind_length = _HEADER.unpack_from(data, start)
    end = start + _HEADER.size + length
    if length > LARGEST_BODY or kind_length > length or end > len(data):
        return None
    if zlib.crc32(memoryview(data)[start + _LENGTH_AND_CRC.size : end]) != crc:
        return None
    body = start + _HEADER.size
    try:
        kind = data[body : body + kind_length].decode()
    except UnicodeDecodeError:
        return None
    return Record(sequence, kind, data[body + kind_length : end], at), end


def _ends_before(following: Path, after: int) -> bool:
    """True when all that comes before a file is at or below ``after``."""
    first = _first_record(following)
    return first is not None and first.sequence - 1 <= after


def _first_record(path: Path) -> Record | None:
    with path.open("rb") as file:
        start = file.read(FIRST_READ)
    found = unpack(start, len(MAGIC))
    if found is None and len(start) == FIRST_READ:
        return next(_Segment(path).records(), None)
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


def _last_of_kind(path: Path, kind: str) -> Record | None:
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


class _Segment:
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
        while (found := unpack(data, self.whole_bytes)) is not None:
            record, self.whole_bytes = found
            yield record
        self.torn_bytes = len(data) - self.whole_bytes
