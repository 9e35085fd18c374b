"""Recordings after a power cut: what the disk kept is made a whole file again.

A recording's sizes are brought up to date every second; what a file holds is told by
``daemon.recordings``.
"""

import os
import struct
from pathlib import Path

from daemon.logs import get_logger
from daemon.recordings.audio_file import HEAD, NotARecording, layout

log = get_logger(__name__)


def repair(path: Path) -> int:
    """Make the sizes in the header those of the file; returns ms of audio.

    Half a sample at the end is cut off. OSError, NotARecording.
    """
    with path.open("r+b") as file:
        found = layout(file.read(HEAD))
        file.seek(0, os.SEEK_END)
        frame = found.second // 8000
        size = max(file.tell() - found.start, 0) // frame * frame
        file.truncate(found.start + size)
        file.seek(4)
        file.write(struct.pack("<I", found.start - 8 + size))
        if found.start == HEAD:
            file.seek(46)
            channels = frame  # one octet a sample
            file.write(struct.pack("<I", size // channels))
        file.seek(found.start - 4)
        file.write(struct.pack("<I", size))
        file.flush()
        os.fsync(file.fileno())
    return size * 1000 // found.second


def repair_all(paths: list[Path]) -> int:
    """Repair what was running when the last process ended; returns how many could be."""
    done = 0
    for path in paths:
        try:
            ms = repair(path)
        except (OSError, NotARecording) as error:
            log.warning("recording not repaired", path=str(path), why=str(error))
        else:
            log.warning("recording repaired after a stop", path=str(path), ms=ms)
            done += 1
    return done
