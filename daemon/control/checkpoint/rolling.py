"""Has a checkpoint written from time to time, so that a start never reads a long journal.

Control only begins a new file of the journal; a worker process makes the checkpoint of the files
before it (``worker.py``). Nothing depends on its success: a start without it reads more.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from daemon.control.checkpoint.reading import Recovered
from daemon.control.checkpoint.worker import Written
from daemon.control.journal import Journal
from daemon.errors import JournalError
from daemon.site_directory import SiteDirectory

log = structlog.get_logger()

LOOK_S: Final = 2.0  # s between two looks at the journal's length
PATIENCE_S: Final = 3600.0  # s for a worker, which has to wait for calls on a busy machine
WORTH_IT: Final = 1000  # records; fewer are read sooner than a checkpoint
RETRY_S: Final = 60.0  # s after one that failed
_COMMAND: Final = (sys.executable, "-P", "-m", "daemon.control.checkpoint.worker")


class RollingCheckpoint:
    """When the next checkpoint is due, and how the last ones went."""

    def __init__(
        self,
        journal: Journal,
        site: SiteDirectory,
        clock: Callable[[], float],
        recovered: Recovered,
    ) -> None:
        self._journal = journal
        self._site = site
        self._clock = clock
        self._sequence = recovered.checkpoint
        """Of the last record in the newest one."""
        self._at = recovered.checkpoint_at or clock()
        self._not_before = 0.0
        self._refused = recovered.refused
        self._written = self._failed = 0

    @property
    def records(self) -> int:
        """How many a start would read now."""
        return self._journal.last_sequence - self._sequence

    def figures(self) -> dict[str, float]:
        """For those who look at the system: minutes and records since the last one, and counts."""
        age = {"checkpoint_min": (self._clock() - self._at) // 60} if self._sequence else {}
        return {
            **age,
            "checkpoint_records": self.records,
            "checkpoints": self._written,
            "checkpoints_failed": self._failed,
            "checkpoints_refused": self._refused,
        }

    def is_due(self) -> bool:
        """Whether enough was written, or enough time is over, since the last one."""
        now, options = self._clock(), self._site.config.journal
        if not options.checkpoint_records or now < self._not_before:
            return False
        if self.records >= options.checkpoint_records:
            return True
        return self.records >= WORTH_IT and now - self._at >= options.checkpoint_minutes * 60.0

    async def run(self) -> None:
        """Look, and have one written when it is due, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self.is_due():
                await self.write()

    async def write(self) -> bool:
        """Have one written of all records so far; False when that failed, which is counted."""
        at = self._clock()
        try:
            upto = self._journal.begin_file()
            # A checkpoint on the disk must not be of records that are not.
            await asyncio.to_thread(self._journal.sync)
            written = await self._work(upto)
        except (JournalError, OSError, TimeoutError, msgspec.DecodeError) as error:
            self._failed += 1
            self._not_before = at + RETRY_S
            log.warning("no checkpoint, the next start reads more", why=str(error) or "too slow")
            return False
        self._sequence, self._at = upto, at
        self._written += 1
        log.info("checkpoint written", took_s=round(self._clock() - at, 2), **_told(written))
        return True

    async def _work(self, upto: int) -> Written:
        process = self._begin(upto)
        try:
            async with asyncio.timeout(PATIENCE_S):
                output, faults = await asyncio.to_thread(process.communicate)
        finally:
            # The thread that waits ends with it.
            process.kill()
        if process.returncode:
            raise JournalError(faults.decode(errors="replace").strip()[-400:])
        return msgspec.json.decode(output, type=Written)

    def _begin(self, upto: int) -> "subprocess.Popen[bytes]":
        # The loop's own way copies this process's page tables first, and calls wait for 80 ms.
        return subprocess.Popen(
            [*_COMMAND, str(self._site.journal), str(self._site.run_dir), str(upto)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def _told(written: Written) -> dict[str, object]:
    return msgspec.structs.asdict(written)
