"""The audio port of a line's call, and the order of its streams and events."""

import asyncio
from collections import deque
from functools import partial

import structlog

from drivers.api import (
    AudioPorts,
    DtlsPeer,
    DtlsPorts,
    PortId,
    RtpAddress,
    RtpFormat,
    RtpStream,
)
from drivers.errors import DriverError
from drivers.events import Cause, LineEvent
from drivers.sip.core.call import Call, CallState
from drivers.sip.fax.line import T38Side
from drivers.sip.line_events import refusal

log = structlog.get_logger()


class AudioSide(T38Side):
    """The part of ``SipLine`` that opens, connects and closes the audio port of its call."""

    def __init__(self) -> None:
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
        granted, refused = self.driver.granted, partial(self._not_connected, port)
        try:
            if granted and granted.connect_unwaited(port, RtpStream(remote, fmt), refused):
                return
            self._worker = asyncio.ensure_future(ports.connect_rtp(port, remote, fmt))
        except (DriverError, OSError) as error:
            self._not_connected(port, error)
        else:
            self._worker.add_done_callback(lambda done: self._connected(port, done))

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
        granted, refused = self.driver.granted, partial(self._not_opened, call)
        try:
            opened = granted.open_granted(to, refused) if granted else None
            port, address = opened or await ports.open_rtp(to)
        except (DriverError, OSError) as error:
            self._not_opened(call, error)
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

    def _not_opened(self, call: Call, error: Exception) -> None:
        log.warning("no audio port", line=self.id, reason=str(error))
        self._give_up(call)

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
            if self.driver.granted is not None:
                self.driver.granted.close_unwaited(port, self._not_closed)
                return
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
