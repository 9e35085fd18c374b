"""Faults as pages, as fragments and as JSON.

ConsoleError         carries a status and a catalogue key
├── PageMissing      404
├── NotAllowed       403: signed in, but without the role
├── SignedOut        401: a page goes to the log-in, the API says so
├── BadRequest       400: a form, filter or header that makes no sense
├── TooMany          429: more requests than one address may send
├── TooLarge         413: a body larger than this person may send here
└── RecordsAway      503: the database is not there yet
"""

from urllib.parse import urlsplit

import structlog
from sanic import HTTPResponse
from sanic.exceptions import SanicException
from sanic.response import json, redirect
from tortoise.exceptions import DBConnectionError

from admin.context import ConsoleApp, ConsoleRequest
from admin.language import has_text, translator
from admin.rendering import page
from daemon.service.errors import ServiceError

log = structlog.get_logger(__name__)

STATUS_OF_CODE = {
    "wrong-login": 401,
    "signed-out": 401,
    "rate-limited": 429,
    "forbidden": 403,
    "not-found": 404,
    "invalid": 422,
    "conflict": 409,
    "wrong-state": 409,
    "unavailable": 503,
    "too-large": 413,
    "malformed": 400,
}


class ConsoleError(Exception):
    """A request that cannot be served; ``key`` is the text for people."""

    status = 500
    key = "error.failed"


class PageMissing(ConsoleError):
    """There is no such page, call or recording."""

    status = 404
    key = "error.missing"


class NotAllowed(ConsoleError):
    """The person's roles do not open this page."""

    status = 403
    key = "error.forbidden"


class SignedOut(ConsoleError):
    """Nobody is signed in, or the session ended."""

    status = 401
    key = "error.signed_out"


class BadRequest(ConsoleError):
    """The request makes no sense or lacks its CSRF token."""

    status = 400
    key = "error.bad_request"


class TooMany(ConsoleError):
    """More requests than one address may send."""

    status = 429
    key = "error.too_many"


class TooLarge(ConsoleError):
    """A request that is larger than this person may send here; it was not read."""

    status = 413
    key = "error.too_large"


class RecordsAway(ConsoleError):
    """The database cannot be read."""

    status = 503
    key = "error.records_away"


def register(app: ConsoleApp) -> None:
    """Answer every fault in the form that the request can show."""
    app.exception(ConsoleError)(_console_error)
    app.exception(ServiceError)(_service_error)
    app.exception(SanicException)(_sanic_error)
    app.exception(Exception)(_fault)


async def _console_error(request: ConsoleRequest, error: Exception) -> HTTPResponse:
    assert isinstance(error, ConsoleError)
    text = translator(request.ctx.language)(error.key)
    if isinstance(error, SignedOut) and not wants_json(request):
        if "hx-request" in request.headers:
            return HTTPResponse(status=204, headers={"HX-Redirect": "/login"})
        return redirect(f"/login?next={request.path}" if request.path != "/" else "/login")
    code = error.key.partition(".")[2].replace("_", "-")
    return await answer(request, error.status, code, text)


async def _service_error(request: ConsoleRequest, error: Exception) -> HTTPResponse:
    assert isinstance(error, ServiceError)
    status = STATUS_OF_CODE.get(error.code, 500)
    return await answer(request, status, error.code, error.text(request.ctx.language), error.fields)


async def _sanic_error(request: ConsoleRequest, error: Exception) -> HTTPResponse:
    assert isinstance(error, SanicException)
    status = error.status_code or 500
    key = f"error.status_{status}"
    text = translator(request.ctx.language)(key if has_text(key) else "error.failed")
    return await answer(request, status, "not-found" if status == 404 else "malformed", text)


async def _fault(request: ConsoleRequest, error: Exception) -> HTTPResponse:
    if isinstance(error, DBConnectionError):
        log.warning("database away", path=request.path, why=str(error))
        return await _console_error(request, RecordsAway())
    log.error("console request failed", path=request.path, exc_info=error)
    return await answer(request, 500, "failed", translator(request.ctx.language)("error.failed"))


async def answer(
    request: ConsoleRequest,
    status: int,
    code: str,
    text: str,
    fields: dict[str, str] | None = None,
) -> HTTPResponse:
    """The fault as JSON for programs, as a message for htmx, else as a whole page."""
    if wants_json(request):
        return json({"error": {"code": code, "text": text, "fields": fields or {}}}, status=status)
    if "hx-request" in request.headers:
        return HTTPResponse(text, status=status, content_type="text/plain; charset=utf-8")
    return await page(
        request, "error.html", status=status, text=text, code=code, back=_back(request)
    )


def _back(request: ConsoleRequest) -> str:
    """The page of the console that the request came from, or nothing."""
    try:
        origin = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    if origin.netloc != request.host or not origin.path.startswith("/"):
        return ""
    if origin.path.startswith("//") or (request.method == "GET" and origin.path == request.path):
        return ""
    return origin.path + (f"?{origin.query}" if origin.query else "")


def wants_json(request: ConsoleRequest) -> bool:
    """True for the API and for whoever asks for JSON."""
    return request.path.startswith("/api/") or "application/json" in request.headers.get(
        "accept", ""
    )
