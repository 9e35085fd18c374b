"""Faxes as files: PDF for people, TIFF as the machine sent it; authorised and audited."""

import asyncio
from pathlib import Path
from typing import Final

from sanic import Blueprint, HTTPResponse

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.errors import PageMissing
from admin.pages.supervisor.calls import READERS, allow
from daemon.service.errors import ServiceError

blueprint = Blueprint("faxes")

FOLDER: Final = "faxes"
TYPES: Final = {"pdf": "application/pdf", "tif": "image/tiff"}


@blueprint.get("/recordings/<recording:str>/fax.pdf")
@needs(*READERS)
async def pdf(request: ConsoleRequest, recording: str) -> HTTPResponse:
    """The pages of a fax, to be read."""
    return await _send(request, recording, "pdf")


@blueprint.get("/recordings/<recording:str>/fax.tif")
@needs(*READERS)
async def tiff(request: ConsoleRequest, recording: str) -> HTTPResponse:
    """The pages of a fax as the machine sent them."""
    return await _send(request, recording, "tif")


async def _send(request: ConsoleRequest, recording: str, ending: str) -> HTTPResponse:
    found, call = await request.console.records.recording(recording)
    allow(request, call)
    site = request.console.options.site
    path = await asyncio.to_thread(fax_file, site, found.path, ending)
    if found.kind != "fax" or found.deleted or path is None:
        raise PageMissing
    try:
        await request.console.service.recording_played(request.actor, recording)
    except ServiceError as error:
        # Who may read was decided above; what nobody can write down is not shown.
        if error.code == "unavailable":
            raise
    how = "attachment" if "download" in request.args else "inline"
    return HTTPResponse(
        await asyncio.to_thread(path.read_bytes),
        content_type=TYPES[ending],
        headers={
            "Cache-Control": "private, no-store",
            "Content-Disposition": f'{how}; filename="{recording}.{ending}"',
        },
    )


def fax_file(site: Path, relative: str, ending: str) -> Path | None:
    """A fax's file below the site's ``faxes/``; None when it is gone or leads elsewhere."""
    if ending not in TYPES:
        return None
    path = (site / relative).with_suffix(f".{ending}").resolve()
    inside = path.is_relative_to((site / FOLDER).resolve())
    return path if inside and path.is_file() else None
