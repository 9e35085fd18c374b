"""What is wrong with the hotline now, for pages that stay open."""

from sanic import Blueprint, HTTPResponse

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.rendering import ALARMED, alarms_mark, page

blueprint = Blueprint("alarms")


@blueprint.get("/alarms")
@needs(*sorted(ALARMED))
async def show(request: ConsoleRequest) -> HTTPResponse:
    """The banners, none when all is well; 204 for who shows them already.

    A screen reader says a banner each time that it is put in, so it is put in once.
    """
    if request.args.get("shown") == alarms_mark(request.console.hub.alarms):
        return HTTPResponse(status=204)
    return await page(request, "parts/alarms.html")
