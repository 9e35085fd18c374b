"""The agent's own state and call for programs: the same actions as at the desk."""

import msgspec
from sanic import Blueprint, HTTPResponse

from admin.api.openapi import endpoint, read_body, reply
from admin.context import ConsoleRequest
from daemon.service.messages import Desk

blueprint = Blueprint("api_desk")

AGENT = ("agent",)


class Seat(msgspec.Struct, frozen=True):
    """Where the agent sits."""

    station: str


class Pause(msgspec.Struct, frozen=True):
    """Why the agent pauses: the slug of a reason."""

    reason: str


class Target(msgspec.Struct, frozen=True):
    """Whom the caller is connected with: a number, a station, or a colleague's login."""

    to: str


class Step(msgspec.Struct, frozen=True):
    """What happens to a consultation: swap, complete, join or cancel."""

    step: str


class Parking(msgspec.Struct, frozen=True):
    """Where the caller rests; empty: in the first slot that is free."""

    slot: str = ""


class RecordingPause(msgspec.Struct, frozen=True):
    """Whether silence is recorded instead of the conversation."""

    on: bool


class Hold(msgspec.Struct, frozen=True):
    """Whether the caller is put on hold or taken back."""

    on: bool


@endpoint(
    blueprint,
    "GET",
    "/desk",
    "My state, offer and call",
    "我的状态、来电和通话",
    roles=AGENT,
    result=Desk,
)
async def desk(request: ConsoleRequest) -> HTTPResponse:
    """With the caller's card before the call is answered."""
    return reply(await request.console.service.my_desk(request.actor))


@endpoint(
    blueprint,
    "POST",
    "/desk/log-in",
    "Take a seat",
    "就座登录",
    roles=AGENT,
    body=Seat,
    result=Desk,
)
async def log_in(request: ConsoleRequest) -> HTTPResponse:
    """At a station."""
    seat = read_body(request, Seat)
    return reply(await request.console.service.agent_log_in(request.actor, seat.station))


@endpoint(blueprint, "POST", "/desk/log-out", "Leave the seat", "离席", roles=AGENT, result=Desk)
async def log_out(request: ConsoleRequest) -> HTTPResponse:
    """Not during a call."""
    return reply(await request.console.service.agent_log_out(request.actor))


@endpoint(blueprint, "POST", "/desk/ready", "Be available", "置闲", roles=AGENT, result=Desk)
async def ready(request: ConsoleRequest) -> HTTPResponse:
    """After log-in, pause or wrap-up."""
    return reply(await request.console.service.ready(request.actor))


@endpoint(blueprint, "POST", "/desk/pause", "Pause", "暂停", roles=AGENT, body=Pause, result=Desk)
async def pause(request: ConsoleRequest) -> HTTPResponse:
    """During a call it counts from its end."""
    given = read_body(request, Pause)
    return reply(await request.console.service.pause(request.actor, given.reason))


@endpoint(
    blueprint, "POST", "/desk/accept", "Answer the offer", "接听来电", roles=AGENT, result=Desk
)
async def accept(request: ConsoleRequest) -> HTTPResponse:
    """Where the station allows it."""
    return reply(await request.console.service.accept(request.actor))


@endpoint(
    blueprint, "POST", "/desk/reject", "Give the offer back", "退回来电", roles=AGENT, result=Desk
)
async def reject(request: ConsoleRequest) -> HTTPResponse:
    """The caller keeps age and place."""
    return reply(await request.console.service.reject(request.actor))


@endpoint(
    blueprint,
    "POST",
    "/desk/transfer",
    "Connect the caller with somebody else",
    "将来电者转接给他人",
    roles=AGENT,
    body=Target,
    result=Desk,
)
async def transfer(request: ConsoleRequest) -> HTTPResponse:
    """Until the target answers the caller stays."""
    target = read_body(request, Target)
    return reply(await request.console.service.transfer(request.actor, target.to))


@endpoint(
    blueprint,
    "POST",
    "/desk/consult",
    "Ask somebody while the caller waits",
    "咨询他人，来电者保持",
    roles=AGENT,
    body=Target,
    result=Desk,
)
async def consult(request: ConsoleRequest) -> HTTPResponse:
    """An attended transfer begins so; the caller hears music."""
    target = read_body(request, Target)
    return reply(await request.console.service.consult(request.actor, target.to))


@endpoint(
    blueprint,
    "POST",
    "/desk/consult-step",
    "Go to the other one, hand over, talk all three, or come back",
    "切换通话对象、完成转接、三方通话或取消咨询",
    roles=AGENT,
    body=Step,
    result=Desk,
)
async def consult_step(request: ConsoleRequest) -> HTTPResponse:
    """One of swap, complete, join and cancel; 409 when nobody is being asked."""
    given = read_body(request, Step)
    return reply(await request.console.service.consult_step(request.actor, given.step))


@endpoint(
    blueprint,
    "POST",
    "/desk/park",
    "Let the caller rest in a slot",
    "将来电者驻留",
    roles=AGENT,
    body=Parking,
    result=Desk,
)
async def park(request: ConsoleRequest) -> HTTPResponse:
    """Whoever dials the slot takes the caller back."""
    given = read_body(request, Parking)
    return reply(await request.console.service.park(request.actor, given.slot))


@endpoint(
    blueprint,
    "POST",
    "/desk/dial",
    "Ring my telephone and call a number, a colleague or a code",
    "先振我的话机，再呼叫号码、同事或功能码",
    roles=AGENT,
    body=Target,
    result=Desk,
)
async def dial(request: ConsoleRequest) -> HTTPResponse:
    """Numbers outside only where the site allows them (`[telephones]`)."""
    target = read_body(request, Target)
    return reply(await request.console.service.dial(request.actor, target.to))


@endpoint(
    blueprint,
    "POST",
    "/desk/hold",
    "Hold or retrieve",
    "保持或取回",
    roles=AGENT,
    body=Hold,
    result=Desk,
)
async def hold(request: ConsoleRequest) -> HTTPResponse:
    """The caller hears music meanwhile."""
    given = read_body(request, Hold)
    return reply(await request.console.service.hold(request.actor, on=given.on))


@endpoint(
    blueprint,
    "POST",
    "/desk/recording-pause",
    "Pause the recording of my call, or go on",
    "暂停或继续我的通话录音",
    roles=AGENT,
    body=RecordingPause,
    result=Desk,
)
async def pause_recording(request: ConsoleRequest) -> HTTPResponse:
    """For card numbers; it is answered when media has done it."""
    given = read_body(request, RecordingPause)
    return reply(await request.console.service.pause_recording(request.actor, on=given.on))


@endpoint(
    blueprint, "POST", "/desk/hang-up", "End my call", "挂断我的通话", roles=AGENT, result=Desk
)
async def hang_up(request: ConsoleRequest) -> HTTPResponse:
    """Wrap-up follows."""
    return reply(await request.console.service.hang_up(request.actor))
