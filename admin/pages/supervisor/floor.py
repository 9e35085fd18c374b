"""What a supervisor may do on the floor: states of people, queues, call-backs, conversations."""

from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.errors import PageMissing

blueprint = Blueprint("floor")


@blueprint.post("/agents/<login:str>/state/<action:str>", unquote=True)
@needs("supervisor", "administrator")
async def set_state(request: ConsoleRequest, login: str, action: str) -> HTTPResponse:
    """Change another person's state; control audits who did it."""
    service, actor = request.console.service, request.actor
    match action:
        case "ready":
            await service.set_agent_ready(actor, login)
        case "pause":
            await service.set_agent_paused(actor, login, request.field("reason"))
        case "log-out":
            await service.set_agent_logged_out(actor, login)
        case _:
            raise PageMissing
    if "hx-request" in request.headers:
        return HTTPResponse(status=204)
    return redirect("/agents")


@blueprint.post("/queues/<slug:str>/<state:str>", unquote=True)
@needs("supervisor", "administrator")
async def set_attended(request: ConsoleRequest, slug: str, state: str) -> HTTPResponse:
    """Let nobody into a queue, or let callers in again; control audits who did it."""
    if state not in ("unattended", "attended"):
        raise PageMissing
    await request.console.service.set_queue_unattended(
        request.actor, slug, unattended=state == "unattended"
    )
    return _back(request)


@blueprint.post("/callbacks/<call:str>/cancel")
@needs("supervisor", "administrator")
async def cancel_callback(request: ConsoleRequest, call: str) -> HTTPResponse:
    """Give up the place that is kept for a caller."""
    await request.console.service.cancel_callback(request.actor, call)
    return _back(request)


@blueprint.post("/calls/<call:str>/supervise")
@needs("supervisor", "administrator")
async def supervise(request: ConsoleRequest, call: str) -> HTTPResponse:
    """Listen to a conversation, whisper to its agent or barge in; control audits the part."""
    await request.console.service.supervise(
        request.actor, call, request.field("station"), request.field("part")
    )
    return _back(request)


@blueprint.post("/calls/<call:str>/stop-supervising")
@needs("supervisor", "administrator")
async def stop_supervising(request: ConsoleRequest, call: str) -> HTTPResponse:
    """Leave a conversation."""
    await request.console.service.stop_supervising(request.actor, call)
    return _back(request)


def _back(request: ConsoleRequest) -> HTTPResponse:
    """Nothing for a script, which sees the change by itself; else the live page."""
    if "hx-request" in request.headers:
        return HTTPResponse(status=204)
    return redirect("/live")
