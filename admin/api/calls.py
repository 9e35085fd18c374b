"""Calls and recordings for programs."""

import msgspec
from sanic import Blueprint, HTTPResponse

from admin.api.openapi import Parameter, endpoint, read_body, reply
from admin.context import ConsoleRequest
from admin.pages.supervisor.calls import READERS, WATCHERS, allow, filter_of
from admin.pages.supervisor.recordings import send_audio, send_whole
from admin.records import PAGE_ROWS, CallDetail, CallLine
from daemon.service.messages import Decision

blueprint = Blueprint("api_calls")

MOST_ROWS = 500


class CallPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the calls that fit, newest first."""

    calls: list[CallLine]
    total: int
    offset: int


class Supervising(msgspec.Struct, frozen=True, kw_only=True):
    """Where to ring, and what to do in the conversation: listen, whisper or barge."""

    station: str
    part: str


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a recording is kept however old it gets."""

    on: bool


@endpoint(
    blueprint,
    "GET",
    "/calls",
    "Calls, newest first; an agent gets only own ones",
    "通话列表，最新在前；座席只能看到本人的",
    roles=READERS,
    result=CallPage,
    parameters=(
        Parameter("first", "first local day, 2026-11-21"),
        Parameter("last", "last local day"),
        Parameter("queue", "slug of a queue that the call visited"),
        Parameter("agent", "login of who talked with the caller"),
        Parameter("outcome", "answered, abandoned, voicemail, ... or open"),
        Parameter("number", "part of the calling or called number"),
        Parameter("offset", "rows to leave out", "integer"),
        Parameter("limit", "rows wanted, at most 500", "integer"),
    ),
)
async def calls(request: ConsoleRequest) -> HTTPResponse:
    """A page of calls with the number of all."""
    offset = _number(request, "offset", 0, 10_000_000)
    limit = _number(request, "limit", PAGE_ROWS, MOST_ROWS)
    lines, total = await request.console.records.calls(
        filter_of(request), offset=offset, limit=limit
    )
    return reply(CallPage(calls=lines, total=total, offset=offset))


@endpoint(
    blueprint,
    "GET",
    "/calls/<call:str>",
    "One call with its segments",
    "一通电话及其各阶段",
    roles=READERS,
    result=CallDetail,
)
async def call(request: ConsoleRequest, call: str) -> HTTPResponse:
    """Everything on record about a call."""
    found = await request.console.records.call(call)
    allow(request, found.summary)
    return reply(found)


@endpoint(
    blueprint,
    "GET",
    "/calls/<call:str>/why",
    "Why it went to whom",
    "分配给谁以及原因",
    roles=WATCHERS,
    result=list[Decision],
)
async def why(request: ConsoleRequest, call: str) -> HTTPResponse:
    """Every decision with its candidates."""
    return reply(await request.console.service.why(request.actor, call))


@endpoint(
    blueprint,
    "POST",
    "/calls/<call:str>/release",
    "End a call in progress",
    "结束进行中的通话",
    roles=WATCHERS,
)
async def release(request: ConsoleRequest, call: str) -> HTTPResponse:
    """End it; 404 when it has already ended."""
    await request.console.service.release_call(request.actor, call)
    return HTTPResponse(status=204)


@endpoint(
    blueprint,
    "POST",
    "/calls/<call:str>/supervise",
    "Listen to a conversation, whisper to its agent or barge in; again to change the part",
    "监听通话、向座席密语或强插；再次请求可切换方式",
    roles=WATCHERS,
    body=Supervising,
)
async def supervise(request: ConsoleRequest, call: str) -> HTTPResponse:
    """The station rings; 409 when it cannot, or somebody else supervises the call."""
    wish = read_body(request, Supervising)
    await request.console.service.supervise(request.actor, call, wish.station, wish.part)
    return HTTPResponse(status=204)


@endpoint(
    blueprint,
    "POST",
    "/calls/<call:str>/stop-supervising",
    "Leave a conversation",
    "退出监听",
    roles=WATCHERS,
)
async def stop_supervising(request: ConsoleRequest, call: str) -> HTTPResponse:
    """The station is released; 404 when nobody supervises the call."""
    await request.console.service.stop_supervising(request.actor, call)
    return HTTPResponse(status=204)


@endpoint(
    blueprint,
    "GET",
    "/recordings/<recording:str>",
    "The audio of a recording; byte ranges are served",
    "录音的音频，支持按字节范围读取",
    roles=READERS,
    content_type="audio/wav",
)
async def recording(request: ConsoleRequest, recording: str) -> HTTPResponse | None:
    """The WAV file."""
    return await send_audio(request, recording)


@endpoint(
    blueprint,
    "GET",
    "/recordings/<recording:str>/whole",
    "All parts of the recording of a conversation as one WAV file",
    "一次通话录音的全部分段，合为一个 WAV 文件",
    roles=READERS,
    content_type="audio/wav",
)
async def whole(request: ConsoleRequest, recording: str) -> HTTPResponse | None:
    """The parts in order, with silence between them where nothing was recorded."""
    return await send_whole(request, recording)


@endpoint(
    blueprint,
    "POST",
    "/recordings/<recording:str>/hold",
    "Keep a recording however old it gets, or no longer",
    "长期保留录音，或取消保留",
    roles=("administrator",),
    body=Holding,
)
async def hold(request: ConsoleRequest, recording: str) -> HTTPResponse:
    """Held recordings are not deleted by ``keep_days``; 409 for one that is deleted already."""
    wish = read_body(request, Holding)
    await request.console.service.hold_recording(request.actor, recording, on=wish.on)
    return HTTPResponse(status=204)


def _number(request: ConsoleRequest, name: str, default: int, most: int) -> int:
    text = request.args.get(name) or ""
    return min(int(text), most) if text.isdigit() and len(text) < 12 else default
