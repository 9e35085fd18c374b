"""Faxes for programs: the list, sending a file, how it goes, giving one up, its pages."""

from sanic import Blueprint, HTTPResponse

from admin.api.openapi import Parameter, endpoint, reply
from admin.context import ConsoleRequest
from admin.pages.supervisor.calls import READERS
from admin.pages.supervisor.fax_desk import LISTED, queue_fax, send_document
from daemon.service.fax.faxes import Fax, FaxPage

blueprint = Blueprint("api_faxes")

MOST_ROWS = 500
MOST_DIGITS = 6


@endpoint(
    blueprint,
    "GET",
    "/faxes",
    "Faxes in and out, newest first; an agent gets only those that he or she sent",
    "收发的传真，最新在前；座席只能看到本人发送的",
    roles=READERS,
    result=FaxPage,
    parameters=(
        Parameter("offset", "rows to leave out", "integer"),
        Parameter("limit", "rows wanted, 100 (usual) to 500", "integer"),
    ),
)
async def faxes(request: ConsoleRequest) -> HTTPResponse:
    """A page of faxes with how each goes, and the number of all."""
    limit = min(_number(request, "limit", LISTED), MOST_ROWS)
    offset = _number(request, "offset", 0)
    return reply(await request.console.service.list_faxes(request.actor, limit, offset))


def _number(request: ConsoleRequest, name: str, otherwise: int) -> int:
    asked = str(request.args.get(name) or "")
    fits = asked.isascii() and asked.isdigit() and len(asked) <= MOST_DIGITS
    return int(asked) if fits else otherwise


@endpoint(
    blueprint,
    "POST",
    "/faxes",
    "Send the request's body, a PDF or TIFF file, as a fax",
    "将请求正文（PDF 或 TIFF 文件）作为传真发送",
    roles=READERS,
    result=Fax,
    body_types=("application/pdf", "image/tiff"),
    parameters=(
        Parameter("number", "whom to call"),
        Parameter("name", "the file's name, which ends in .pdf, .tif or .tiff"),
    ),
)
async def send(request: ConsoleRequest) -> HTTPResponse:
    """The fax that was queued; 422 for what is no PDF or TIFF, 409 for a forbidden number.

    429 when as many faxes wait as may.
    """
    number = str(request.args.get("number") or "").strip()
    name = str(request.args.get("name") or "")
    return reply(await queue_fax(request, number, name, request.body))


@endpoint(
    blueprint,
    "GET",
    "/faxes/<fax:str>",
    "How a fax that is sent goes",
    "发送的传真的进度",
    roles=READERS,
    result=Fax,
)
async def fax(request: ConsoleRequest, fax: str) -> HTTPResponse:
    """One fax that was, or is to be, sent."""
    return reply(await request.console.service.fax(request.actor, fax))


@endpoint(
    blueprint,
    "POST",
    "/faxes/<fax:str>/cancel",
    "Give a fax up, also while it is sent",
    "取消传真，正在发送的也可以",
    roles=READERS,
    result=Fax,
)
async def cancel(request: ConsoleRequest, fax: str) -> HTTPResponse:
    """The fax as it ended; 409 when it was over."""
    return reply(await request.console.service.cancel_fax(request.actor, fax))


@endpoint(
    blueprint,
    "GET",
    "/faxes/<fax:str>/document.pdf",
    "The pages of a fax that is sent, as the other side gets them",
    "发送的传真的页面，即对方收到的内容",
    roles=READERS,
    content_type="application/pdf",
)
async def document(request: ConsoleRequest, fax: str) -> HTTPResponse:
    """A PDF; reading is audited."""
    return await send_document(request, fax)
