"""A capture from the console: the browser's download is the file while it is made."""

import contextlib
import re
from typing import Final

from sanic import Blueprint

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.errors import BadRequest
from daemon.service.messages import CaptureWish

blueprint = Blueprint("capture")

ROLES: Final = ("technician", "administrator")
MOST_S: Final = 600
_UNFIT: Final = re.compile(r"[^A-Za-z0-9.-]")


@blueprint.post("/signalling/capture")
@needs(*ROLES)
async def capture(request: ConsoleRequest) -> None:
    """Send the file piece by piece; who closes the page ends the capture."""
    seconds = request.field("seconds")
    if not (seconds.isascii() and seconds.isdigit() and 1 <= int(seconds[:5]) <= MOST_S):
        raise BadRequest
    wish = CaptureWish(
        call=request.field("call").strip(),
        peer=request.field("peer").strip(),
        seconds=float(seconds),
        media=request.field("media") == "yes",
    )
    name = _UNFIT.sub("-", wish.call or wish.peer)[:40]
    blocks = request.console.service.capture(request.actor, wish)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(blocks.aclose)  # type: ignore[attr-defined]  # it is a generator
        first = await anext(blocks)  # what is refused is refused before the answer begins
        response = await request.respond(
            content_type="application/x-pcapng",
            headers={"Content-Disposition": f'attachment; filename="{name}.pcapng"'},
        )
        await response.send(first)
        async for data in blocks:
            await response.send(data)
        await response.eof()
