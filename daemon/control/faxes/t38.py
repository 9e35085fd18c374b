"""Lines that change from audio to T.38 and back: sockets, re-INVITEs, who speaks to whom."""

from collections.abc import Awaitable
from typing import Final, Protocol

import msgspec
import structlog

from daemon.control.calls.call import Call, Leg
from daemon.fax import messages as fax
from daemon.fax.messages import T38Peer
from daemon.fax.t38.recovery import REDUNDANCY
from daemon.fax.t38.udptl import MOST_DATAGRAM
from drivers.api import Line, LineId, PortId, RtpAddress
from drivers.errors import DriverError
from drivers.t38 import T38Asked, T38Line, T38Terms

log = structlog.get_logger()

MARK: Final = "t38"
"""Detail of the segment of a fax that goes by T.38."""


class T38Media(Protocol):
    """The part of the link to media that this needs."""

    def host(self, host: str, payload: bytes) -> Awaitable[bytes]: ...
    def bridge(self, bridge: int, a: PortId, b: PortId) -> Awaitable[None]: ...
    def unbridge(self, bridge: int) -> Awaitable[None]: ...
    def join(self, bridge: int, port: PortId) -> Awaitable[None]: ...


class T38Control(Protocol):
    """The control process, as far as lines that change need it."""

    @property
    def media(self) -> T38Media:
        """The link to media."""

    def line(self, line: LineId) -> Line:
        """A line by its name; DriverError when it is gone."""


class T38Changes:
    """Changes lines to T.38, each with the socket of a fax."""

    def __init__(self, control: T38Control) -> None:
        self.allowed = True
        """Whether the site's options let calls change at all."""
        self._control = control

    async def ask(self, call: Call, number: int) -> T38Peer | None:
        """Ask the caller's line for T.38, with a socket that is open; None: audio stands."""
        line = self._line(call.caller.line)
        if line is None or (local := await self._socket(number)) is None:
            return None
        terms = await line.offer_t38(local)
        if terms is None:
            await self.tell(fax.StopFax(fax=number))
            return None
        return peer_of(terms)

    async def propose(self, name: LineId, number: int, like: T38Terms) -> bool:
        """Ask a line's far end what another one asks us; ``T38Told`` follows, if True."""
        line = self._line(name)
        if line is None or (local := await self._socket(number)) is None:
            return False
        if await line.propose_t38(local, like=like):
            return True
        await self.tell(fax.StopFax(fax=number))
        return False

    async def accept(
        self, asked: T38Asked, number: int, like: T38Terms | None = None
    ) -> T38Peer | None:
        """Accept what a line's far end asks for; None when it could not be done: refuse it.

        ``like`` are the terms of whom its datagrams are passed on to.
        """
        line = self._line(asked.line)
        if line is None:
            return None
        local = await self._socket(number)
        if local is None or not await line.accept_t38(local, like=like):
            await self.tell(fax.StopFax(fax=number))
            return None
        return peer_of(asked.terms)

    async def refuse(self, line: LineId, *, later: bool = False) -> None:
        """Let a call stay with audio; ``later`` lets the far end ask again."""
        found = self._line(line, always=True)
        if found is not None:
            await found.refuse_t38(later=later)

    async def retell(self, line: LineId, like: T38Terms) -> None:
        """Tell a far end that stands on T.38 the terms of who is at the other one now."""
        found = self._line(line)
        if found is not None:
            await found.retell_t38(like=like)

    async def leave(self, line: LineId) -> None:
        """Change a call back to audio, also where T.38 was switched off while it lasted."""
        found = self._line(line, always=True)
        if found is not None:
            await found.leave_t38()

    def _line(self, name: LineId, *, always: bool = False) -> T38Line | None:
        """A line that can do it, where the site lets it."""
        try:
            line = self._control.line(name)
        except DriverError:
            return None
        return line if isinstance(line, T38Line) and (self.allowed or always) else None

    async def reopen(self, number: int, port: int) -> bool:
        """Open a socket where it was before media was started anew."""
        return isinstance(await self.tell(fax.OpenT38(fax=number, port=port)), fax.T38Opened)

    async def _socket(self, number: int) -> RtpAddress | None:
        reply = await self.tell(fax.OpenT38(fax=number))
        if isinstance(reply, fax.T38Opened):
            return RtpAddress(reply.host, reply.port)
        log.warning("no socket for T.38", fax=number, why=str(reply))
        return None

    async def tell(self, request: fax.Request) -> fax.Reply | None:
        """Ask the host of faxes for something; None when it does not answer."""
        try:
            return fax.decode_reply(await self._control.media.host(fax.HOST, fax.encode(request)))
        except (DriverError, msgspec.DecodeError) as error:
            log.warning("fax host does not answer", fax=request.fax, why=str(error))
            return None


def peer_of(terms: T38Terms) -> T38Peer:
    """Where a worker sends to, and how much at once."""
    return T38Peer(
        host=terms.remote.host,
        port=terms.remote.port,
        most=min(terms.most, MOST_DATAGRAM),
        redundancy=REDUNDANCY if terms.correction == "redundancy" else 0,
        parity=terms.correction == "parity",
    )


def other_leg(call: Call, line: LineId) -> Leg | None:
    """Who talks with the one on a line, when two talk and nobody else; None otherwise."""
    legs = (call.caller, *call.partners)
    if len(legs) != 2 or not call.bridge:
        return None
    near, far = legs
    if near.line == line:
        return far
    return near if far.line == line else None
