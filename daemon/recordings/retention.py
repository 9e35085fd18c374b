"""Deletes recordings and messages that have been kept long enough.

The files go first and the row is marked behind them: whoever is killed in between finds the row
again the next day, and no audio is left that the database takes for deleted. Rows stay.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import structlog
from tortoise.exceptions import BaseORMException

from acd_core.ids import to_text
from daemon.recordings import flac
from daemon.recordings.audio_file import CHAIN
from daemon.store.history import Recording
from daemon.store.rows import milliseconds

log = structlog.get_logger()

DAY_S: Final = 86_400.0
RETRY_S: Final = 600.0
BATCH: Final = 200
"""Rows read at a time, so that a first run over years takes little memory."""
FOLDERS: Final = ("recordings", "voicemail", "faxes")


class Retention:
    """What is deleted, how old, and who is told."""

    def __init__(
        self,
        site: Path,
        keep_days: Mapping[str, int],
        clock: Callable[[], float],
        deleted: Callable[[Recording], Awaitable[None]],
    ) -> None:
        """``keep_days`` is by kind of recording, 0 for ever; ``deleted`` hears of each one."""
        self._site = site.resolve()
        self._keep_days = {kind: days for kind, days in keep_days.items() if days}
        self._clock = clock
        self._deleted = deleted

    async def run(self) -> None:
        """Delete what is old, now and every day, until cancelled."""
        while self._keep_days:
            try:
                await self.delete_old()
            except BaseORMException as error:
                log.error("old recordings are not deleted: database away", why=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                await asyncio.sleep(DAY_S)

    async def delete_old(self) -> int:
        """Delete what is old enough; how many. What cannot be deleted is told and left."""
        count = 0
        for kind, days in self._keep_days.items():
            count += await self._delete(kind, milliseconds(self._clock() - days * DAY_S))
        if count:
            log.info("old recordings are deleted", recordings=count)
        return count

    async def _delete(self, kind: str, before_ms: int) -> int:
        count, last = 0, 0
        old = Recording.filter(
            kind=kind, ended_ms__lt=before_ms, deleted_ms__isnull=True, held_ms__isnull=True
        )
        while rows := await old.filter(id__gt=last).order_by("id").limit(BATCH):
            last = rows[-1].id
            for row in rows:
                count += await self._delete_one(row)
        return count

    async def _delete_one(self, row: Recording) -> bool:
        if await Recording.exists(id=row.id, held_ms__isnull=False):
            return False  # since its batch was read
        try:
            await asyncio.to_thread(delete_files, self._site, row.path)
        except OSError as error:
            name = to_text(row.id)
            log.error("recording cannot be deleted", recording=name, path=row.path, why=str(error))
            return False
        row.deleted_ms = milliseconds(self._clock())
        await row.save(update_fields=["deleted_ms"])
        await self._deleted(row)
        return True


def delete_files(site: Path, relative: str) -> None:
    """Delete the audio of a recording in either form, or a fax, its chain, and folders left empty.

    OSError when something stays. A path that leads out of the folders of recordings is refused.
    """
    wav = (site / relative).resolve()
    folder = next((top for name in FOLDERS if wav.is_relative_to(top := site / name)), None)
    if folder is None or wav == folder:
        raise PermissionError(f"{relative} is not among the recordings")
    # Of a fax: the pages as they came, and for people.
    for file in (
        *(Path(f"{wav}{CHAIN}"), wav.with_suffix(flac.SUFFIX)),
        *(wav.with_suffix(".pdf"), wav),
    ):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: the first that is ends the climb
        for parent in wav.parents:
            if parent == folder:
                break
            parent.rmdir()
