"""Calls: the list with filters in its address, CSV, one call with its recordings."""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec
from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.errors import NotAllowed
from admin.records import PAGE_ROWS, CallDetail, CallFilter, CallLine, SegmentLine
from admin.rendering import page
from daemon.service.errors import ServiceError
from daemon.service.fax.words import record_words
from daemon.service.messages import Decision

blueprint = Blueprint("calls")

WATCHERS = ("supervisor", "administrator")
READERS = ("agent", *WATCHERS)
OUTCOMES = (
    "answered",
    "abandoned",
    "voicemail",
    "overflowed",
    "timed_out",
    "refused",
    "callback_taken",
    "transferred_out",
    "ivr_contained",
    "machine",
    "failed",
    "open",
)
EXPORT_BATCH = 500
EXPORT_MOST = 50_000


@blueprint.get("/calls")
@needs(*READERS)
async def show(request: ConsoleRequest) -> HTTPResponse:
    """The list; an agent sees only the calls that he or she talked on."""
    wanted = filter_of(request)
    text = request.args.get("page") or "1"
    number = max(int(text), 1) if text.isdigit() and len(text) < 7 else 1
    lines, total = await request.console.records.calls(wanted, offset=(number - 1) * PAGE_ROWS)
    state = request.console.hub.state()
    return await page(
        request,
        "supervisor/calls.html",
        lines=lines,
        total=total,
        wanted=wanted,
        query=urlencode(wanted.query()),
        number=number,
        pages=max(-(-total // PAGE_ROWS), 1),
        queues=[(queue.slug, queue.name) for queue in state.queues],
        agents=[(agent.login, agent.name) for agent in state.agents],
        outcomes=OUTCOMES,
        own_only=not request.roles & set(WATCHERS),
    )


@blueprint.get("/calls.csv")
@needs(*READERS)
async def export(request: ConsoleRequest) -> None:
    """The filtered list as CSV, times in UTC, durations in seconds."""
    wanted = filter_of(request)
    response = await request.respond(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="calls.csv"'},
    )
    async for text in _csv(request, wanted):
        await response.send(text)
    await response.eof()


@blueprint.get("/calls/<call:str>")
@needs(*READERS)
async def detail(request: ConsoleRequest, call: str) -> HTTPResponse:
    """One call: who, what happened when, recordings, why it went to whom."""
    found = await request.console.records.call(call)
    allow(request, found.summary)
    names = {agent.login: agent.name for agent in request.console.hub.state().agents}
    return await page(
        request,
        "supervisor/call.html",
        detail=found,
        call=found.summary,
        bars=timeline(found, request.console.hub.now(), names, request.ctx.language),
        decisions=await _decisions(request, call),
        names=names,
        live=next((c for c in request.console.hub.state().calls if c.call == call), None),
    )


@blueprint.post("/calls/<call:str>/release")
@needs(*WATCHERS)
async def release(request: ConsoleRequest, call: str) -> HTTPResponse:
    """End a call in progress."""
    await request.console.service.release_call(request.actor, call)
    if "hx-request" in request.headers:
        return HTTPResponse(status=204)
    return redirect(f"/calls/{call}")


def filter_of(request: ConsoleRequest) -> CallFilter:
    """The filter in the address; for agents always their own calls."""
    given = {name: (request.args.get(name) or "").strip() for name in CallFilter.__struct_fields__}
    if not request.roles & set(WATCHERS):
        given["agent"] = request.actor.login
    return CallFilter(**given)


def allow(request: ConsoleRequest, call: CallLine) -> None:
    """Refuse an agent somebody else's call."""
    if not request.roles & set(WATCHERS) and call.agent != request.actor.login:
        raise NotAllowed


class Bar(msgspec.Struct, frozen=True):
    """One segment on the timeline, in thousandths of the call's length."""

    kind: str
    left: float
    width: float
    started: float
    length_s: float
    who: str
    result: str
    more: str = ""


def timeline(
    detail: CallDetail, now: float, names: Mapping[str, str], language: str = "en"
) -> list[Bar]:
    """Segments as bars; one that is still open ends now. ``names`` are those of logins."""
    start = detail.summary.started
    end = max([detail.summary.ended or now] + [s.ended or 0.0 for s in detail.segments])
    length = max(end - start, 0.001)
    return [
        Bar(
            kind=segment.kind,
            left=max((segment.started - start) / length * 1000, 0.0),
            width=max(((segment.ended or now) - segment.started) / length * 1000, 2.0),
            started=segment.started,
            length_s=(segment.ended or now) - segment.started,
            who=_who(segment, names),
            result=segment.result,
            more=" · ".join(record_words(segment.fax, language)),
        )
        for segment in detail.segments
    ]


def _who(segment: SegmentLine, names: Mapping[str, str]) -> str:
    """Who was in a segment; where the caller was moved, who moved him to whom."""
    if segment.moved_to:
        by = names.get(segment.moved_by) or segment.moved_by
        return f"{by} → {segment.moved_to}".removeprefix(" → ")
    return segment.agent_name or segment.line


async def _decisions(request: ConsoleRequest, call: str) -> list[Decision]:
    if not request.roles & set(WATCHERS):
        return []
    try:
        return list(await request.console.service.why(request.actor, call))
    except ServiceError:
        return []  # reasons are kept for a while only; the rest of the page is there


async def _csv(request: ConsoleRequest, wanted: CallFilter) -> AsyncIterator[str]:
    names = CallLine.__struct_fields__
    yield "\ufeff" + ",".join(names) + "\r\n"  # the mark makes spreadsheets read UTF-8
    for offset in range(0, EXPORT_MOST, EXPORT_BATCH):
        lines, _ = await request.console.records.calls(wanted, offset=offset, limit=EXPORT_BATCH)
        text = io.StringIO()
        writer = csv.writer(text)
        for line in lines:
            writer.writerow([_cell(name, getattr(line, name)) for name in names])
        yield text.getvalue()
        if len(lines) < EXPORT_BATCH:
            return


def _cell(name: str, value: object) -> object:
    """A moment as UTC text, a text that no spreadsheet takes for a formula."""
    if name in ("started", "ended") and isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    if (isinstance(value, str) and value[:1] in ("=", "@", "-", "\t")) or value == "+":
        return f"'{value}"
    return "" if value is None else value
