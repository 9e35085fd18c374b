"""Reads the records for pages and API: calls with filters, one call with its segments.

The database is opened read-only when it is first needed, because control makes it. Times
leave here as seconds since 1970, durations as seconds, ids as 13-character texts.
"""

import asyncio
import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from acd_core.errors import AcdError
from acd_core.ids import from_text, to_text
from admin.errors import PageMissing, RecordsAway
from admin.recorded.lines import RecordingLine, in_parts, recording_line
from daemon.errors import StoreError
from daemon.store.connection import Store, open_store
from daemon.store.history import Call, QueueVisit, Recording, Segment, Stream
from daemon.store.people import Agent
from daemon.store.routing import Queue

PAGE_ROWS: Final = 50
OPEN: Final = "open"
"""Outcome to ask for calls (or, with a queue, visits) that have none yet."""
EXPORT_ROWS: Final = 50_000
SHOWN_ELSEWHERE: Final = frozenset({"ani", "dnis", "name", "language"})
"""Variables of every call, which its page shows as facts and not as answers."""
NOT_DIALLED: Final = re.compile(r"[^0-9+*#]")
FAXES: Final = ("fax", "t38")
LOCATIONS: Final = ("file", "mailbox", "to")
"""Details of a fax's segment that say where it is, not how it went."""


class CallFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of calls shows; it is the query of the page's address."""

    first: str = ""
    """First local day, 2026-11-21; empty for no limit."""
    last: str = ""
    queue: str = ""
    agent: str = ""
    outcome: str = ""
    number: str = ""
    """Part of the calling or called number."""

    def query(self) -> dict[str, str]:
        """The parts that are set, for an address."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    """One call in a list."""

    call: str
    started: float
    ended: float | None
    ani: str
    name: str
    dnis: str
    direction: str
    line: str
    queue: str
    queue_name: str
    agent: str
    agent_name: str
    outcome: str
    """Empty while the call is in progress."""
    wait_s: float
    talk_s: float
    duration_s: float | None
    recordings: int


class SegmentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One segment of a call."""

    segment: str
    kind: str
    started: float
    ended: float | None
    line: str
    queue: str
    agent: str
    agent_name: str
    result: str
    moved_by: str = ""
    """Who moved the caller there: a login, or a station."""
    moved_to: str = ""
    fax: dict[str, str] = {}
    """Of a fax, or of one between two others: pages, rate, what was lost on the way."""


class StreamLine(msgspec.Struct, frozen=True, kw_only=True):
    """How the audio of one leg arrived."""

    line: str
    packets: int
    lost: int
    """Never came, or came too late to be heard."""
    lost_percent: float
    jitter_ms: float
    round_trip_ms: float
    """0 when the far end sent no reports."""
    far_lost: int
    """Packets of ours that the far end missed, by its reports."""
    mos: float
    """Estimated quality, 1 to 4.5; 0 when nothing came."""


class CallDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One call with all that is known of it."""

    summary: CallLine
    language: str
    flow: str
    path: tuple[str, ...]
    answers: dict[str, str]
    cause: int
    ended_by: str
    disposition: str
    redirecting: str
    segments: tuple[SegmentLine, ...]
    recordings: tuple[RecordingLine, ...]
    streams: tuple[StreamLine, ...] = ()


class _Names(msgspec.Struct, frozen=True):
    queues: dict[int, tuple[str, str]]
    agents: dict[int, tuple[str, str]]

    def queue(self, key: int | None) -> tuple[str, str]:
        return self.queues.get(key or 0, ("", ""))

    def agent(self, key: int | None) -> tuple[str, str]:
        return self.agents.get(key or 0, ("", ""))


class Records:
    """The site's database, read-only."""

    def __init__(self, database: Path | str, zone: ZoneInfo) -> None:
        self._path = database
        self._zone = zone
        self._store: Store | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close the connection."""
        if self._store is not None:
            await self._store.close()
            self._store = None

    async def calls(
        self, wanted: CallFilter, *, offset: int = 0, limit: int = PAGE_ROWS
    ) -> tuple[list[CallLine], int]:
        """Calls that fit, newest first, with how many there are in all."""
        db = await self._database_open()
        names = await self._names(db)
        query = self._matching(wanted, names, db)
        total = await query.count()
        rows = await query.order_by("-started_ms", "-id").offset(offset).limit(limit)
        return await self._lines(rows, names, db), total

    async def call(self, text: str) -> CallDetail:
        """One call; PageMissing when there is none."""
        db = await self._database_open()
        found = await Call.get_or_none(id=_identifier(text), using_db=db)
        if found is None:
            raise PageMissing
        names = await self._names(db)
        (summary,) = await self._lines([found], names, db)
        segments = await Segment.filter(call_id=found.id).using_db(db).order_by("started_ms", "id")
        recordings = await Recording.filter(call_id=found.id).using_db(db)
        return CallDetail(
            summary=summary,
            language=found.language,
            flow=found.flow,
            path=tuple(found.path),
            answers={
                str(key): str(value)
                for key, value in found.data.items()
                if value not in ("", None) and key not in SHOWN_ELSEWHERE
            },
            cause=found.cause,
            ended_by=found.ended_by,
            disposition=found.disposition,
            redirecting=found.redirecting,
            segments=tuple(_segment_line(segment, names) for segment in segments),
            recordings=in_parts(recordings),
            streams=tuple(
                _stream_line(stream)
                for stream in await Stream.filter(call_id=found.id).using_db(db).order_by("id")
            ),
        )

    async def recording(self, text: str) -> tuple[RecordingLine, CallLine]:
        """One recording with its call; PageMissing when there is none."""
        db = await self._database_open()
        found = await Recording.get_or_none(id=_identifier(text), using_db=db)
        if found is None:
            raise PageMissing
        call = await Call.get_or_none(id=found.call_id, using_db=db)
        if call is None:
            raise PageMissing
        (summary,) = await self._lines([call], await self._names(db), db)
        return recording_line(found), summary

    async def _database_open(self) -> BaseDBAsyncClient:
        """The connection; named in every query, for other databases may be open too."""
        async with self._opening:
            if self._store is None:
                try:
                    self._store = await open_store(self._path, read_only=True)
                except StoreError as error:
                    raise RecordsAway from error
            return self._store.connection

    async def _names(self, db: BaseDBAsyncClient) -> _Names:
        queues = await Queue.all(using_db=db)
        agents = await Agent.all(using_db=db).select_related("user")
        return _Names(
            {queue.id: (queue.slug, queue.name or queue.slug) for queue in queues},
            {agent.id: (agent.user.login, agent.user.name or agent.user.login) for agent in agents},
        )

    def _matching(self, wanted: CallFilter, names: _Names, db: BaseDBAsyncClient) -> QuerySet[Call]:
        query = Call.all(using_db=db)
        first, last = day_start_ms(wanted.first, self._zone), day_end_ms(wanted.last, self._zone)
        if first is not None:
            query = query.filter(started_ms__gte=first)
        if last is not None:
            query = query.filter(started_ms__lt=last)
        if wanted.queue:
            # a call belongs to every queue that it visited, with the outcome of that visit
            visits = QueueVisit.filter(queue_id=_key_of(wanted.queue, names.queues)).using_db(db)
            if wanted.outcome:
                visits = visits.filter(outcome="" if wanted.outcome == OPEN else wanted.outcome)
            query = query.filter(id__in=Subquery(visits.values("call_id")))
        elif wanted.outcome == OPEN:
            query = query.filter(ended_ms__isnull=True)
        elif wanted.outcome:
            query = query.filter(outcome=wanted.outcome)
        if wanted.agent:
            query = query.filter(agent_id=_key_of(wanted.agent, names.agents))
        if number := NOT_DIALLED.sub("", wanted.number):
            query = query.filter(
                Q(ani__contains=number)
                | Q(ani_verbatim__contains=number)
                | Q(dnis__contains=number)
            )
        return query

    async def _lines(
        self, calls: list[Call], names: _Names, db: BaseDBAsyncClient
    ) -> list[CallLine]:
        ids = [call.id for call in calls]
        waits: dict[int, int] = dict.fromkeys(ids, 0)
        talks: dict[int, int] = dict.fromkeys(ids, 0)
        recordings: dict[int, int] = dict.fromkeys(ids, 0)
        for start in range(0, len(ids), 900):  # below SQLite's limit of variables
            some = ids[start : start + 900]
            for visit in await QueueVisit.filter(call_id__in=some).using_db(db):
                waits[visit.call_id] += (visit.left_ms or visit.entered_ms) - visit.entered_ms
                talks[visit.call_id] += visit.talk_ms
            found = Recording.filter(call_id__in=some, deleted_ms__isnull=True).using_db(db)
            for recording in await found.only("id", "call_id"):
                recordings[recording.call_id] += 1
        return [
            _call_line(call, names, waits[call.id], talks[call.id], recordings[call.id])
            for call in calls
        ]


def _call_line(call: Call, names: _Names, wait_ms: int, talk_ms: int, recordings: int) -> CallLine:
    queue, queue_name = names.queue(call.queue_id)
    agent, agent_name = names.agent(call.agent_id)
    ended = call.ended_ms
    return CallLine(
        call=to_text(call.id),
        started=call.started_ms / 1000,
        ended=None if ended is None else ended / 1000,
        ani=call.ani,
        name=call.name,
        dnis=call.dnis,
        direction=call.direction,
        line=call.line,
        queue=queue,
        queue_name=queue_name,
        agent=agent,
        agent_name=agent_name,
        outcome=call.outcome,
        wait_s=wait_ms / 1000,
        talk_s=talk_ms / 1000,
        duration_s=None if ended is None else (ended - call.started_ms) / 1000,
        recordings=recordings,
    )


def _segment_line(segment: Segment, names: _Names) -> SegmentLine:
    agent, agent_name = names.agent(segment.agent_id)
    return SegmentLine(
        segment=to_text(segment.id),
        kind=segment.kind,
        started=segment.started_ms / 1000,
        ended=None if segment.ended_ms is None else segment.ended_ms / 1000,
        line=segment.line,
        queue=names.queue(segment.queue_id)[0],
        agent=agent,
        agent_name=agent_name,
        result=segment.result,
        moved_by=str(segment.detail.get("by", "")),
        moved_to=str(segment.detail.get("to", "")),
        fax=_fax_figures(segment),
    )


def _fax_figures(segment: Segment) -> dict[str, str]:
    if segment.kind not in FAXES:
        return {}
    found = segment.detail.items()
    return {name: str(value) for name, value in found if value and name not in LOCATIONS}


def _stream_line(stream: Stream) -> StreamLine:
    missed = stream.lost + stream.late
    sent = stream.packets_in + stream.lost
    return StreamLine(
        line=stream.line,
        packets=stream.packets_in,
        lost=missed,
        lost_percent=round(100 * missed / sent, 2) if sent else 0.0,
        jitter_ms=stream.jitter_ms,
        round_trip_ms=stream.round_trip_ms,
        far_lost=stream.far_lost,
        mos=stream.mos,
    )


def _key_of(slug: str, known: dict[int, tuple[str, str]]) -> int:
    """The key of a slug; 0, which no row has, for an unknown one."""
    return next((key for key, (name, _) in known.items() if name == slug), 0)


def _identifier(text: str) -> int:
    try:
        return from_text(text)
    except AcdError:
        raise PageMissing from None


def day_start_ms(day: str, zone: ZoneInfo) -> int | None:
    """Local midnight of a day in UTC milliseconds; None for an empty or impossible day."""
    try:
        return int(datetime.combine(date.fromisoformat(day), time(), zone).timestamp() * 1000)
    except ValueError:
        return None


def day_end_ms(day: str, zone: ZoneInfo) -> int | None:
    """Midnight after a day; days with a clock change are 23 or 25 hours."""
    try:
        after = date.fromisoformat(day) + timedelta(days=1)
    except ValueError:
        return None
    return day_start_ms(after.isoformat(), zone)
