"""A person's own account: password, language, API tokens."""

from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from admin.auth import LANGUAGE_COOKIE, SESSION_COOKIE, needs, set_cookie
from admin.context import ConsoleRequest
from admin.errors import BadRequest
from admin.language import LANGUAGES
from admin.rendering import page
from daemon.service.errors import ServiceError

blueprint = Blueprint("account")

TOKEN_DAYS = ("30", "90", "365", "0")


@blueprint.get("/account")
@needs()
async def show(request: ConsoleRequest) -> HTTPResponse:
    """Password form and the person's tokens."""
    return await _page(request)


@blueprint.post("/account/password")
@needs()
async def change_password(request: ConsoleRequest) -> HTTPResponse:
    """Change the password; control checks the old one and the new one's strength."""
    old, new = request.field("old"), request.field("new")
    if new != request.field("again"):
        return await _page(request, faults={"again": "differs"}, status=422)
    try:
        await request.console.service.change_password(request.actor, old, new)
    except ServiceError as error:
        if error.code != "invalid":
            raise
        return await _page(request, faults=error.fields, status=422)
    request.console.sessions.forget()
    # The change ended every session, also those of a thief; this window gets a new one.
    grant = await request.console.service.log_in(request.actor.login, new, request.ip)
    response = redirect("/account?done=password")
    set_cookie(request, response, SESSION_COOKIE, grant.secret)
    return response


@blueprint.post("/account/tokens")
@needs()
async def create_token(request: ConsoleRequest) -> HTTPResponse:
    """Make an API token and show its secret this once."""
    slug = request.field("slug").strip()
    days = request.field("days") or "90"
    if not slug or days not in TOKEN_DAYS:
        return await _page(request, faults={"slug": "required"}, status=422)
    valid_s = int(days) * 86_400.0
    grant = await request.console.service.create_token(request.actor, slug, valid_s)
    return await _page(request, secret=grant.secret)


@blueprint.post("/account/tokens/revoke")
@needs()
async def revoke_token(request: ConsoleRequest) -> HTTPResponse:
    """Make a token worthless."""
    slug = request.field("slug")
    await request.console.service.revoke_token(request.actor, slug)
    request.console.sessions.forget()
    return redirect("/account")


@blueprint.post("/language")
async def set_language(request: ConsoleRequest) -> HTTPResponse:
    """Switch the language of the pages, for a guest by cookie only."""
    language = request.field("language")
    if language not in LANGUAGES:
        raise BadRequest
    if request.ctx.person:
        await request.console.service.set_language(request.actor, language)
        request.console.sessions.forget()
    back = request.field("back")
    safe = back.startswith("/") and not back.startswith("//") and "\\" not in back
    response = redirect(back if safe else "/")
    set_cookie(request, response, LANGUAGE_COOKIE, language, days=365)
    return response


async def _page(
    request: ConsoleRequest,
    *,
    faults: dict[str, str] | None = None,
    secret: str = "",
    status: int = 200,
) -> HTTPResponse:
    return await page(
        request,
        "account/account.html",
        status=status,
        tokens=await request.console.service.list_tokens(request.actor),
        faults=faults or {},
        secret=secret,
        days=TOKEN_DAYS,
        done=request.args.get("done") or "",
    )
