"""All sockets of one SIP driver: which listener or connection a message leaves by."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import structlog

from drivers.errors import DriverError
from drivers.sip.options import SipOptions
from drivers.sip.streams.pool import StreamPolicy, Streams, StreamUser
from drivers.sip.streams.tls import TlsContexts
from drivers.sip.transport.address import Address
from drivers.sip.transport.listening import Listen
from drivers.sip.transport.stamp import Stamp
from drivers.sip.transport.udp import UdpEndpoint

log = structlog.get_logger()

IDLE_SPARE = 60.0  # s beyond the longest registration


class Udp(NamedTuple):
    """A UDP listener and how it names us."""

    endpoint: UdpEndpoint
    version: int
    stamp: Stamp | None
    """None: as the core writes it."""


class Transports:
    """Opens every listener of the options, sends, and tells what arrives."""

    def __init__(
        self,
        options: SipOptions,
        *,
        datagrams: Callable[[list[tuple[bytes, Address]]], None],
        streams: StreamUser,
        rng: Random,
        folder: Path,
    ) -> None:
        self._options = options
        self._datagrams = datagrams
        self._user = streams
        self._rng = rng
        self._folder = folder
        self._udp: list[Udp] = []
        self._routes: dict[tuple[int, bool], Udp] = {}
        """The listener for a flow and whether the address is IPv6, once it was asked for."""
        self._tls: TlsContexts | None = None
        self._watching: asyncio.TimerHandle | None = None
        self.streams: Streams | None = None
        self.places: list[tuple[str, str, int]] = []
        """Transport, advertised host and port of each listener, in the order of the options."""

    @property
    def port(self) -> int:
        """Port of the first listener; 0 before ``open``."""
        return self.places[0][2] if self.places else 0

    @property
    def errors(self) -> int:
        """What the kernel reported on UDP sockets."""
        return sum(udp.endpoint.errors for udp in self._udp)

    async def open(self) -> None:
        """Open every listener; DriverError says which one cannot be, and none is open then."""
        try:
            await self._open()
        except DriverError:
            await self.close()
            raise
        self._watch_files()

    async def close(self) -> None:
        """Close every socket after what is waiting has left."""
        if self._watching is not None:
            self._watching.cancel()
        for udp in self._udp:
            udp.endpoint.close()
        if self.streams is not None:
            await self.streams.close()
        await asyncio.sleep(0)  # the loop closes sockets in its next turn

    def reread(self) -> None:
        """Take certificates that were renewed; connections that stand are not touched."""
        try:
            if self._tls is not None and self._tls.reread():
                self._user.count("certificates_renewed")
                log.info("sip certificates read anew")
        except DriverError as error:
            self._user.count("certificates_refused")
            log.error("sip certificates not taken, those from before stay", reason=str(error))

    def core_place(self) -> tuple[str, int]:
        """What the core writes into Via and Contact: the first UDP listener, else the first."""
        for transport, host, port in self.places:
            if transport == "udp":
                return host, port
        return self.places[0][1:]

    def is_open(self, address: Address) -> bool:
        """Whether messages of this flow can still come and go; UDP has no flows to lose."""
        if not address.reliable:
            return True
        return self.streams is not None and self.streams.flows.is_open(address)

    def send(self, data: bytes, address: Address) -> None:
        """Send one message; ``unreachable`` is told when that cannot be."""
        host, port, transport, flow = address
        if transport == "udp":
            # Kept short: every datagram of every call goes through here.
            udp = self._routes.get((flow, ":" in host)) or self._by_udp(address)
            if udp is not None:
                udp.endpoint.send(
                    data if udp.stamp is None else udp.stamp.apply(data), (host, port)
                )
                return
        elif self.streams is not None:
            self.streams.send(data, address)
            return
        self._user.count("no_listener")
        asyncio.get_running_loop().call_soon(self._user.unreachable, address)

    def send_as_it_is(self, data: bytes, address: Address) -> None:
        """Send a datagram that is no SIP message."""
        udp = self._by_udp(address)
        if udp is not None:
            udp.endpoint.send(data, address[:2])

    def _by_udp(self, address: Address) -> Udp | None:
        """The listener of the address, else one of its IP version."""
        is_six = ":" in address.host
        fitting = [udp for udp in self._udp if (udp.version == 6) == is_six]
        if address.flow < len(self._udp) and self._udp[address.flow] in fitting:
            fitting = [self._udp[address.flow]]
        if not fitting:
            return None
        if address.flow < len(self._udp):
            self._routes[address.flow, is_six] = fitting[0]
        return fitting[0]

    async def _open(self) -> None:
        options = self._options
        listeners = options.listeners()
        endpoints: list[tuple[UdpEndpoint, Listen, str, int]] = []
        streams = self.streams = Streams(self._policy(), self._user, self._rng)
        for listen in listeners:
            advertised = options.advertised(listen)
            if listen.transport == "udp":
                endpoint = UdpEndpoint(self._datagrams, flow=len(endpoints))
                self._udp.append(Udp(endpoint, listen.version, None))
                await endpoint.open(listen.host, listen.port, receive_buffer=options.receive_buffer)
                port = endpoint.address.port
                endpoints.append((endpoint, listen, advertised, port))
            else:
                port = streams.listen(listen, advertised)
            self.places.append((listen.transport, advertised or listen.host, port))
        core = streams.core_place = self.core_place()
        self._udp = [
            Udp(
                endpoint,
                listen.version,
                None if core == (host, port) else
                Stamp(core=core, host=host, port=port, transport="udp"),
            )
            for endpoint, listen, host, port in endpoints
        ]  # fmt: skip

    def _policy(self) -> StreamPolicy:
        options, folder = self._options, self._folder
        certificates = options.certificates
        secure = any(listen.secure for listen in options.listeners())
        calls_tls = secure or any(trunk.transport == "tls" for trunk in options.trunks)
        if secure or calls_tls:
            self._tls = TlsContexts(
                certificates,
                folder=folder,
                authorities=options.authorities,
                listens=secure,
                calls=calls_tls,
            )
        return StreamPolicy(
            connections_max=options.connections_max,
            connections_per_source=options.connections_per_source,
            idle_limit_s=options.expires_max_s + IDLE_SPARE,
            websocket_path=options.websocket_path,
            websocket_origins=options.websocket_origins,
            tls=self._tls,
        )

    def _watch_files(self) -> None:
        self.reread()
        if self._tls is not None:
            loop = asyncio.get_running_loop()
            self._watching = loop.call_later(self._tls.every_s, self._watch_files)
