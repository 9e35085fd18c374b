"""The live page: queues with their callers, agents, calls in progress.

The page is made of parts with stable ids. The socket sends the changed parts, rendered,
with control's numbers; ``/live/parts`` gives all of them for browsers without a socket.
"""

from datetime import datetime
from typing import Any

import msgspec
from sanic import Blueprint, HTTPResponse, Websocket
from sanic.response import json

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.live import gathered
from admin.rendering import fragment, page
from daemon.service.live import (
    AgentChanged,
    CallChanged,
    Gone,
    LiveState,
    LiveUpdate,
    QueueChanged,
    Reset,
)

blueprint = Blueprint("live")

WATCHERS = ("supervisor", "administrator")
BEAT_S = 2.0
TILE_STATES = ("ready", "talking", "wrap_up", "paused")


@blueprint.get("/live")
@needs(*WATCHERS)
async def show(request: ConsoleRequest) -> HTTPResponse:
    """The whole page; its script goes on from the number in it."""
    hub = request.console.hub
    state = hub.state()
    return await page(
        request,
        "supervisor/live.html",
        state=state,
        tiles=tiles(state),
        server_now=hub.now(),
        fresh=hub.fresh,
        day=_today(request),
        queue_names=_queue_names(state),
        stations=[each.name for each in await request.console.service.list_station_settings()],
    )


@blueprint.get("/live/parts")
@needs(*WATCHERS)
async def parts(request: ConsoleRequest) -> HTTPResponse:
    """Every part, for polling."""
    return json(_message(request, None))


@blueprint.websocket("/live/ws")  # type: ignore[untyped-decorator]
@needs(*WATCHERS)
async def stream(request: ConsoleRequest, ws: Websocket) -> None:
    """Send changed parts as they come, and a beat when nothing does."""
    after = request.args.get("after") or "0"
    hub = request.console.hub
    seen = int(after) if after.isdigit() else 0
    async for batch in gathered(hub.subscribe(seen), beat_s=BEAT_S):
        await request.console.sessions.find(
            request.console.service, request.ctx.secret, request.console.clock(), token=False
        )
        await ws.send(msgspec.json.encode(_message(request, batch)).decode())


def tiles(state: LiveState) -> dict[str, Any]:
    """The figures at the top, for the whole hotline."""
    base = sum(queue.today.offered - queue.today.short_abandoned for queue in state.queues)
    in_time = sum(queue.today.answered_in_time for queue in state.queues)
    targets = [queue.service_level_target for queue in state.queues]
    states = [agent.state for agent in state.agents]
    limits = [queue.max_wait_s for queue in state.queues if queue.max_wait_s and queue.callers]
    return {
        "waiting": sum(queue.callers for queue in state.queues),
        "longest_since": min(
            (queue.oldest_since for queue in state.queues if queue.callers), default=0.0
        ),
        "longest_limit": min(limits, default=120.0),
        "service_level": in_time / base if base > 0 else None,
        "target": max(targets, default=0.8),
        "agents": {name: states.count(name) for name in TILE_STATES},
        "signed_in": sum(name != "logged_out" for name in states),
        "abandoned": sum(queue.today.abandoned for queue in state.queues),
        "offered": sum(queue.today.offered for queue in state.queues),
        "answered": sum(queue.today.answered for queue in state.queues),
        "calls": len(state.calls),
    }


def _message(request: ConsoleRequest, batch: list[LiveUpdate] | None) -> dict[str, Any]:
    """What the page's script gets: parts to put in, ids to take out."""
    hub = request.console.hub
    state = hub.state()
    message: dict[str, Any] = {
        "seq": batch[-1].seq if batch else state.seq,
        "now": hub.now(),
        "fresh": hub.fresh,
    }
    if batch == []:
        return message
    whole = batch is None or any(isinstance(update.change, Reset) for update in batch)
    changed = _everything(state) if whole else _latest(batch or [])
    html = [_part(request, "tiles", "tiles", {"tiles": tiles(state)})]
    gone: list[str] = []
    for (kind, key), thing in changed.items():
        if thing is None:
            gone.append(f"{kind}-{key}")
        else:
            html.append(_part(request, kind, f"{kind}-{key}", {kind: thing}))
    return message | {"parts": html, "gone": gone, "whole": whole}


def _everything(state: LiveState) -> dict[tuple[str, str], Any]:
    """Each thing in the picture, as if all had changed."""
    return {
        **{("queue", queue.slug): queue for queue in state.queues},
        **{("agent", agent.login): agent for agent in state.agents},
        **{("call", call.call): call for call in state.calls},
    }


def _latest(batch: list[LiveUpdate]) -> dict[tuple[str, str], Any]:
    """The last word about each thing in a batch; None for what is gone."""
    latest: dict[tuple[str, str], Any] = {}
    for update in batch:
        match update.change:
            case QueueChanged(queue):
                latest["queue", queue.slug] = queue
            case AgentChanged(agent):
                latest["agent", agent.login] = agent
            case CallChanged(call):
                latest["call", call.call] = call
            case Gone(kind, key):
                latest[kind, key] = None
            case _:
                pass
    return latest


def _part(
    request: ConsoleRequest, kind: str, part: str, values: dict[str, object]
) -> dict[str, str]:
    html = fragment(
        f"parts/live_{kind}.html",
        language=request.ctx.language,
        zone=request.console.options.zone,
        now=request.console.hub.now(),
        values=values
        | {"day": _today(request), "queue_names": _queue_names(request.console.hub.state())},
    )
    return {"id": part, "kind": kind, "html": html}


def _queue_names(state: LiveState) -> dict[str, str]:
    return {queue.slug: queue.name for queue in state.queues}


def _today(request: ConsoleRequest) -> str:
    now = datetime.fromtimestamp(request.console.hub.now(), request.console.options.zone)
    return now.date().isoformat()
