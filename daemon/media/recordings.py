"""Recordings and the disk: what it did not take is counted, what a power cut left is repaired.

No call waits for a disk: the engine fills a ring of eight seconds, and a thread of its own
empties it into the files. A recording's sizes are brought up to date every second; what a
file holds is told by ``daemon.recordings``.
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


class DiskTrouble:
    """Counts for the metrics; they never go down until media starts again."""

    def __init__(self) -> None:
        self._full = 0
        self._failed = 0
        self._gaps = 0
        self._gap_ms = 0

    def finished(self, recording: int, gap_ms: int, why: str) -> None:
        """A recording has ended, with silence in place of what found no room."""
        if why == "disk-full":
            self._full += 1
            log.error("recording ended early: the disk is full", recording=recording)
        elif why == "error":
            self._failed += 1
            log.error("recording ended early: the disk refused it", recording=recording)
        if gap_ms:
            self._gaps += 1
            self._gap_ms += gap_ms
            log.error("recording has a gap: the disk was slow", recording=recording, ms=gap_ms)

    def counters(self) -> dict[str, float]:
        """By name, as the engine's own."""
        return {
            "recordings_disk_full": self._full,
            "recordings_failed": self._failed,
            "recordings_with_gap": self._gaps,
            "recordings_gap_ms": self._gap_ms,
        }
