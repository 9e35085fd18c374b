"""Who asks: sessions from the cookie, tokens from the header, roles before every page.

Passwords and sessions are control's; the console holds a secret's answer for a few
seconds only, so that a session that was ended elsewhere ends here too.
"""

import hmac
import secrets
from collections.abc import Callable, Coroutine
from functools import wraps
from hashlib import sha256
from typing import Any, Final

from sanic.response import BaseHTTPResponse

from admin.context import ConsoleApp, ConsoleRequest
from admin.errors import BadRequest, NotAllowed, SignedOut
from admin.language import LANGUAGES, preferred_language
from daemon.service.errors import ServiceError
from daemon.service.messages import Session

SESSION_COOKIE: Final = "hf_session"
GUEST_COOKIE: Final = "hf_guest"
LANGUAGE_COOKIE: Final = "hf_language"
THEME_COOKIE: Final = "hf_theme"
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

Handler = Callable[..., Coroutine[Any, Any, Any]]


def register(app: ConsoleApp) -> None:
    """Identify every request, check its CSRF token, and keep the guest's cookie."""

    async def find(request: ConsoleRequest, secret: str, *, token: bool) -> Session:
        console = request.console
        return await console.sessions.find(console.service, secret, console.clock(), token=token)

    async def identify(request: ConsoleRequest) -> None:
        context = request.ctx
        context.theme = _cookie(request, THEME_COOKIE, ("light", "dark"), "auto")
        context.language = _cookie(
            request,
            LANGUAGE_COOKIE,
            LANGUAGES,
            preferred_language(
                request.headers.get("accept-language", ""), request.console.options.language
            ),
        )
        if request.path.startswith("/static/"):
            return
        bearer = request.headers.get("authorization", "")
        secret = request.cookies.get(SESSION_COOKIE) or ""
        if bearer.startswith("Bearer "):
            context.via = "token"
            context.person = await find(request, bearer[7:].strip(), token=True)
        elif secret:
            try:
                context.person = await find(request, secret, token=False)
                context.secret = secret
            except ServiceError as error:
                if error.code != "signed-out":
                    raise
        if context.person and context.person.language in LANGUAGES:
            context.language = context.person.language
        _prepare_csrf(request)
        if context.via == "session":
            if request.method not in SAFE_METHODS:
                if not context.unread:  # else no handler runs
                    _check_csrf(request)
            elif request.headers.get("upgrade", "").lower() == "websocket":
                _check_origin(request)

    async def keep_guest(request: ConsoleRequest, response: BaseHTTPResponse) -> None:
        if request.ctx.guest:
            set_cookie(request, response, GUEST_COOKIE, request.ctx.guest)

    app.register_middleware(identify, "request")
    app.register_middleware(keep_guest, "response")


async def known(request: ConsoleRequest) -> bool:
    """True when somebody is signed in; asked before a large body is read."""
    bearer = request.headers.get("authorization", "")
    token = bearer.startswith("Bearer ")
    secret = bearer[7:].strip() if token else request.cookies.get(SESSION_COOKIE) or ""
    console = request.console
    try:
        return bool(secret) and bool(
            await console.sessions.find(console.service, secret, console.clock(), token=token)
        )
    except ServiceError:
        return False


def _cookie(request: ConsoleRequest, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = request.cookies.get(name) or ""
    return value if value in allowed else default


def _prepare_csrf(request: ConsoleRequest) -> None:
    """Derive the token from the session's (or guest's) secret, so that nothing is stored."""
    secret = request.ctx.secret or request.cookies.get(GUEST_COOKIE) or ""
    if not secret:
        request.ctx.guest = secret = secrets.token_urlsafe(24)
    request.ctx.csrf = hmac.new(secret.encode(), b"csrf", sha256).hexdigest()


def _check_csrf(request: ConsoleRequest) -> None:
    given = request.headers.get(CSRF_HEADER) or request.field(CSRF_FIELD)
    if not hmac.compare_digest(given, request.ctx.csrf):
        raise BadRequest
    _check_origin(request)


def _check_origin(request: ConsoleRequest) -> None:
    """Refuse a page of another site that uses our person's cookie."""
    origin = request.headers.get("origin")
    if origin and origin.partition("://")[2] != request.host:
        raise BadRequest


def set_cookie(
    request: ConsoleRequest, response: BaseHTTPResponse, name: str, value: str, *, days: int = 0
) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send."""
    response.add_cookie(
        name,
        value,
        path="/",
        httponly=True,
        secure=request.console.options.secure,
        samesite="Strict",
        max_age=days * 86_400 or None,
    )


def needs(*roles: str) -> Callable[[Handler], Handler]:
    """Open a page for people with one of the roles; without roles for everybody signed in."""

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def guarded(request: ConsoleRequest, *args: Any, **kwargs: Any) -> Any:
            if request.ctx.person is None:
                raise SignedOut
            if roles and not request.roles & set(roles):
                raise NotAllowed
            if not request.path.startswith("/api/"):  # programs ask control itself
                await request.console.hub.wanted()
            return await handler(request, *args, **kwargs)

        return guarded

    return decorate
