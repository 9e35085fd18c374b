"""A line of the SIP driver: a trunk slot or a station, and the audio of its call."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from drivers.api import (
    CallDetails,
    Capability,
    DtlsPorts,
    LineId,
    RtpAddress,
    RtpStream,
)
from drivers.errors import DriverError, NotCapable
from drivers.events import Cause, LineEvent, Seized
from drivers.sip.audio.side import AudioSide
from drivers.sip.core.call import Call, CallState
from drivers.sip.in_call.reliable import may_answer
from drivers.sip.trunks.guards import NotAllowed

if TYPE_CHECKING:
    from drivers.sip.driver import SipDriver

log = structlog.get_logger()

_CAN = (
    Capability.AUDIO
    | Capability.ANSWER
    | Capability.HOLD
    | Capability.SEND_DTMF
    | Capability.ANI
    | Capability.SUPERVISION
    | Capability.DEFLECT
)


class SipLine(AudioSide):
    """Carries at most one call; events about its audio keep their order."""

    def __init__(
        self,
        driver: "SipDriver",
        line: LineId,
        owner: str,
        *,
        is_station: bool = False,
        can_dial: bool = True,
        can_transfer: bool = False,
    ) -> None:
        super().__init__()
        self.driver = driver
        self.id = line
        self.owner = owner
        """Name of the trunk or station."""
        self.is_station = is_station
        self.can = _CAN | Capability.DIAL if can_dial else _CAN
        if can_transfer:
            self.can |= Capability.TRANSFER
        self.call: Call | None = None
        self._answering = False
        self._early: RtpAddress | None = None

    @property
    def stream(self) -> RtpStream | None:
        """What both sides agreed on; None before that."""
        session = None if self.call is None else self.call.session
        if session is None or session.remote is None or session.fmt is None:
            return None
        return RtpStream(session.remote, session.fmt)

    async def dial(self, number: str, *, ani: str = "", name: str = "") -> None:
        """Call the number over the trunk, or the station's phone; events tell the rest."""
        await self._dial(number, None, ani, name)

    async def dial_with(
        self, number: str, details: CallDetails, *, ani: str = "", name: str = ""
    ) -> None:
        """Like ``dial``, with what else there is to say; a station hears the numbers only."""
        await self._dial(number, details, ani, name)

    async def _dial(self, number: str, details: CallDetails | None, ani: str, name: str) -> None:
        if Capability.DIAL not in self.can:
            raise NotCapable(f"{self.id} takes incoming calls only")
        driver = self.driver
        driver.claim(self)
        try:
            if self.is_station:
                call = driver.act().dial_station(self.owner, line=self.id, ani=ani)
            else:
                places = await driver.border.places(self.owner)
                driver.core.named(self.owner, places)
                call = driver.act().dial_trunk(
                    self.owner, number, line=self.id, ani=ani, places=places, details=details
                )
        except KeyError:
            driver.board.give_back(self)
            raise DriverError(f"{self.id} cannot be reached now") from None
        except NotAllowed as error:
            log.warning("call not allowed", line=self.id, reason=str(error))
            driver.core.services.count("call_not_allowed")
            driver.board.give_back(self)
            raise
        except asyncio.CancelledError:  # while the name was looked up
            driver.board.give_back(self)
            raise
        self.take(call)
        driver.board.emit(Seized(line=self.id))
        address = await self._open_audio(call)
        if address is not None:
            driver.act().start(call, name=name, host=address.host, port=address.port)
            driver.border.flush()

    async def answer(self) -> None:
        """Answer the ringing call; nothing happens when the caller has left."""
        call = self.call
        if call is None or call.state is not CallState.OFFERED or self._answering:
            return
        self._answering = True
        # The caller hears nothing before the answer, and a PRACK may still keep that back.
        session = call.session if may_answer(call) else None
        stream = None if session is None else session.expected()
        address = self._early or await self._open_audio(call, stream)
        if address is not None:
            self.driver.act().accept(call, address.host, address.port)
            self._tell_peer()

    async def release(self, cause: Cause | None = None) -> None:
        """End the call in any state; without a call nothing happens."""
        if self.call is not None:
            core = self.driver.act()
            core.release(self.call, Cause.NORMAL if cause is None else cause)
            self.driver.border.flush()

    async def hold(self) -> None:
        """Put the peer on hold."""
        self._set_hold(hold=True)

    async def retrieve(self) -> None:
        """Take the peer back from hold."""
        self._set_hold(hold=False)

    async def send_digits(self, digits: str) -> None:
        """Send keys; DriverError without a call."""
        if self.port is None or self.driver.ports is None:
            raise DriverError(f"{self.id} carries no call")
        await self.driver.ports.send_digits(self.port, digits)

    async def flash(self) -> None:
        """A SIP line has no hook: NotCapable."""
        raise NotCapable(f"{self.id} has no hook to flash")

    async def transfer(self, number: str) -> None:
        """Let the peer's network call the number in our place; ``TransferEnded`` follows."""
        self._refer(number, None)

    async def deflect(self, number: str) -> None:
        """Send the caller to another number before the answer; ``Released`` follows."""
        if self.call is None or not self.driver.act().redirect(self.call, number):
            raise DriverError(f"{self.id} has no call that can be sent elsewhere")
        self.driver.border.flush()

    async def transfer_to(self, other: "SipLine") -> None:
        """Let the peers of this line and the other talk without us; ``TransferEnded`` follows."""
        if other.call is None:
            raise DriverError(f"{other.id} carries no call")
        self._refer("", other.call)

    async def open_early(self) -> bool:
        """Let the caller hear us before the answer; False when that cannot be."""
        call = self.call
        if call is None or call.state is not CallState.OFFERED or call.port is not None:
            return False
        address = await self._open_audio(call)
        if address is None:
            return False
        self._early = address
        opened = self.driver.act().open_early(call, address.host, address.port)
        self._tell_peer()
        return opened

    async def audio_restarted(self) -> None:
        """Media was started anew, and the port opened again: offer what was lost with the old."""
        call, ports = self.call, self.driver.ports
        session = None if call is None else call.session
        own = None if session is None else session.own_dtls
        port = self.port
        if session is not None and own is not None and port is not None:
            if not isinstance(ports, DtlsPorts):
                raise DriverError("audio ports here know no DTLS")
            # Another process has another certificate.
            engine = await ports.open_dtls(port, ice=bool(own.ufrag))
            self._ufrag = engine.ufrag
            session.prepare_dtls(engine)
        if call is not None and self.call is call:
            self.driver.act().renew_keys(call)
            self.driver.border.flush()

    # For the driver

    def take(self, call: Call) -> None:
        """Carry a call from now on."""
        self.call = call
        call.line = self.id
        self._answering = False
        self._early = self._flows = None
        own = None if call.session is None else call.session.own_dtls
        self._ufrag = "" if own is None else own.ufrag  # of a call that a restart brought back

    def drop(self) -> None:
        """The call is over: forget it and give its audio port back."""
        self.drop_t38(self.call)
        port, self.call = self.port, None
        while self._backlog:
            item = self._backlog.popleft()
            if isinstance(item, LineEvent):  # it happened, though its audio is of no use any more
                self.driver.board.emit(item)
        if port is not None and self.driver.ports is not None:
            self._give_back(port, self.driver.ports)

    def _tell_peer(self) -> None:
        """Send what waits; the engine knows of the port before the peer, if we end in between."""
        if self.driver.granted is not None:
            self.driver.granted.send_now()
        self.driver.border.flush()

    def _refer(self, number: str, other: Call | None) -> None:
        if Capability.TRANSFER not in self.can:
            raise NotCapable(f"{self.id} does not transfer in the network")
        if self.call is None or not self.driver.act().refer(self.call, number, other):
            raise DriverError(f"{self.id} carries no call that can be transferred now")
        self.driver.border.flush()

    def _set_hold(self, *, hold: bool) -> None:
        call = self.call
        if call is None or call.state is not CallState.CONFIRMED:
            raise DriverError(f"{self.id} carries no call to hold")
        self.driver.act().set_hold(call, hold=hold)
        self.driver.border.flush()
