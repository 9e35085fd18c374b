"""A line of the SIP driver: a trunk slot or a station, and the audio of its call."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import structlog

from drivers.api import (
    AudioPorts,
    CallDetails,
    Capability,
    DtlsPeer,
    DtlsPorts,
    LineId,
    PortId,
    RtpAddress,
    RtpFormat,
    RtpStream,
)
from drivers.errors import DriverError, NotCapable
from drivers.events import Cause, LineEvent, Seized
from drivers.sip.core.call import Call, CallState
from drivers.sip.fax.line import T38Side
from drivers.sip.in_call.reliable import may_answer
from drivers.sip.line_events import refusal
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


class SipLine(T38Side):
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
        self._flows: RtpStream | None = None
        """What the port was opened with, until the descriptions agree on it or on another."""
        self._ufrag = ""
        """Ours for ICE, as the engine knows it; empty without ICE."""
        self._backlog: deque[tuple[RtpAddress, RtpFormat] | LineEvent] = deque()
        self._worker: asyncio.Future[None] | None = None
        self._closing: set[asyncio.Future[None]] = set()

    @property
    def port(self) -> PortId | None:
        """The audio port of the present call; None between calls and before it has audio."""
        if self.call is None or self.call.port is None:
            return None
        return PortId(self.call.port)

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
            self.driver.border.flush()

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
        self.driver.border.flush()
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

    def tell(self, event: LineEvent) -> None:
        """Hand an event up, behind audio work that is still going on."""
        if self._worker is None:
            self.driver.board.emit(event)
        else:
            self._backlog.append(event)

    def connect(self, remote: RtpAddress, fmt: RtpFormat) -> None:
        """Let the audio flow as agreed; events told later wait for it."""
        port, ports = self.port, self.driver.ports
        flows, self._flows = self._flows, None
        if flows == RtpStream(remote, fmt):
            return
        if self._worker is not None or fmt.dtls is not None or port is None or ports is None:
            self._backlog.append((remote, fmt))
            if self._worker is None:
                self._work_on()
            return
        try:
            self._worker = asyncio.ensure_future(ports.connect_rtp(port, remote, fmt))
        except (DriverError, OSError) as error:
            self._not_connected(port, error)
        else:
            self._worker.add_done_callback(lambda done: self._connected(port, done))

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

    async def finish(self) -> None:
        """Wait for audio work that is still going on."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _open_audio(self, call: Call, to: RtpStream | None = None) -> RtpAddress | None:
        """Open the call's port; None when the call is over by then or no port is to be had."""
        ports = self.driver.ports
        if ports is None:
            raise DriverError("the driver is not open")
        try:
            port, address = await ports.open_rtp(to)
        except (DriverError, OSError) as error:
            log.warning("no audio port", line=self.id, reason=str(error))
            self._give_up(call)
            return None
        except BaseException:
            self._give_up(call)
            raise
        if self.call is not call:
            self._give_back(port, ports)
            await asyncio.gather(*self._closing, return_exceptions=True)
            return None
        call.port, self._flows = port, to
        self.driver.core.services.audio_host = address.host
        return address if await self._prepare_dtls(call, port) else None

    async def _prepare_dtls(self, call: Call, port: PortId) -> bool:
        """Let the engine say its part where keys come by DTLS; False when the call is over."""
        core, ports = self.driver.core, self.driver.ports
        wanted, ice = core.dtls_wanted(call)
        if not wanted:
            return True
        try:
            if not isinstance(ports, DtlsPorts):
                raise DriverError("audio ports here know no DTLS")
            engine = await ports.open_dtls(port, ice=ice)
            self._ufrag = engine.ufrag
            core.prepare_dtls(call, engine)
        except (DriverError, OSError) as error:
            log.warning("no DTLS on the audio port", line=self.id, reason=str(error))
            self._give_up(call)
        return self.call is call and call.state is not CallState.ENDED

    def _give_up(self, call: Call) -> None:
        if self.call is call:
            self.driver.act().release(call, Cause.RESOURCE_UNAVAILABLE)
            self.driver.border.flush()

    def _connected(self, port: PortId, connecting: "asyncio.Future[None]") -> None:
        self._worker = None
        if connecting.cancelled():
            return
        if (error := refusal(connecting)) is not None:
            self._not_connected(port, error)
        while self._backlog:
            item = self._backlog[0]
            if not isinstance(item, LineEvent):
                self._work_on()
                return
            self._backlog.popleft()
            self.driver.board.emit(item)

    def _give_back(self, port: PortId, ports: AudioPorts) -> None:
        try:
            closing = asyncio.ensure_future(ports.close(port))
        except (DriverError, OSError) as error:
            self._not_closed(error)
        else:
            self._closing.add(closing)
            closing.add_done_callback(self._closed)

    def _closed(self, closing: "asyncio.Future[None]") -> None:
        self._closing.discard(closing)
        if (error := refusal(closing)) is not None:
            self._not_closed(error)

    def _work_on(self) -> None:
        self._worker = asyncio.create_task(self._work(), name=f"sip audio {self.id}")

    async def _work(self) -> None:
        try:
            while self._backlog:
                item = self._backlog.popleft()
                if isinstance(item, LineEvent):
                    self.driver.board.emit(item)
                elif self.port is not None and self.driver.ports is not None:
                    await self._connect(self.port, *item)
        finally:
            self._worker = None

    async def _connect(self, port: PortId, remote: RtpAddress, fmt: RtpFormat) -> None:
        assert self.driver.ports is not None
        try:
            if fmt.dtls is not None:
                await self._connect_dtls(port, fmt.dtls)
            await self.driver.ports.connect_rtp(port, remote, fmt)
        except (DriverError, OSError) as error:
            self._not_connected(port, error)

    async def _connect_dtls(self, port: PortId, peer: DtlsPeer) -> None:
        """Tell the engine our credentials where the peer restarted ICE, and who the peer is."""
        session = None if self.call is None else self.call.session
        own = None if session is None else session.own_dtls
        if not isinstance(self.driver.ports, DtlsPorts) or own is None:
            raise DriverError("audio ports here know no DTLS")
        if own.ufrag != self._ufrag:
            self._ufrag = own.ufrag
            await self.driver.ports.open_dtls(port, ufrag=own.ufrag, password=own.password)
        await self.driver.ports.connect_dtls(port, peer)

    def _not_closed(self, error: Exception) -> None:
        log.warning("audio port not given back", line=self.id, reason=str(error))

    def _not_connected(self, port: PortId, error: Exception) -> None:
        log.warning("audio not connected", line=self.id, reason=str(error))
        if self.call is not None and self.port == port:
            self.driver.act().release(self.call, Cause.TEMPORARY_FAILURE)
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
