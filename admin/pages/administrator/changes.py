"""The change ledger: who changed what and when, and the way back."""

from typing import Any

import msgspec
from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.rendering import page
from daemon.service.messages import ChangeEntry

blueprint = Blueprint("changes")

SHOWN = 200
PATHS = {"queue": "/queues", "person": "/agents", "number": "/numbers"}


class Difference(msgspec.Struct, frozen=True):
    """One field of a change."""

    field: str
    before: str
    after: str


@blueprint.get("/changes")
@needs("administrator")
async def show(request: ConsoleRequest) -> HTTPResponse:
    """Newest first, with the fields that differ."""
    entries = await request.console.service.list_changes(request.actor, SHOWN)
    return await page(
        request,
        "administrator/changes.html",
        entries=[(entry, differences(entry)) for entry in entries],
        paths=PATHS,
    )


@blueprint.post("/changes/<change:int>/undo")
@needs("administrator")
async def undo(request: ConsoleRequest, change: int) -> HTTPResponse:
    """Take one change back."""
    await request.console.service.undo_change(request.actor, change)
    return redirect("/changes")


def differences(entry: ChangeEntry) -> list[Difference]:
    """The fields of which before and after differ."""
    before, after = _fields(entry.before), _fields(entry.after)
    return [
        Difference(name, _text(before.get(name)), _text(after.get(name)))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name) and name != "version"
    ]


def _fields(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return {"": text}
    return found if isinstance(found, dict) else {"": found}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
