"""The agent's desk: seat, state, who is calling, the call, wrap-up, my last calls.

Every action answers with the desk's parts; the socket sends them when something happens
elsewhere, for instance an offer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from sanic import Blueprint, HTTPResponse, Websocket
from sanic.response import html as html_response

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.errors import PageMissing, RecordsAway
from admin.language import translator
from admin.live import gathered
from admin.records import CallFilter, CallLine
from admin.rendering import fragment, page
from daemon.service.errors import ServiceError
from daemon.service.live import (
    AgentChanged,
    CallChanged,
    LiveUpdate,
    QueueChanged,
    Reset,
    SettingsChanged,
)
from daemon.service.messages import Actor, Desk

blueprint = Blueprint("desk")

BEAT_S = 4.0
"""Seconds at most without a word."""
QUEUES_S = 2.0
"""Seconds at least between two times that a desk is drawn because callers came or went: hundreds of
desks drawn at each call would cost more than the calls. An agent's own news come at once."""
LAST_CALLS = 6

SHOWN = ("wrong-state", "conflict", "not-found", "invalid", "unavailable")
"""Refusals that are told on the desk itself."""

Action = Callable[[ConsoleRequest], Awaitable[Desk]]


@blueprint.get("/desk")
@needs("agent")
async def show(request: ConsoleRequest) -> HTTPResponse:
    """The desk as it is now."""
    values = await _values(request, await request.console.service.my_desk(request.actor))
    return await page(request, "agent/desk.html", **values)


@blueprint.get("/desk/parts")
@needs("agent")
async def parts(request: ConsoleRequest) -> HTTPResponse:
    """The desk's parts, for polling and after a socket was lost."""
    return await _answer(request, await request.console.service.my_desk(request.actor))


@blueprint.post("/desk/<action:str>")
@needs("agent")
async def act(request: ConsoleRequest, action: str) -> HTTPResponse:
    """Do one thing at the desk; a refusal is shown on the desk, with what is true now."""
    step = ACTIONS.get(action)
    if step is None:
        raise PageMissing
    try:
        return await _answer(request, await step(request))
    except ServiceError as error:
        if error.code not in SHOWN:
            raise
        desk = await request.console.service.my_desk(request.actor)
        return await _answer(request, desk, fault=error.text(request.ctx.language))


@blueprint.websocket("/desk/ws")  # type: ignore[untyped-decorator]
@needs("agent")
async def stream(request: ConsoleRequest, ws: Websocket) -> None:
    """Send the desk when the agent's state or call changes, and now and then for the queues."""
    console = request.console
    loop = asyncio.get_running_loop()
    stale, drawn, sent = False, 0.0, loop.time()
    # Silence is looked at as often as queues are drawn: what came too early must not wait for news.
    async for batch in gathered(console.hub.subscribe(console.hub.state().seq), beat_s=QUEUES_S):
        person = await console.sessions.find(
            console.service, request.ctx.secret, console.clock(), token=False
        )
        stale = stale or _of_queues(batch)
        due = stale and loop.time() - drawn >= QUEUES_S
        concerned = due or _concerns(batch, person.login)
        speaking = _speaking(batch, person.login, request)
        if not concerned and speaking is None and loop.time() - sent < BEAT_S:
            continue
        sent = loop.time()
        message: dict[str, Any] = {"now": console.hub.now(), "fresh": console.hub.fresh}
        if speaking is not None:
            message["speaking"] = speaking
        if concerned:
            stale, drawn = False, loop.time()
            message["html"] = await _html(request, await console.service.my_desk(request.actor))
        await ws.send(msgspec.json.encode(message).decode())


def _of_queues(batch: list[LiveUpdate]) -> bool:
    """True when callers came or went."""
    return any(isinstance(update.change, QueueChanged) for update in batch)


def _speaking(batch: list[LiveUpdate], login: str, request: ConsoleRequest) -> str | None:
    """Who speaks now in an agent's call, to be shown; None when nothing is known of it."""
    said: str | None = None
    for update in batch:
        match update.change:
            case CallChanged(call) if call.agent == login:
                names = (speaker_name(who, request.ctx.language) for who in call.speakers)
                said = ", ".join(names)
            case _:
                continue
    return said


def speaker_name(who: str, language: str) -> str:
    """How a speaker is called; agents are told of themselves."""
    names = {"caller": "desk.speaks_caller", "agent": "desk.speaks_you"}
    return translator(language)(names[who]) if who in names else who


