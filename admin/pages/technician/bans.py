"""Whom SIP does not listen to: sources and accounts, until when, and the way back."""

from typing import Final

from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.rendering import page
from daemon.service.errors import ServiceError

blueprint = Blueprint("bans")

ROLES: Final = ("technician", "administrator")


@blueprint.get("/bans")
@needs(*ROLES)
async def show(request: ConsoleRequest) -> HTTPResponse:
    """All bans that stand now."""
    return await _page(request)


@blueprint.post("/bans/release")
@needs(*ROLES)
async def release(request: ConsoleRequest) -> HTTPResponse:
    """Listen to one again; a ban that has just ended by itself is no fault."""
    try:
        await request.console.service.release_ban(request.actor, request.field("name"))
    except ServiceError as error:
        if error.code != "not-found":
            raise
        return await _page(request, error.text(request.ctx.language))
    return redirect("/bans")


async def _page(request: ConsoleRequest, fault: str = "") -> HTTPResponse:
    rows = await request.console.service.bans(request.actor)
    return await page(request, "technician/bans.html", rows=rows, fault=fault)
