"""One recording in a list: its row in the database, and which part of a conversation it is."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from acd_core.ids import to_text
from daemon.store.history import Recording


class RecordingLine(msgspec.Struct, frozen=True, kw_only=True):
    """One recording of a call."""

    recording: str
    kind: str
    started: float
    duration_s: float
    stereo: bool
    deleted: bool
    path: str
    """Relative to the site directory."""
    paused_s: float = 0.0
    """How long silence was recorded because the agent wished so."""
    gap_s: float = 0.0
    """How long silence was recorded because the disk was too slow."""
    chain: str = ""
    """The link that vouches for the file; empty when there is none."""
    deleted_at: float = 0.0
    """When its audio was deleted, because it was old enough; 0 while it is there."""
    held: bool = False
    """Kept however old it gets."""
    ended: bool = True
    """Whether it is complete; one that still grows can neither be held nor deleted."""
    whole: str = ""
    """The first recording of its conversation, which is this one unless it is a later part."""
    part: int = 1
    """A conversation is recorded in more than one part when the audio process died in it."""
    parts: int = 1


def recording_line(row: Recording) -> RecordingLine:
    """A row as it is listed, by itself."""
    return RecordingLine(
        recording=to_text(row.id),
        kind=row.kind,
        started=row.started_ms / 1000,
        duration_s=row.duration_ms / 1000,
        stereo=row.stereo,
        deleted=row.deleted_ms is not None,
        path=row.path,
        paused_s=row.paused_ms / 1000,
        gap_s=row.gap_ms / 1000,
        chain=row.chain,
        deleted_at=(row.deleted_ms or 0) / 1000,
        held=row.held_ms is not None,
        ended=row.ended_ms is not None,
        whole=to_text(row.part_of or row.id),
    )


def in_parts(rows: Sequence[Recording]) -> tuple[RecordingLine, ...]:
    """The recordings of one call, oldest first, each behind the part that it goes on from."""
    by_whole: defaultdict[str, list[RecordingLine]] = defaultdict(list)
    for line in map(recording_line, sorted(rows, key=lambda row: (row.started_ms, row.id))):
        by_whole[line.whole].append(line)
    counted: Counter[str] = Counter()
    found = []
    for whole, lines in by_whole.items():
        for line in lines:
            counted[whole] += 1
            found.append(msgspec.structs.replace(line, part=counted[whole], parts=len(lines)))
    return tuple(found)
