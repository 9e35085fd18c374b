"""How the hotline is, for programs and monitoring, and the page about this interface."""

import msgspec
from sanic import Blueprint, HTTPResponse

from admin.api.openapi import ENDPOINTS, PREFIX, endpoint, reply
from admin.auth import needs
from admin.context import ConsoleRequest
from admin.rendering import page
from daemon.service.messages import RecordsCheck, SystemStatus

blueprint = Blueprint("api_status")


class Health(msgspec.Struct, frozen=True):
    """Whether the console hears from control; all that a stranger may know."""

    ok: bool


@endpoint(
    blueprint,
    "GET",
    "/status",
    "Processes, drivers and lines",
    "进程、驱动和线路",
    roles=("technician", "administrator"),
    result=SystemStatus,
)
async def status(request: ConsoleRequest) -> HTTPResponse:
    """Everything that the technician's pages show."""
    return reply(await request.console.service.status())


@endpoint(
    blueprint,
    "POST",
    "/records/check",
    "Compare records and counters",
    "核对记录与计数",
    roles=("administrator",),
    result=RecordsCheck,
)
async def check(request: ConsoleRequest) -> HTTPResponse:
    """The identity of "offered", and segments against calls."""
    return reply(await request.console.service.check_records(request.actor))


@blueprint.get(f"{PREFIX}/health")
async def health(request: ConsoleRequest) -> HTTPResponse:
    """200 while control answers, else 503; needs no log-in."""
    fresh = request.console.hub.fresh
    response = reply(Health(ok=fresh))
    response.status = 200 if fresh else 503
    return response


@blueprint.get("/api/docs")
@needs()
async def docs(request: ConsoleRequest) -> HTTPResponse:
    """The interface as a page."""
    return await page(
        request,
        "api.html",
        endpoints=ENDPOINTS,
        prefix=PREFIX,
        base=f"{request.scheme}://{request.host}",
    )
