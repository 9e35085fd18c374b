"""What a supervisor may do to a person's state: pause, end a pause, log out."""

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
