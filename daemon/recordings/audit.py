"""Every recording of a site compared with what the database holds of it."""

import asyncio
from collections import Counter
from pathlib import Path

import msgspec

from acd_core.ids import to_text
from daemon.language import pick
from daemon.recordings import flac
from daemon.recordings.proof import WRONG, Proof, State, prove
from daemon.store.history import Recording

TEXTS = {
    State.CHANGED: ("was changed", "被改动"),
    State.CUT: ("was cut", "被截断"),
    State.MISSING: ("is not there", "不存在"),
    State.UNREADABLE: ("cannot be read as a recording", "无法作为录音读取"),
    State.THERE: ("was deleted, yet its audio is there", "已删除，但音频仍在"),
}


class WrongFile(msgspec.Struct, frozen=True):
    """A recording that is not what was recorded."""

    recording: str
    call: str
    path: str
    state: State
    second: int
    """The second at which it differs first, counted from 0; -1 where none can be named."""

    def __str__(self) -> str:
        en, zh = TEXTS[self.state]
        if self.second >= 0:
            en, zh = f"{en} at second {self.second}", f"于第 {self.second} 秒{zh}"
        return pick(
            f"{self.path}: {en} (call {self.call})", f"{self.path}：{zh}（通话 {self.call}）"
        )


class RecordingsReport(msgspec.Struct, frozen=True):
    """What was compared."""

    checked: int
    states: dict[str, int]
    """How many are in each state."""
    faults: tuple[WrongFile, ...]
    deleted: int = 0
    """Deleted by retention: nothing of them is compared, and nothing may be left."""


async def check_recordings(site: Path) -> RecordingsReport:
    """Compare every complete recording of the open database, oldest first."""
    counted: Counter[str] = Counter()
    rows = Recording.filter(ended_ms__not_isnull=True).exclude(kind="fax")
    deleted = await rows.filter(deleted_ms__not_isnull=True).order_by("started_ms", "id")
    faults = [
        _wrong(row, Proof(State.THERE))
        for row in deleted
        if await asyncio.to_thread(flac.where(site / row.path).exists)
    ]
    for row in await rows.filter(deleted_ms__isnull=True).order_by("started_ms", "id"):
        found = await asyncio.to_thread(prove, site / row.path, row.chain, row.duration_ms)
        counted[found.state] += 1
        if found.state in WRONG:
            faults.append(_wrong(row, found))
    return RecordingsReport(counted.total(), dict(counted), tuple(faults), len(deleted))


def _wrong(row: Recording, found: Proof) -> WrongFile:
    return WrongFile(
        recording=to_text(row.id),
        call=to_text(row.call_id),
        path=row.path,
        state=found.state,
        second=found.second,
    )
