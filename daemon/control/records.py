"""Turns what happens to calls and agents into rows of history."""

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import msgspec

from acd_core.agent import AgentState
from acd_core.commands import AgentStateChanged
from acd_core.ids import to_text
from daemon.control.calls.call import (
    NOTHING,
    Call,
    Leg,
    Onward,
    OpenRecording,
    OpenSegment,
    Visit,
    ring_of,
)
from daemon.control.journaled.rows import JournaledRows, RowJournal, RowSink
from daemon.link.messages import StreamEnded
from daemon.recordings.audio_file import Left
from daemon.store.rows import (
    AgentStateRow,
    CallRow,
    HistoryRow,
    QueueVisitRow,
    RecordingRow,
    SegmentRow,
    StreamRow,
    milliseconds,
)

BEYOND: Final = ("transfer", "outside", "consult", "parked")
"""Segments of a call with somebody whom no queue found: ringing, talking, asked, or nobody."""
NOTHING_MORE: Final[Mapping[str, object]] = MappingProxyType({})
_WITH_CALL: Final = (AgentState.TALKING, AgentState.ON_HOLD, AgentState.WRAP_UP)


class Records:
    """Writes the history of calls and agents."""

    def __init__(
        self,
        journal: RowJournal,
        sink: RowSink,
        ids: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self._rows = JournaledRows(journal, sink, clock)
        self._ids = ids
        self._clock = clock
        self._states: dict[int, AgentStateRow] = {}
        self._wrap_ups: dict[int, SegmentRow] = {}
        self._visits: dict[int, QueueVisitRow] = {}
        """Visits whose agent has talked and may wrap up, by call."""
        self._recordings: dict[int, RecordingRow] = {}
        self._left_open: list[CallRow | SegmentRow | QueueVisitRow] = []
        """Rows of calls that were open when control ended."""

    def restore(self, rows: Iterable[HistoryRow], live_calls: Container[int] = ()) -> None:
        """Take up the newest form of each row that was open when control ended."""
        for row in rows:
            match row:
                case AgentStateRow(ended_ms=None):
                    self._states[row.agent_id] = row
                case SegmentRow(kind="wrap_up", ended_ms=None, agent_id=int(agent)):
                    self._wrap_ups[agent] = row
                case RecordingRow(ended_ms=None):
                    self._recordings[row.id] = row
                case QueueVisitRow(agent_id=int()):
                    self._visits[row.call_id] = row
                case CallRow() | SegmentRow() | QueueVisitRow():
                    self._left_open.append(row)
                case _:
                    pass
        wrapping = {segment.call_id for segment in self._wrap_ups.values()}
        self._visits = {
            call: visit
            for call, visit in self._visits.items()
            if call in live_calls or call in wrapping
        }

    def close_unknown(self, calls: Iterable[Call]) -> None:
        """Close rows that no call knows: control was killed before it kept the call."""
        known = {0}
        for call in calls:
            known |= {call.id, *(segment.id for segment in call.segments.values())}
            known.add(call.visit.id if call.visit is not None else 0)
        now_ms = milliseconds(self._clock())
        for row in self._left_open:
            change: dict[str, object]
            match row:
                case _ if row.id in known:
                    continue
                case CallRow():
                    change = {"ended_ms": now_ms, "outcome": "failed", "ended_by": "system"}
                case SegmentRow():
                    change = {"ended_ms": row.started_ms, "result": "lost"}
                case QueueVisitRow():
                    change = {"left_ms": now_ms, "outcome": "abandoned", "detail": "lost"}
            self._rows.write(msgspec.structs.replace(row, **change))
        self._left_open.clear()

    # -- calls ----------------------------------------------------------------------------

    def call(
        self,
        call: Call,
        *,
        ended: float = 0.0,
        outcome: str = "",
        cause: int = 0,
        ended_by: str = "",
    ) -> None:
        """Write the call as it is now; with ``ended`` for the last time."""
        self._rows.write(
            CallRow(
                id=call.id,
                direction=call.direction,
                line=call.caller.line,
                ani=call.ani,
                ani_verbatim=call.ani_verbatim,
                dnis=call.dnis,
                name=call.name,
                redirecting=call.redirecting,
                reason=call.reason,
                language=call.language,
                flow=call.flow,
                path=tuple(call.path),
                data=dict(call.data),
                started_ms=milliseconds(call.started),
                answered_ms=_optional(call.answered),
                ended_ms=_optional(ended),
                outcome=outcome,
                queue_id=call.queue or None,
                agent_id=call.agent or None if call.answered else None,
                cause=cause,
                ended_by=ended_by,
                disposition=call.disposition,
            )
        )

    def open_segment(
        self,
        call: Call,
        kind: str,
        now: float,
        *,
        agent: int = 0,
        on_agent_leg: bool = False,
        onward: Onward | None = None,
        leg: Leg | None = None,
        detail: dict[str, str] | None = None,
    ) -> None:
        """Begin a segment of a kind, on the leg of the caller, the agent, or who is beyond."""
        if leg is None:
            leg = call.agent_leg if on_agent_leg and call.agent_leg else call.caller
        if onward is not None:
            leg = onward.leg
            detail = {"to": onward.to, "by": onward.by, "way": onward.way}
        in_visit = call.visit is not None and kind not in ("ivr", "message", "fax", *BEYOND)
        visit = call.visit.id if call.visit is not None and in_visit else 0
        segment = OpenSegment(
            id=self._ids(),
            kind=kind,
            started=now,
            leg=leg.id,
            line=leg.line,
            visit=visit,
            queue=call.visit.queue if visit and call.visit else 0,
            agent=agent,
            detail=detail or NOTHING,
        )
        call.segments[ring_of(agent) if kind == "ring" else kind] = segment
        self._rows.write(_segment_row(call, segment))

    def close_segment(
        self,
        call: Call,
        kind: str,
        now: float,
        *,
        result: str = "",
        detail: dict[str, object] | None = None,
    ) -> float:
        """End the open segment of a kind (rings: ``ring_of``); seconds it lasted, 0 without."""
        segment = call.segments.pop(kind, None)
        if segment is None:
            return 0.0
        # A segment ends no earlier than it began, whatever the clock was slewed by.
        ended = max(milliseconds(now), milliseconds(segment.started))
        self._rows.write(_segment_row(call, segment, ended, result, detail or {}))
        return max(now - segment.started, 0.0)

    def visit(
        self, call: Call, visit: Visit, *, left: float = 0.0, outcome: str = "", detail: str = ""
    ) -> None:
        """Write the call's stay in a queue; with ``left`` its wait is over."""
        row = QueueVisitRow(
            id=visit.id,
            call_id=call.id,
            queue_id=visit.queue,
            entered_ms=milliseconds(visit.entered),
            offers=visit.offers,
            first_offer_ms=_optional(visit.first_offer),
            left_ms=_optional(left or visit.answered),
            outcome=outcome or ("answered" if visit.answered else ""),
            detail=detail,
            agent_id=visit.agent or None,
            priority=visit.priority,
            talk_ms=milliseconds(visit.talk_s),
            hold_ms=milliseconds(visit.hold_s),
        )
        if visit.agent and visit.closed:
            self._visits[call.id] = row
        self._rows.write(row)

    def recording(self, call: Call, recording: OpenRecording) -> None:
        """Write that a recording has begun; ``recording_finished`` completes the row."""
        row = RecordingRow(
            id=recording.id,
            call_id=call.id,
            leg_id=call.caller.id,
            kind=recording.kind,
            path=recording.path,
            started_ms=milliseconds(recording.started),
            stereo=recording.kind == "call",
            queue_id=call.queue or None,
            agent_id=call.agent or None,
            mailbox=recording.mailbox,
            part_of=recording.part_of or None,
        )
        self._recordings[recording.id] = row
        self._rows.write(row)

    def recording_finished(self, recording: int, left: Left, gap_ms: int = 0) -> bool:
        """Complete a recording's row; False when it is not an open one."""
        row = self._recordings.pop(recording, None)
        if row is None:
            return False
        self._rows.write(
            msgspec.structs.replace(
                row,
                ended_ms=row.started_ms + left.duration_ms,
                duration_ms=left.duration_ms,
                # Messages are recorded without a chain.
                chain=left.chain if row.kind == "call" else "",
                paused_ms=left.paused_ms,
                gap_ms=gap_ms,
            )
        )
        return True

    def stream(self, call: int, leg: Leg, ended: StreamEnded) -> None:
        """Write down what the audio of a leg was like."""
        self._rows.write(
            StreamRow(
                id=self._ids(),
                call_id=call,
                leg_id=leg.id,
                line=leg.line,
                ended_ms=milliseconds(self._clock()),
                packets_in=ended.packets_in,
                packets_out=ended.packets_out,
                lost=ended.lost,
                late=ended.late,
                jitter_ms=ended.jitter_ms,
                round_trip_ms=ended.round_trip_ms,
                delay_ms=ended.delay_ms,
                far_lost=ended.far_lost,
                far_jitter_ms=ended.far_jitter_ms,
                mos=ended.mos,
            )
        )

    def open_rows(self) -> tuple[HistoryRow, ...]:
        """Rows of agents and recordings that are not complete."""
        return (*self._states.values(), *self._wrap_ups.values(), *self._recordings.values())

    def message_marked(self, row: RecordingRow) -> None:
        """A message was heard, deleted or restored."""
        self._rows.write(row)

    def open_recordings(self) -> tuple[RecordingRow, ...]:
        """Recordings that media has not reported complete; faxes are reported by their host."""
        return tuple(row for row in self._recordings.values() if row.kind != "fax")

    # -- agents ---------------------------------------------------------------------------

    def agent_state(self, change: AgentStateChanged, station: str) -> None:
        """End the agent's present interval and begin the next one."""
        now_ms = milliseconds(change.since)
        self._wrap_up(change, now_ms)
        before = self._states.pop(change.agent, None)
        if before is not None:
            ended = max(now_ms, before.started_ms)
            self._rows.write(msgspec.structs.replace(before, ended_ms=ended))
            if before.call_id is not None and change.state not in _WITH_CALL:
                self._visits.pop(before.call_id, None)
        row = AgentStateRow(
            id=self._ids(),
            agent_id=change.agent,
            state=change.state,
            reason=change.reason,
            station=station,
            call_id=change.call,
            started_ms=now_ms,
        )
        self._states[change.agent] = row
        self._rows.write(row)

    def _wrap_up(self, change: AgentStateChanged, now_ms: int) -> None:
        open_segment = self._wrap_ups.pop(change.agent, None)
        if open_segment is not None:
            ended = max(now_ms, open_segment.started_ms)
            self._rows.write(msgspec.structs.replace(open_segment, ended_ms=ended))
            visit = self._visits.pop(open_segment.call_id, None)
            if visit is not None:
                lasted = ended - open_segment.started_ms
                self._rows.write(msgspec.structs.replace(visit, wrap_up_ms=lasted))
        if change.state is AgentState.WRAP_UP and change.call is not None:
            visit = self._visits.get(change.call)
            segment = SegmentRow(
                id=self._ids(),
                call_id=change.call,
                visit_id=visit.id if visit is not None else None,
                kind="wrap_up",
                started_ms=now_ms,
                queue_id=change.queue,
                agent_id=change.agent,
            )
            self._wrap_ups[change.agent] = segment
            self._rows.write(segment)


def recording_path(kind: str, call: int, recording: int, now: float) -> str:
    """Where a recording goes, relative to the site: a folder a day, in UTC.

    A call has a recording for each agent who talks with its caller, so the call is not enough.
    """
    day = datetime.fromtimestamp(now, UTC).strftime("%Y/%m/%d")
    folder = "voicemail" if kind == "message" else "recordings"
    return f"{folder}/{day}/{to_text(call)}-{to_text(recording)}.wav"


def _segment_row(
    call: Call,
    segment: OpenSegment,
    ended_ms: int | None = None,
    result: str = "",
    detail: Mapping[str, object] = NOTHING_MORE,
) -> SegmentRow:
    return SegmentRow(
        id=segment.id,
        call_id=call.id,
        leg_id=segment.leg or None,
        visit_id=segment.visit or None,
        kind=segment.kind,
        started_ms=milliseconds(segment.started),
        ended_ms=ended_ms,
        line=segment.line,
        queue_id=segment.queue or None,
        agent_id=segment.agent or None,
        result=result,
        detail={**segment.detail, **detail},
    )


def _optional(moment: float) -> int | None:
    return milliseconds(moment) if moment else None
