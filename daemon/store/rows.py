"""Rows of history as plain structs: what control hands to the history writer.

One struct a table of ``history.py``, with the same columns; a row is written whole, and
writing the same id again replaces the row. Times are UTC milliseconds.
"""

from typing import ClassVar

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all rows; ``id`` is the key by which a row replaces an older one."""

    table: ClassVar[str] = ""
    id: int


class CallRow(Row, frozen=True, kw_only=True, tag="call"):
    """A call; see ``history.Call``."""

    table: ClassVar[str] = "call"
    direction: str = "in"
    line: str = ""
    ani: str = ""
    ani_verbatim: str = ""
    dnis: str = ""
    name: str = ""
    redirecting: str = ""
    reason: str = ""
    language: str = ""
    flow: str = ""
    path: tuple[str, ...] = ()
    data: dict[str, object] = {}
    started_ms: int
    answered_ms: int | None = None
    ended_ms: int | None = None
    outcome: str = ""
    queue_id: int | None = None
    agent_id: int | None = None
    cause: int = 0
    ended_by: str = ""
    disposition: str = ""


class SegmentRow(Row, frozen=True, kw_only=True, tag="segment"):
    """A segment of a call; see ``history.Segment``."""

    table: ClassVar[str] = "segment"
    call_id: int
    leg_id: int | None = None
    visit_id: int | None = None
    kind: str
    started_ms: int
    ended_ms: int | None = None
    line: str = ""
    queue_id: int | None = None
    agent_id: int | None = None
    result: str = ""
    detail: dict[str, object] = {}


class QueueVisitRow(Row, frozen=True, kw_only=True, tag="queue_visit"):
    """A visit to a queue; see ``history.QueueVisit``."""

    table: ClassVar[str] = "queue_visit"
    call_id: int
    queue_id: int
    entered_ms: int
    offers: int = 0
    first_offer_ms: int | None = None
    left_ms: int | None = None
    outcome: str = ""
    detail: str = ""
    agent_id: int | None = None
    priority: int = 0
    talk_ms: int = 0
    hold_ms: int = 0
    wrap_up_ms: int = 0


class AgentStateRow(Row, frozen=True, kw_only=True, tag="agent_state"):
    """An interval of an agent's day; see ``history.AgentState``."""

    table: ClassVar[str] = "agent_state"
    agent_id: int
    state: str
    reason: str = ""
    station: str = ""
    call_id: int | None = None
    started_ms: int
    ended_ms: int | None = None


class RecordingRow(Row, frozen=True, kw_only=True, tag="recording"):
    """A recording or a message; see ``history.Recording``."""

    table: ClassVar[str] = "recording"
    call_id: int
    leg_id: int | None = None
    kind: str = "call"
    path: str
    started_ms: int
    ended_ms: int | None = None
    duration_ms: int = 0
    stereo: bool = True
    queue_id: int | None = None
    agent_id: int | None = None
    mailbox: str = ""
    heard_ms: int | None = None
    deleted_ms: int | None = None
    held_ms: int | None = None
    part_of: int | None = None
    chain: str = ""
    paused_ms: int = 0
    gap_ms: int = 0


class StreamRow(Row, frozen=True, kw_only=True, tag="stream"):
    """The audio of a leg; see ``history.Stream``."""

    table: ClassVar[str] = "stream"
    call_id: int
    leg_id: int
    line: str = ""
    ended_ms: int
    packets_in: int = 0
    packets_out: int = 0
    lost: int = 0
    late: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float = 0.0
    delay_ms: float = 0.0
    far_lost: int = 0
    far_jitter_ms: float = 0.0
    mos: float = 0.0


HistoryRow = CallRow | SegmentRow | QueueVisitRow | AgentStateRow | RecordingRow | StreamRow
ROW_TYPES: tuple[type[HistoryRow], ...] = (
    CallRow,
    SegmentRow,
    QueueVisitRow,
    AgentStateRow,
    RecordingRow,
    StreamRow,
)


def milliseconds(now: float) -> int:
    """Unix seconds as the milliseconds that the database keeps."""
    return round(now * 1000)
