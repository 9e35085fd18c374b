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
from admin.pages.supervisor.calls import READERS
from admin.pages.supervisor.faxes import TYPES, fax_file
from admin.rendering import page
from daemon.service.errors import ServiceError

blueprint = Blueprint("fax_desk")

LISTED: Final = 100
ENDINGS: Final = ("pdf", "tif", "tiff")


@blueprint.get("/faxes")
@needs(*READERS)
async def show(request: ConsoleRequest) -> HTTPResponse:
    """The list; an agent sees the faxes that he or she sent."""
    return await _page(request)


@blueprint.post("/faxes")
@needs(*READERS)
async def send(request: ConsoleRequest) -> HTTPResponse:
    """Keep the file in ``incoming/`` and ask for it to be sent."""
    number = request.field("number").strip()
    file = request.files.get("file") if request.files else None
    ending = Path(file.name).suffix.lower().lstrip(".") if file else ""
    if not number:
        return await _page(request, faults={"number": "missing"})
    if file is None or ending not in ENDINGS or not file.body:
        return await _page(request, number=number, faults={"file": "fax"})
    path = request.console.options.site / "incoming" / f"fax-{secrets.token_hex(8)}.{ending}"
    await asyncio.to_thread(_keep, path, file.body)
    try:
        await request.console.service.send_fax(
            request.actor, f"incoming/{path.name}", Path(file.name).name, number
        )
    except ServiceError as error:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return await _page(request, number=number, fault=error.text(request.ctx.language))
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
    return await page(
        request,
        "supervisor/faxes.html",
        status=422 if faults or fault else 200,
        faxes=await request.console.service.list_faxes(request.actor, LISTED),
        number=number,
        faults=faults or {},
        fault=fault,
    )
