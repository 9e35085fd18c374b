"""Checkpoint files: ``journal/checkpoint-NUMBER.hfc``, NUMBER being the last record in it.

A file is ``HFC1``, the length and the CRC-32 of what follows (u64 and u32, little-endian), and
one msgpack value. It gets its name when all of it is on the disk, so a kill or a power cut leaves
it whole or not there. Two are kept: where the newest is damaged, or an engine of another version
wrote it, the one before counts, and without any the journal itself from its newest quiet night on.
"""

import os
import re
import struct
import zlib
from pathlib import Path
from typing import Final

import msgspec
import structlog

from acd_core.errors import AcdError
from daemon.control.checkpoint.reading import (
    Checkpoint,
    Reading,
    Recovered,
)
from daemon.control.checkpoint.unsealing import Unseal, sealed_stays
from daemon.control.journal import Journal
from daemon.control.journaled.files import segments_after
from daemon.errors import JournalError

log = structlog.get_logger()

MAGIC: Final = b"HFC1"
KEPT: Final = 2
_HEADER: Final = struct.Struct("<QI")
_NAME: Final = re.compile(r"checkpoint-(\d{12,})\.hfc")
_UNFINISHED: Final = re.compile(r"checkpoint-\d{12,}\.\d+\.new")
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Checkpoint)


def checkpoints(directory: Path) -> list[Path]:
    """The files, newest first."""
    try:
        found = [path for path in directory.iterdir() if _NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    return sorted(found, key=last_record, reverse=True)


def last_record(path: Path) -> int:
    """The number of the last journal record that a checkpoint holds, by its name."""
    return int(path.stem.removeprefix("checkpoint-"))


def write(directory: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint, and remove those that nobody needs any more; JournalError else."""
    path = directory / f"checkpoint-{checkpoint.sequence:012d}.hfc"
    fresh = path.with_suffix(f".{os.getpid()}.new")
    payload = _encoder.encode(checkpoint)
    header = MAGIC + _HEADER.pack(len(payload), zlib.crc32(payload))
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "wb") as file:
            file.write(header)
            file.write(payload)
            file.flush()
            os.fsync(descriptor)
        fresh.rename(path)
        _sync(directory)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise JournalError(f"{path}: {error.strerror}") from error
    for older in checkpoints(directory)[KEPT:]:
        older.unlink(missing_ok=True)
    for left in directory.iterdir():
        # Of one who was killed while he wrote; nobody else writes now.
        if _UNFINISHED.fullmatch(left.name):
            left.unlink(missing_ok=True)
    return path


def read(path: Path) -> Checkpoint:
    """Read a checkpoint; JournalError when it is damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}") from error
    begin = len(MAGIC) + _HEADER.size
    if not data.startswith(MAGIC) or len(data) < begin:
        raise JournalError(f"{path}: not a whole checkpoint")
    length, crc = _HEADER.unpack_from(data, len(MAGIC))
    payload = memoryview(data)[begin:]
    if len(payload) != length or zlib.crc32(payload) != crc:
        raise JournalError(f"{path}: damaged, {len(payload)} of {length} bytes")
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise JournalError(f"{path}: of another version, {error}") from error


class JournalState(msgspec.Struct, frozen=True, kw_only=True):
    """How much a start would read, for who looks at the files."""

    checkpoint: int
    """Last record of the newest checkpoint that is whole; 0 for none."""
    checkpoint_at: float
    """When that record was written, in Unix seconds."""
    damaged: int
    """Newer checkpoints that are not whole."""
    bytes_after: int
    """Of the journal's files that are read besides it."""


def look(directory: Path) -> JournalState:
    """See what is there, without an engine; whoever runs goes on."""
    newest, damaged = None, 0
    for path in checkpoints(directory):
        try:
            newest = read(path)
            break
        except JournalError:
            damaged += 1
    number = newest.sequence if newest is not None else 0
    files = segments_after(directory, number)
    return JournalState(
        checkpoint=number,
        checkpoint_at=newest.at if newest is not None else 0.0,
        damaged=damaged,
        bytes_after=sum(path.stat().st_size for path in files),
    )


def begin_reading(
    directory: Path, last: int, *, unseal: Unseal = sealed_stays
) -> tuple[Reading, int]:
    """Go on from the newest checkpoint that can be read, else from nothing; and how many cannot.

    ``last`` is the number of the newest record that counts.
    """
    refused = 0
    for path in checkpoints(directory):
        try:
            if last_record(path) > last:
                raise JournalError(f"{path}: the journal ends at record {last}")
            return Reading.after(read(path), unseal), refused
        except (JournalError, AcdError, msgspec.DecodeError) as error:
            refused += 1
            log.error("checkpoint refused, an older one counts", file=path.name, why=str(error))
    return Reading(unseal), refused


def recover(
    directory: Path, journal: Journal, applied: int, *, unseal: Unseal = sealed_stays
) -> Recovered:
    """What was going on when the journal ended; ``applied`` as in ``Reading.take_all``."""
    reading, refused = begin_reading(directory, journal.last_sequence, unseal=unseal)
    since = reading.began
    if not since and (quiet := journal.last_snapshot()) is not None:
        since = quiet.sequence - 1
    # Rows that the database had not yet when the checkpoint was written stand before it.
    reading.take_all(journal.read(min(since, applied)), applied=applied, since=since)
    recovered = reading.recovered()
    recovered.refused = refused
    return recovered


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
