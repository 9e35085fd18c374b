"""What is wrong with the hotline now, for pages that stay open."""

from sanic import Blueprint, HTTPResponse

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.rendering import ALARMED, page

blueprint = Blueprint("alarms")


@blueprint.get("/alarms")
@needs(*sorted(ALARMED))
async def show(request: ConsoleRequest) -> HTTPResponse:
    """The banners; none when all is well."""
    return await page(request, "parts/alarms.html")
