"""Who calls, heard on lines whose exchange says so by FSK while it rings.

Such a line has an audio port before it is answered. The call waits for the message, no longer
than the pause between two rings; one that comes later still reaches it.
"""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from daemon.control.audio.caller_message import Identity, read_identity
from daemon.control.calls.call import Call
from daemon.link.errors import LinkError
from daemon.link.messages import CallerHeard
from drivers.api import PortId

if TYPE_CHECKING:
    from daemon.control.calls.context import CallContext

log = structlog.get_logger()

PATIENCE_S: Final = 4.5
"""A burst of up to 2 s, half a second of silence, 1.1 s of the longest usual message, spare."""


class HearingMedia(Protocol):
    """Media, as far as it reads who calls."""

    def hear_caller(self, port: PortId, *, on: bool) -> Awaitable[None]:
        """Read caller identity on a port, or stop doing so."""


class CallerEars:
    """Messages on their way to the calls that wait for them."""

    def __init__(self) -> None:
        self._waiting: dict[PortId, asyncio.Future[Identity]] = {}

    def heard(self, event: CallerHeard) -> Identity | None:
        """A message was heard: None when a call has waited for it, or it says nothing."""
        identity = read_identity(event.message)
        log.info("caller heard", port=event.port, understood=identity is not None)
        waiting = self._waiting.get(event.port)
        if identity is None or waiting is None or waiting.done():
            return identity
        waiting.set_result(identity)
        return None

    async def listen(
        self, port: PortId, media: HearingMedia, patience_s: float = PATIENCE_S
    ) -> Identity | None:
        """Wait for who calls on a port that rings; None when nothing is told in time."""
        waiting: asyncio.Future[Identity] = asyncio.get_running_loop().create_future()
        self._waiting[port] = waiting
        try:
            await media.hear_caller(port, on=True)
            async with asyncio.timeout(patience_s):
                return await waiting
        except TimeoutError:
            return None  # the engine goes on listening: it may come before the answer
        except LinkError as error:
            log.warning("nobody hears who calls", port=port, why=str(error))
            return None
        finally:
            del self._waiting[port]


async def ask_who_calls(call: Call, context: "CallContext") -> None:
    """Learn who calls from a serial link, or from the message of a line that is heard ringing."""
    detail = await context.call_detail(call.caller.line)
    if detail is not None:
        call.ani = "" if detail.restricted else detail.ani
        call.ani_verbatim = detail.ani
        call.redirecting, call.reason = detail.forwarded_from, detail.reason
    port = None if call.ani_verbatim else context.line(call.caller.line).port
    if port is None:
        return
    identity = await context.callers.listen(port, context.media)
    if identity is not None:
        fill(call, identity)


def told_late(call: Call, event: CallerHeard, context: "CallContext") -> None:
    """The message has come after the answer: the records and the screens still show it."""
    identity = read_identity(event.message)
    if identity is not None:
        fill(call, identity)
        context.records.call(call)


def fill(call: Call, identity: Identity) -> None:
    """Write down who calls; what the line or a serial link told already stays."""
    if not call.ani_verbatim:
        call.ani_verbatim = identity.ani
        call.ani = "" if identity.restricted else identity.ani
        call.restricted = call.restricted or identity.restricted
    call.name = call.name or identity.name
    call.redirecting = call.redirecting or identity.redirecting
    call.reason = call.reason or identity.reason
