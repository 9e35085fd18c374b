"""Recorded prompts: upload an audio file, get it in the form that calls use."""

import asyncio
import re
import secrets
from pathlib import Path
from typing import Final

from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.forms import SLUG
from admin.rendering import page
from admin.security import MOST_UPLOAD
from daemon.service.errors import ServiceError

blueprint = Blueprint("prompts")

ENDINGS: Final = ("mp3", "wav", "ogg")


@blueprint.get("/prompts")
@needs("administrator")
async def show(request: ConsoleRequest) -> HTTPResponse:
    """The prompts that there are, and the upload form."""
    return await _page(request)


@blueprint.post("/prompts")
@needs("administrator")
async def upload(request: ConsoleRequest) -> HTTPResponse:
    """Keep the file in ``incoming/`` and ask for its conversion."""
    name = request.field("name").strip()
    file = request.files.get("file") if request.files else None
    if not SLUG.fullmatch(name):
        return await _page(request, faults={"name": "slug"})
    ending = Path(file.name).suffix.lower().lstrip(".") if file else ""
    if file is None or ending not in ENDINGS or not file.body:
        return await _page(request, faults={"file": "audio"})
    folder = request.console.options.site / "incoming"
    safe = re.sub(r"[^a-z0-9-]", "-", name)
    path = folder / f"{safe}-{secrets.token_hex(4)}.{ending}"
    await asyncio.to_thread(_keep, path, file.body)
    try:
        await request.console.service.convert_prompt(request.actor, f"incoming/{path.name}", name)
    except ServiceError as error:
        return await _page(request, fault=error.text(request.ctx.language))
    return redirect("/prompts")


def _keep(path: Path, body: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(body)


async def _page(
    request: ConsoleRequest, *, faults: dict[str, str] | None = None, fault: str = ""
) -> HTTPResponse:
    return await page(
        request,
        "administrator/prompts.html",
        status=422 if faults or fault else 200,
        prompts=await request.console.service.list_prompts(),
        most=MOST_UPLOAD,
        faults=faults or {},
        fault=fault,
    )
