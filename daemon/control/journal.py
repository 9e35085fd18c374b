"""The journal: everything unfinished, append-only; ``journaled/files.py`` has the form of its files.

The kernel has a record as soon as ``append`` returns; with ``gather`` as soon as ``flush`` does.
Whoever lets something out of the process calls ``settle`` first, and so does the end of each turn.
So a killed process loses nothing that anybody outside has seen the outcome of. The disk has it at
the next ``sync``, which control calls every second.
"""

import contextlib
import datetime as dt
import errno
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from cython_ext.journal import Gathered
from daemon.control.journaled.files import (
    MAGIC,
    SNAPSHOT,
    Record,
    Segment,
    first_record,
    last_of_kind,
    read_journal,
    segments,
)
from daemon.errors import JournalError
from daemon.logs import get_logger

log = get_logger(__name__)

SEGMENT_BYTES: Final = 64 * 1024 * 1024
MOST_HELD: Final = 256 * 1024
"""Bytes that may wait for the end of a turn."""


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
        self._syncing = threading.RLock()  # nobody closes what another thread is syncing
        self._ended: list[int] = []
        """Descriptors of files that are complete, for ``sync`` to bring to the disk."""
        self._schedule: Callable[[Callable[[], None]], object] | None = None
        self._gathered = Gathered()
        """Records that the kernel has not got yet."""
        self._turn_will_end = False
        self._failed = False
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

    @property
    def last_sequence(self) -> int:
        """Number of the newest record, written or gathered; 0 for none."""
        return self._gathered.last

    def gather(self, schedule: Callable[[Callable[[], None]], object]) -> None:
        """Let records wait for ``flush`` from now on; ``schedule`` is the loop's ``call_soon``."""
        self._schedule = schedule

    def append(self, kind: str, payload: bytes, now: float | None = None) -> int:
        """Write one record and return its sequence number; JournalError when it cannot."""
        if self._failed or self._gathered.size > MOST_HELD:
            self.flush()
        try:
            sequence = self._gathered.add(kind, payload, self._clock() if now is None else now)
        except ValueError as error:
            raise JournalError(f"record {self.last_sequence + 1}: {error}") from error
        if not self._turn_will_end:
            if self._schedule is None:
                self._write_alone()
            else:
                self._turn_will_end = True
                self._schedule(self._turn_ends)
        return sequence

    def flush(self) -> None:
        """Let the kernel have every record; for whoever writes down how far the journal was.

        JournalError when it cannot: the records wait, and no others are taken until it can.
        """
        if not self._gathered.size:
            return
        try:
            self._write(self._gathered.held())
        except JournalError as error:
            if not self._failed:
                log.error("journal cannot be written", why=str(error))
            self._failed = True
            raise
        if self._failed:
            log.warning("journal is written again")
        self._failed = False
        self._gathered.clear()

    def settle(self) -> None:
        """Flush for whoever lets something out; never raises.

        With a full disk that leaves all the same: else nobody could hang up, or see in the
        console what is wrong. Whoever has the next record gets the error.
        """
        with contextlib.suppress(JournalError):  # the log has it
            self.flush()

    def _turn_ends(self) -> None:
        self._turn_will_end = False
        self.settle()

    def _write_alone(self) -> None:
        """Write the record at once; one that cannot be written leaves its number to another."""
        try:
            self._write(self._gathered.held())
        except JournalError:
            self._gathered.last -= 1
            raise
        finally:
            self._gathered.clear()

    def _write(self, records: bytes) -> None:
        if self._descriptor < 0 or self._size + len(records) > self._segment_bytes:
            self._begin_segment()
        try:
            written = os.write(self._descriptor, records)
            if written < len(records):
                # The disk is full. Half a record would hide all that follow it.
                os.ftruncate(self._descriptor, self._size)
                raise JournalError(f"{self._directory}: no space left")
        except OSError as error:
            raise JournalError(f"{self._directory}: {error.strerror}") from error
        self._size += written
        self._dirty = True

    def read(self, after: int = 0) -> Iterator[Record]:
        """Records with a sequence number above ``after``, in order."""
        self.flush()
        return read_journal(self._directory, after)

    def last_snapshot(self) -> Record | None:
        """The newest snapshot; None when there is none."""
        for path in reversed(segments(self._directory)):
            if (found := last_of_kind(path, SNAPSHOT)) is not None:
                return found
        return None

    def begin_file(self) -> int:
        """Let the next record be the first of a new file; the number of the last one before it.

        Waits for no disk: the next ``sync`` brings the old file there. JournalError as ``flush``.
        """
        self.flush()
        if self._descriptor >= 0:
            self._ended.append(self._descriptor)
            self._descriptor = -1
        return self.last_sequence

    def sync(self) -> None:
        """Bring all records to the disk; call it every second, from a thread or the loop.

        JournalError when the disk fails; the next call tries again.
        """
        with self._syncing:
            try:
                while self._ended:
                    os.fdatasync(self._ended[0])
                    os.close(self._ended.pop(0))
                # Who begins a file takes it at any moment; nobody closes it before we are done.
                descriptor = self._descriptor
                if not self._dirty or descriptor < 0:
                    return
                self._dirty = False
                os.fdatasync(descriptor)
            except OSError as error:
                self._dirty = True
                raise JournalError(f"{self._directory}: {error.strerror}") from error

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
            first = first_record(following)
            if first is None or first.sequence - 1 > needless or now - first.at < keep_s:
                break
            path.unlink()
            removed.append(path)
        return removed

    def close(self, *, lose: bool = False) -> None:
        """Flush, sync and close; closing twice is harmless. With ``lose`` as a kill would."""
        if lose:
            self._gathered.clear()
        self._turn_ends()
        self._close_file()
        self.sync()

    def _close_file(self) -> None:
        with self._syncing:
            if self._descriptor >= 0:
                self.sync()
                os.close(self._descriptor)
                self._descriptor = -1

    def _recover(self) -> None:
        paths = segments(self._directory)
        for path in reversed(paths):
            segment = Segment(path)
            last = None
            for record in segment.records():
                last = record
            self.torn_bytes += segment.torn_bytes
            if path == paths[-1]:
                self._continue(path, segment)
            if last is not None:
                self._gathered.last = last.sequence
                return

    def _continue(self, path: Path, segment: Segment) -> None:
        if not segment.whole_bytes:
            path.unlink()  # not even the magic was written
            return
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(self._descriptor, segment.whole_bytes)
        self._size = segment.whole_bytes

    def _begin_segment(self) -> None:
        day = dt.datetime.fromtimestamp(self._clock(), dt.UTC).strftime("%Y%m%d")
        try:
            self._close_file()
            paths = segments(self._directory)
            # Names must rise even when the clock was set back, for they give the order.
            newest = paths[-1].stem if paths else ""
            if newest[:8] >= day:
                day, number = newest[:8], int(newest[9:]) + 1
            else:
                number = 1
            self._descriptor = _new_file(self._directory / f"{day}-{number:04d}.hfj")
        except OSError as error:
            raise JournalError(f"{self._directory}: {error.strerror}") from error
        self._size = len(MAGIC)


def _new_file(path: Path) -> int:
    """A file that begins as files of the journal do, or none: nobody reads one that does not."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o640)
    try:
        if os.write(descriptor, MAGIC) < len(MAGIC):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        os.close(descriptor)
        path.unlink()
        raise
    return descriptor
