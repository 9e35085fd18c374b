"""Watches the disk of the recordings: what the engine tells of it, the room left, and its speed.

The engine never lets a call wait for the disk; it ends or leaves gaps in recordings and says so.
Here that becomes an alarm. It ends when nothing more was told for a while, there is room again,
and a probe has been written quickly enough.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from daemon.control.alarms.standing import AlarmKind, Alarms
from daemon.link.errors import LinkError, MediaRefused
from daemon.link.messages import RecordFinished

log = structlog.get_logger()

LOOK_S: Final = 10.0
QUIET_S: Final = 60.0  # s without trouble before an alarm may end
PROBE: Final = ".probe"
PROBE_BYTES: Final = 64 << 10
PATIENCE_S: Final = 5.0  # s for the disk to answer at all
SLOW_S: Final = 1.0  # s for the probe; the engine keeps 8 s of audio, at some 32 KB/s a call
SPARE: Final = 1.1  # times the limit that must be free again, so that the alarm does not flutter
MIB: Final = 1 << 20
_OF_REASON: Final = {"disk-full": AlarmKind.DISK_FULL, "error": AlarmKind.DISK_FAILED}
_KINDS: Final = (AlarmKind.DISK_FULL, AlarmKind.DISK_FAILED, AlarmKind.DISK_SLOW)


class Found(msgspec.Struct, frozen=True):
    """What a look at the disk found."""

    free: int | None
    """Octets that we may still write; None when nobody can say."""
    probed: bool
    fault: AlarmKind | None


class DiskWatch:
    """Raises and clears the alarms of the disk that recordings are written to."""

    def __init__(
        self, alarms: Alarms, folder: Path, clock: Callable[[], float], *, least_mb: int = 0
    ) -> None:
        """``least_mb``: with less free room the disk counts as full; 0 does not look."""
        self.alarms = alarms
        self._folder = folder
        self._clock = clock
        self.least_mb = least_mb
        self._last: dict[AlarmKind, float] = {}
        self._asked: asyncio.Future[Found] | None = None
        """The disk is asked in a thread; one that does not answer is not asked twice."""

    def recorded(self, ended: RecordFinished) -> None:
        """A recording has ended."""
        kind = _OF_REASON.get(ended.reason)
        if kind is not None:
            self._trouble(kind, recording=ended.recording, path=ended.path)
        if ended.gap_ms:
            self._trouble(AlarmKind.DISK_SLOW, recording=ended.recording, gap_ms=ended.gap_ms)

    def refused(self, error: LinkError) -> None:
        """A recording could not begin; only what the disk refuses counts."""
        if isinstance(error, MediaRefused) and error.code in ("disk", "system"):
            self._trouble(AlarmKind.DISK_FAILED, why=str(error))

    async def run(self) -> None:
        """Look at the disk until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self, patience_s: float = PATIENCE_S) -> None:
        """Look once: at the room, and with an alarm standing at whether it may end."""
        quiet = [kind for kind in _KINDS if self.alarms.stands(kind) and self._is_quiet(kind)]
        if self._asked is None:
            asked = asyncio.to_thread(_examine, self._folder, write=bool(quiet))
            self._asked = asyncio.ensure_future(asked)
        await asyncio.wait({self._asked}, timeout=patience_s)
        if not self._asked.done():
            self._trouble(AlarmKind.DISK_SLOW, answers=False)
            return
        found, self._asked = self._asked.result(), None
        least = self.least_mb * MIB
        if found.fault is not None:
            self._trouble(found.fault, probe=True)
        elif found.free is not None and found.free < least:
            self._trouble(AlarmKind.DISK_FULL, free_mb=found.free // MIB)
        elif found.probed:
            scarce = found.free is not None and found.free < least * SPARE
            for kind in quiet:
                if not (scarce and kind is AlarmKind.DISK_FULL):
                    self.alarms.clear(kind)

    def _is_quiet(self, kind: AlarmKind) -> bool:
        return self._clock() - self._last[kind] >= QUIET_S

    def _trouble(self, kind: AlarmKind, **why: object) -> None:
        self._last[kind] = self._clock()
        self.alarms.sound(kind, **why)


def _examine(folder: Path, *, write: bool) -> Found:
    """Ask the disk for its room, and when that is wanted whether it can be written."""
    return Found(_free(folder), write, probe(folder) if write else None)


def probe(folder: Path) -> AlarmKind | None:
    """Write a little and wait until it is on the disk; what is wrong with that, if anything."""
    path, began = folder / PROBE, time.monotonic()
    try:
        with path.open("wb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except OSError as error:
        log.warning("disk of the recordings fails a probe", why=str(error))
        return AlarmKind.DISK_FAILED
    return AlarmKind.DISK_SLOW if time.monotonic() - began > SLOW_S else None


def _free(folder: Path) -> int | None:
    """Octets that we may still write; None when nobody can say."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        log.warning("room of the recordings is not known", why=str(error))
        return None
    return found.f_bavail * found.f_frsize
