"""Log-in, log-out, and the way from the root to a person's first page."""

from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from admin.auth import SESSION_COOKIE, set_cookie
from admin.context import ConsoleRequest
from admin.rendering import home_of, page
from daemon.service.errors import ServiceError

blueprint = Blueprint("log_in")


@blueprint.get("/")
async def root(request: ConsoleRequest) -> HTTPResponse:
    """Send a person to the first page of the roles, a guest to the log-in."""
    return redirect(home_of(request.roles) if request.ctx.person else "/login")


@blueprint.get("/login")
async def show(request: ConsoleRequest) -> HTTPResponse:
    """The log-in form."""
    if request.ctx.person:
        return redirect(home_of(request.roles))
    return await _form(request)


@blueprint.post("/login")
async def log_in(request: ConsoleRequest) -> HTTPResponse:
    """Check the password; a wrong one shows the form again without saying what was wrong."""
    login = request.field("login").strip()
    password = request.field("password")
    try:
        grant = await request.console.service.log_in(login, password, request.ip)
    except ServiceError as error:
        if error.code not in ("wrong-login", "rate-limited"):
            raise
        return await _form(request, login=login, error=error)
    roles = frozenset(grant.session.roles)
    response = redirect(_local_path(request.field("next")) or home_of(roles))
    set_cookie(request, response, SESSION_COOKIE, grant.secret)
    return response


@blueprint.post("/logout")
async def log_out(request: ConsoleRequest) -> HTTPResponse:
    """End the session here and in control."""
    if request.ctx.secret:
        await request.console.service.log_out(request.ctx.secret)
        request.console.sessions.forget()
    response = redirect("/login")
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


async def _form(
    request: ConsoleRequest, *, login: str = "", error: ServiceError | None = None
) -> HTTPResponse:
    status = 200 if error is None else 429 if error.code == "rate-limited" else 401
    return await page(
        request,
        "account/login.html",
        status=status,
        login=login,
        fault=error.text(request.ctx.language) if error else "",
        retry_s=error.retry_s if error else 0.0,
        next=_local_path(request.args.get("next") or ""),
    )


def _local_path(path: str) -> str:
    """The path when it leads into this console, else empty: no open redirect."""
    fits = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if fits and path.isprintable() else ""