def _concerns(batch: list[LiveUpdate], login: str) -> bool:
    """True when a change may alter the desk of an agent."""
    for update in batch:
        match update.change:
            case AgentChanged(agent) if agent.login == login:
                return True
            case CallChanged(call) if call.state in ("parked", "outside"):
                return True  # the list of parked callers is on every desk
            case Reset() | SettingsChanged():
                return True
            case _:
                continue
    return False


async def _log_in(request: ConsoleRequest) -> Desk:
    return await request.console.service.agent_log_in(request.actor, request.field("station"))


async def _pause(request: ConsoleRequest) -> Desk:
    return await request.console.service.pause(request.actor, request.field("reason"))


async def _disposition(request: ConsoleRequest) -> Desk:
    service, actor = request.console.service, request.actor
    await service.set_disposition(
        actor, request.field("call"), request.field("disposition"), request.field("note")
    )
    return await service.my_desk(actor)


async def _hold(request: ConsoleRequest) -> Desk:
    return await request.console.service.hold(request.actor, on=True)


async def _retrieve(request: ConsoleRequest) -> Desk:
    return await request.console.service.hold(request.actor, on=False)


async def _pause_recording(request: ConsoleRequest) -> Desk:
    return await request.console.service.pause_recording(request.actor, on=True)


async def _resume_recording(request: ConsoleRequest) -> Desk:
    return await request.console.service.pause_recording(request.actor, on=False)


async def _transfer(request: ConsoleRequest) -> Desk:
    return await request.console.service.transfer(request.actor, request.field("to").strip())


async def _consult(request: ConsoleRequest) -> Desk:
    return await request.console.service.consult(request.actor, request.field("to").strip())


def _consult_step(step: str) -> Action:
    async def ask(request: ConsoleRequest) -> Desk:
        return await request.console.service.consult_step(request.actor, step)

    return ask


async def _park(request: ConsoleRequest) -> Desk:
    return await request.console.service.park(request.actor, "")


async def _dial(request: ConsoleRequest) -> Desk:
    return await request.console.service.dial(request.actor, request.field("to").strip())


def _plain(name: str) -> Action:
    """An action that needs nothing but the actor."""

    async def step(request: ConsoleRequest) -> Desk:
        method: Callable[[Actor], Awaitable[Desk]] = getattr(request.console.service, name)
        return await method(request.actor)

    return step


ACTIONS: dict[str, Action] = {
    "log-in": _log_in,
    "pause": _pause,
    "hold": _hold,
    "retrieve": _retrieve,
    "pause-recording": _pause_recording,
    "resume-recording": _resume_recording,
    "transfer": _transfer,
    "consult": _consult,
    **{f"consult-{step}": _consult_step(step) for step in ("swap", "complete", "join", "cancel")},
    "park": _park,
    "dial": _dial,
    "disposition": _disposition,
    "log-out": _plain("agent_log_out"),
    "ready": _plain("ready"),
    "end-wrap-up": _plain("end_wrap_up"),
    "accept": _plain("accept"),
    "reject": _plain("reject"),
    "hang-up": _plain("hang_up"),
}


async def _answer(request: ConsoleRequest, desk: Desk, *, fault: str = "") -> HTTPResponse:
    return html_response(await _html(request, desk, fault=fault))


async def _html(request: ConsoleRequest, desk: Desk, *, fault: str = "") -> str:
    return fragment(
        "parts/desk.html",
        language=request.ctx.language,
        zone=request.console.options.zone,
        now=request.console.hub.now(),
        values=await _values(request, desk, fault=fault),
    )


async def _values(request: ConsoleRequest, desk: Desk, *, fault: str = "") -> dict[str, Any]:
    service = request.console.service
    state = request.console.hub.state()
    return {
        "desk": desk,
        "fault": fault,
        "stations": await service.list_stations(request.actor)
        if desk.state == "logged_out"
        else (),
        "usual_station": request.ctx.person.station if request.ctx.person else "",
        "reasons": [
            (reason.slug, reason.text.of(request.ctx.language))
            for reason in await service.list_pause_reasons()
            if reason.enabled
        ],
        "queues": [queue for queue in state.queues if queue.slug in desk.queues],
        "last_calls": await _last_calls(request, desk.login),
        "server_now": request.console.hub.now(),
    }


async def _last_calls(request: ConsoleRequest, login: str) -> list[CallLine]:
    try:
        lines, _ = await request.console.records.calls(CallFilter(agent=login), limit=LAST_CALLS)
    except RecordsAway:
        return []  # the desk works without its history
    return lines
