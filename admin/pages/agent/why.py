"""Why am I not getting calls? One page a person, for the agent and for supervisors."""

from sanic import Blueprint, HTTPResponse

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.rendering import page

blueprint = Blueprint("why_agent")


@blueprint.get("/agents/<login:str>/why", unquote=True)
@needs("agent", "supervisor", "administrator")
async def show(request: ConsoleRequest, login: str) -> HTTPResponse:
    """Sentences, the most telling first; control lets agents see their own only."""
    sentences = await request.console.service.why_agent(request.actor, login)
    live = {agent.login: agent for agent in request.console.hub.state().agents}
    return await page(
        request,
        "agent/why.html",
        login=login,
        agent=live.get(login),
        mine=login == request.actor.login,
        sentences=[sentence.of(request.ctx.language) for sentence in sentences],
    )
