"""What happens to a call of the core, as the event of its line; and what was before a restart."""

import asyncio
from typing import NamedTuple

from drivers.api import LineId, PortId
from drivers.errors import DriverError
from drivers.events import (
    Answered,
    Digit,
    Held,
    LineEvent,
    Progress,
    Replaced,
    Retrieved,
    Ringing,
    TransferEnded,
    Transferred,
)
from drivers.sip.core import happenings
from drivers.sip.core.happenings import (
    Connected,
    HoldChanged,
    KeyPressed,
    Offered,
    Progressed,
    TransferAsked,
)


class RestoredCall(NamedTuple):
    """A call that stood before the restart and stands again."""

    line: LineId
    port: PortId | None
    ref: str
    """SIP Call-ID, as in ``Ringing.ref``."""
    state: str
    """``answered``; ``answering`` while the caller's ACK is still due (``Answered`` follows)."""
    inbound: bool


OnLine = (
    Connected | Progressed | KeyPressed | HoldChanged | TransferAsked | happenings.TransferEnded
)
"""What is told as it is, to the line that carries the call."""


def line_event(line: LineId, happened: OnLine) -> LineEvent:
    """The event of a line."""
    if type(happened) is Connected:
        return Answered(line=line)
    if type(happened) is Progressed:
        return Progress(line=line, tone=happened.tone)
    if isinstance(happened, KeyPressed):
        return Digit(line=line, key=happened.key, source="info", duration_ms=happened.duration_ms)
    if isinstance(happened, TransferAsked):
        other = happened.other
        return Transferred(
            line=line,
            to=happened.number,
            transfer=happened.transfer,
            other=None if other is None or not other.line else LineId(other.line),
            replaces=happened.replaces,
            referred_by=happened.referred_by,
        )
    if isinstance(happened, happenings.TransferEnded):
        return TransferEnded(line=line, cause=happened.cause)
    return Held(line=line) if happened.held else Retrieved(line=line)


def ringing(line: LineId, offered: Offered) -> Ringing:
    """The event of a call that came in."""
    call, identity = offered.call, offered.identity
    return Ringing(
        line=line,
        ani=call.peer.name if call.peer.is_station else identity.ani,
        dnis=identity.dnis,
        name=identity.name,
        redirecting=identity.redirecting,
        reason=identity.reason,
        restricted=identity.restricted,
        ref=call.ref,
        uui=identity.uui,
        headers=identity.headers,
        hops=identity.hops,
    )


def replaced(line: LineId, happened: happenings.Replaced) -> Replaced:
    """The event of a call that another telephone took over."""
    return Replaced(line=line, by=happened.by.peer.name)


def refusal(done: "asyncio.Future[None]") -> Exception | None:
    """Why audio ports did not do what they were asked; other exceptions go through."""
    error = None if done.cancelled() else done.exception()
    if error is None or isinstance(error, (DriverError, OSError)):
        return error
    raise error
