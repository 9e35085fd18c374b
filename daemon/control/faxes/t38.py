"""Faxes that change from audio to T.38, and the gateway between a T.38 and an audio leg."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
import structlog

from acd_core.ids import to_text
from daemon.control.calls.call import Call, Leg
from daemon.fax import messages as fax
from daemon.fax.messages import T38Peer
from daemon.fax.udptl import MOST_DATAGRAM, REDUNDANCY
from drivers.api import Line, LineId, PortId, RtpAddress
from drivers.errors import DriverError
from drivers.t38 import T38Asked, T38Line, T38Terms

log = structlog.get_logger()

REMEMBERED: Final = 256
MARK: Final = "t38"
"""Detail of the segment of a fax that goes by T.38."""


class GatewayMedia(Protocol):
    """The part of the link to media that this needs."""

    def host(self, host: str, payload: bytes) -> Awaitable[bytes]: ...
    def bridge(self, bridge: int, a: PortId, b: PortId) -> Awaitable[None]: ...
    def unbridge(self, bridge: int) -> Awaitable[None]: ...


class T38Control(Protocol):
    """The control process, as far as T.38 needs it."""

    ids: Callable[[], int]

    @property
    def media(self) -> GatewayMedia:
        """The link to media."""

    def line(self, line: LineId) -> Line:
        """A line by its name; DriverError when it is gone."""


class T38Changes:
    """Sockets, re-INVITEs and gateways, by the number of the fax."""

    def __init__(self, control: T38Control) -> None:
        self.allowed = True
        """Whether the site's options let calls change at all."""
        self._control = control
        self._gateways: dict[int, int] = {}
        """By call, the gateway that runs in it."""
        self._numbers: deque[int] = deque(maxlen=REMEMBERED)
        """Those of the last gateways: their ends are told after those of their calls."""

    async def ask(self, call: Call, number: int) -> T38Peer | None:
        """Ask the caller's line for T.38, with a socket that is open; None: audio stands."""
        line = self._line(call.caller.line)
        if line is None or (local := await self._socket(number)) is None:
            return None
        terms = await line.offer_t38(local)
        if terms is None:
            await self._tell(fax.StopFax(fax=number))
            return None
        return peer_of(terms)

    async def accept(self, asked: T38Asked, number: int) -> T38Peer | None:
        """Accept what a line's far end asks for; None when it could not be done."""
        line = self._line(asked.line)
        if line is None:
            return None
        local = await self._socket(number)
        if local is None or not await line.accept_t38(local):
            await line.refuse_t38()
            await self._tell(fax.StopFax(fax=number))
            return None
        return peer_of(asked.terms)

    async def refuse(self, line: LineId) -> None:
        """Let a call stay with audio."""
        found = self._line(line, always=True)
        if found is not None:
            await found.refuse_t38()

    async def leave(self, line: LineId) -> None:
        """Change a call back to audio."""
        found = self._line(line)
        if found is not None:
            await found.leave_t38()

    async def join(self, call: Call, asked: T38Asked, other: Leg) -> bool:
        """Put a gateway between a leg that changes to T.38 and one that stays with audio."""
        if other.port is None or not call.bridge or call.id in self._gateways:
            return False
        number = self._control.ids()
        peer = await self.accept(asked, number)
        if peer is None:
            return False
        reply = await self._tell(fax.StartFax(fax=number, way="gateway", t38=peer))
        if not isinstance(reply, fax.FaxStarted):
            log.error("fax gateway does not start", call=to_text(call.id), why=str(reply))
            await self.leave(asked.line)
            return False
        self._gateways[call.id] = number
        self._numbers.append(number)
        # The bridge keeps its number: whoever ends the conversation ends this.
        try:
            await self._control.media.unbridge(call.bridge)
            await self._control.media.bridge(call.bridge, PortId(reply.port), other.port)
        except DriverError as error:
            # Its worker died at once, or media did: no gateway may stay behind.
            log.error("fax gateway is not joined", call=to_text(call.id), why=str(error))
            await self.over(call)
            await self.leave(asked.line)
            return False
        log.info("fax gateway runs", call=to_text(call.id), line=asked.line, fax=number)
        return True

    async def rejoin(self, call: Call) -> None:
        """Both legs are at audio again: they hear each other as before, without a gateway."""
        if call.id not in self._gateways:
            return
        await self.over(call)
        ports = [leg.port for leg in (call.caller, *call.partners) if leg.port is not None]
        if call.bridge and len(ports) == 2:
            await self._control.media.unbridge(call.bridge)
            await self._control.media.bridge(call.bridge, *ports)
            log.info("fax gateway is done", call=to_text(call.id))

    async def over(self, call: Call) -> None:
        """A call ends, and its gateway with it."""
        number = self._gateways.pop(call.id, None)
        if number is not None:
            await self._tell(fax.StopFax(fax=number))

    def is_gateway(self, number: int) -> bool:
        """Whether a number is that of a gateway that runs, or ran."""
        return number in self._numbers

    def _line(self, name: LineId, *, always: bool = False) -> T38Line | None:
        """A line that can do it, where the site lets it."""
        try:
            line = self._control.line(name)
        except DriverError:
            return None
        return line if isinstance(line, T38Line) and (self.allowed or always) else None

    async def _socket(self, number: int) -> RtpAddress | None:
        reply = await self._tell(fax.OpenT38(fax=number))
        if isinstance(reply, fax.T38Opened):
            return RtpAddress(reply.host, reply.port)
        log.warning("no socket for T.38", fax=number, why=str(reply))
        return None

    async def _tell(self, request: fax.Request) -> fax.Reply | None:
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
        redundancy=REDUNDANCY if terms.redundancy else 0,
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
