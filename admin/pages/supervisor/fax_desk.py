"""Faxes in and out: the list with how each goes, the form that sends one, its pages."""

import asyncio
import secrets
from pathlib import Path
from typing import Final

from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.errors import PageMissing
from admin.language import translator
from admin.pages.supervisor.calls import READERS
from admin.pages.supervisor.faxes import TYPES, fax_file
from admin.rendering import page
from admin.security import MOST_UPLOAD
from daemon.service.errors import ServiceError
from daemon.service.fax.faxes import Fax, FaxState
from daemon.service.fax.words import page_words, state_words, way_words

blueprint = Blueprint("fax_desk")

LISTED: Final = 100
PAGE_ROWS: Final = 50
MOVING: Final = frozenset(FaxState) - {
    FaxState.SENT,
    FaxState.RECEIVED,
    FaxState.FAILED,
    FaxState.CANCELLED,
}
"""States that another follows; while there is one, the page asks more often."""
PDF_MARK: Final = b"%PDF-"  # ISO 32000-1 annex H.3.4.1: within the first 1024 octets
PDF_MARK_WITHIN: Final = 1024
TIFF_MARKS: Final = (b"II*\0", b"MM\0*")  # TIFF 6.0 section 2
ENDINGS: Final = {"pdf": "pdf", "tif": "tif", "tiff": "tif"}


@blueprint.get("/faxes")
@needs(*READERS)
async def show(request: ConsoleRequest) -> HTTPResponse:
    """The list; an agent sees the faxes that he or she sent."""
    return await _page(request)


@blueprint.post("/faxes")
@needs(*READERS)
async def send(request: ConsoleRequest) -> HTTPResponse:
    """Have a file sent; what is wrong is told at the field."""
    number = request.field("number").strip()
    file = request.files.get("file") if request.files else None
    if not number:
        missing = translator(request.ctx.language)("fault.missing")
        return await _page(request, faults={"number": missing})
    try:
        await queue_fax(request, number, file.name if file else "", file.body if file else b"")
    except ServiceError as error:
        text = error.text(request.ctx.language)
        for told, field in (("to", "number"), ("file", "file")):
            if told in error.fields:
                return await _page(request, number=number, faults={field: text})
        return await _page(request, number=number, fault=text)
    return redirect("/faxes")


@blueprint.post("/faxes/<fax:str>/cancel")
@needs(*READERS)
async def cancel(request: ConsoleRequest, fax: str) -> HTTPResponse:
    """Give a fax up; one that has just ended by itself is told as such."""
    try:
        await request.console.service.cancel_fax(request.actor, fax)
    except ServiceError as error:
        if error.code != "wrong-state":
            raise
        return await _page(request, fault=error.text(request.ctx.language))
    return redirect("/faxes")


@blueprint.get("/faxes/<fax:str>/document.pdf")
@needs(*READERS)
async def document(request: ConsoleRequest, fax: str) -> HTTPResponse:
    """The pages of a fax to be sent, as the other side gets them."""
    return await send_document(request, fax)


async def queue_fax(request: ConsoleRequest, number: str, name: str, body: bytes) -> Fax:
    """Keep a file in ``incoming/`` and ask for it to be sent; ServiceError says why not."""
    ending = ENDINGS.get(Path(name).suffix.lower().lstrip("."), "")
    if not ending or ending != form_of(body):
        text = [translator(language)("faxes.wrong_file") for language in ("en", "zh")]
        raise ServiceError("invalid", *text, fields={"file": "fax"})
    path = request.console.options.site / "incoming" / f"fax-{secrets.token_hex(8)}.{ending}"
    try:
        await asyncio.to_thread(_keep, path, body)
        return await request.console.service.send_fax(
            request.actor, f"incoming/{path.name}", Path(name).name, number
        )
    except OSError as error:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        text = [translator(language)("faxes.not_kept") for language in ("en", "zh")]
        raise ServiceError("failed", *text) from error
    except ServiceError:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        raise


def form_of(body: bytes) -> str:
    """``pdf``, ``tif`` or nothing, as the content says; names say what people wish."""
    if PDF_MARK in body[:PDF_MARK_WITHIN]:
        return "pdf"
    return "tif" if body.startswith(TIFF_MARKS) else ""


async def send_document(request: ConsoleRequest, fax: str) -> HTTPResponse:
    """The PDF of a fax to be sent; reading is audited."""
    relative = await request.console.service.fax_read(request.actor, fax)
    path = await asyncio.to_thread(fax_file, request.console.options.site, relative, "pdf")
    if path is None:
        raise PageMissing
    how = "attachment" if "download" in request.args else "inline"
    return HTTPResponse(
        await asyncio.to_thread(path.read_bytes),
        content_type=TYPES["pdf"],
        headers={
            "Cache-Control": "private, no-store",
            "Content-Disposition": f'{how}; filename="{path.stem}.pdf"',
        },
    )


def _keep(path: Path, body: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(body)


async def _page(
    request: ConsoleRequest,
    *,
    number: str = "",
    faults: dict[str, str] | None = None,
    fault: str = "",
) -> HTTPResponse:
    asked = str(request.args.get("page") or "1")
    page_number = (
        max(int(asked), 1) if asked.isascii() and asked.isdigit() and len(asked) < 5 else 1
    )
    list_faxes = request.console.service.list_faxes
    found = await list_faxes(request.actor, PAGE_ROWS, (page_number - 1) * PAGE_ROWS)
    pages = max(-(-found.total // PAGE_ROWS), 1)
    if page_number > pages:  # it is gone, or never was
        page_number = pages
        found = await list_faxes(request.actor, PAGE_ROWS, (pages - 1) * PAGE_ROWS)
    language = request.ctx.language
    return await page(
        request,
        "supervisor/faxes.html",
        status=422 if faults or fault else 200,
        faxes=found.faxes,
        page_number=page_number,
        pages=pages,
        state_of=lambda fax: state_words(fax.state, language),
        page_of=lambda fax: page_words(fax, language),
        way_of=lambda fax: way_words(fax, language),
        every_s=3 if any(fax.state in MOVING for fax in found.faxes) else 15,
        most=MOST_UPLOAD,
        number=number,
        faults=faults or {},
        fault=fault,
    )
