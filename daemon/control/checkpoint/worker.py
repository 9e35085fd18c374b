"""Writes the next checkpoint, in a process of its own: ``python -m`` with folders and a number.

Control goes on with its calls meanwhile. It has begun a new file of the journal, so nobody
writes what is read here; and what a checkpoint holds is what a start would have made of the same
records, because it is made by the same code.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from daemon.control.checkpoint.store import begin_reading, write
from daemon.control.checkpoint.unsealing import Unseal, sealed_stays, unsealing
from daemon.control.journaled.files import Record, read_journal
from daemon.errors import JournalError

PR_SET_PDEATHSIG: Final = 1  # prctl(2)
LESS_URGENT: Final = 10  # nice(2): calls come first; a busy machine gives it a tenth


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint was, for whoever asked for it."""

    sequence: int
    records: int
    """Read for it."""
    calls: int
    faults: int
    size: int
    """Of the file, in bytes."""
    cpu_s: float
    """Processor seconds that it took, those to load the program included."""


def advance(directory: Path, upto: int, *, unseal: Unseal = sealed_stays) -> Written:
    """Write the checkpoint of everything up to a record; JournalError when that cannot be.

    It must be the last one of its file, or the journal must rest.
    """
    reading, _ = begin_reading(directory, upto, unseal=unseal)
    # Rows are no business of a checkpoint: the database says itself what it has.
    reading.take_all(_records(directory, reading.began, upto), applied=upto)
    path = write(directory, reading.checkpoint(upto))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Written(
        sequence=upto,
        records=reading.records,
        calls=reading.calls,
        faults=reading.faults,
        size=path.stat().st_size,
        cpu_s=round(used.ru_utime + used.ru_stime, 3),
    )


def _records(directory: Path, after: int, upto: int) -> Iterator[Record]:
    """Records above one number up to another; JournalError when one of them is missing."""
    last = after
    for record in read_journal(directory, after):
        if record.sequence > upto:
            break
        if after and record.sequence != last + 1:
            raise JournalError(f"{directory}: record {last + 1} is missing")
        last = record.sequence
        yield record
    if last != upto:
        raise JournalError(f"{directory}: ends at record {last}, before {upto}")


def main(arguments: list[str]) -> int:
    """Run with the journal's folder, the folder of its key, and the last record that counts."""
    directory, run_dir, upto = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    # A control that begins anew must not share the processor with this.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.nice(LESS_URGENT)
    try:
        written = advance(directory, upto, unseal=unsealing(run_dir))
    except JournalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(written) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
