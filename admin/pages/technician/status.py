"""Lines and the system: what is up, what is down, since when, and what to do."""

import re

from sanic import Blueprint, HTTPResponse, redirect

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.rendering import page
from daemon.service.errors import ServiceError
from daemon.service.messages import SystemStatus

blueprint = Blueprint("status")

ROLES = ("technician", "administrator")
STATE_ORDER = ("quarantined", "down", "unreachable", "ringing", "busy", "idle")


@blueprint.get("/lines")
@needs(*ROLES)
async def lines(request: ConsoleRequest) -> HTTPResponse:
    """Every line by driver; what needs a hand comes first."""
    status, fault = await _status(request)
    by_driver = {
        driver.name: sorted(
            (line for line in status.lines if line.driver == driver.name),
            key=lambda line: (_order(line.state), natural(line.line)),
        )
        for driver in (status.drivers if status else ())
        if status
    }
    return await page(
        request, "technician/lines.html", status=200, system=status, groups=by_driver, fault=fault
    )


@blueprint.get("/system")
@needs(*ROLES)
async def system(request: ConsoleRequest) -> HTTPResponse:
    """Processes, warnings, counters, and whether the records add up."""
    status, fault = await _status(request)
    hub = request.console.hub
    return await page(
        request,
        "technician/system.html",
        system=status,
        fault=fault,
        check=None,
        fresh=hub.fresh,
        last_heard=hub.last_heard,
        in_progress=len(hub.state().calls),
    )


@blueprint.post("/system/drain")
@needs(*ROLES)
async def drain(request: ConsoleRequest) -> HTTPResponse:
    """Take no new calls until the next start, or take them again."""
    on = request.field("on") == "yes"
    await request.console.service.set_draining(request.actor, on=on)
    return redirect("/system")


@blueprint.post("/system/check-records")
@needs("administrator")
async def check_records(request: ConsoleRequest) -> HTTPResponse:
    """Compare the records with each other and with the counters."""
    check = await request.console.service.check_records(request.actor)
    status, fault = await _status(request)
    hub = request.console.hub
    return await page(
        request,
        "technician/system.html",
        system=status,
        fault=fault,
        check=check,
        fresh=hub.fresh,
        last_heard=hub.last_heard,
        in_progress=len(hub.state().calls),
    )


async def _status(request: ConsoleRequest) -> tuple[SystemStatus | None, str]:
    """The status, or why there is none: this page must work when control does not."""
    try:
        return await request.console.service.status(), ""
    except ServiceError as error:
        return None, error.text(request.ctx.language)


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts trunk/2 before trunk/10."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def _order(state: str) -> int:
    return STATE_ORDER.index(state) if state in STATE_ORDER else len(STATE_ORDER)
