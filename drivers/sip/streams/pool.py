"""Connections of the driver: listeners, handshakes, opening, reuse, and their end."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random
from typing import Final

import msgspec
import structlog

from drivers.errors import DriverError
from drivers.sip.streams.codec import Codec, StreamCodec
from drivers.sip.streams.connection import Connection
from drivers.sip.streams.flows import FlowTable
from drivers.sip.streams.tls import TlsContexts, matches
from drivers.sip.streams.websocket import WebSocketCodec
from drivers.sip.transport.address import SECURE, WEBSOCKETS, Address
from drivers.sip.transport.listening import Listen
from drivers.sip.transport.stamp import Stamp
from drivers.sip.transport.udp import bound

log = structlog.get_logger()

HANDSHAKE_LIMIT: Final = 10.0  # s
CONNECT_LIMIT: Final = 4.0  # s; longer, and a caller thinks nothing happens
BACKLOG: Final = 512
WAITING_MESSAGES: Final = 64  # for one connection that is being opened
ACCEPT_PAUSE: Final = 0.2  # s, after the system had no descriptor for a connection
TICK: Final = 0.05  # s; deadlines of connections are not finer


class StreamPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What connections may do; the driver fills it from its options."""

    connections_max: int
    connections_per_source: int
    idle_limit_s: float
    websocket_path: str = ""
    websocket_origins: tuple[str, ...] = ()
    tls: TlsContexts | None = None


class StreamUser(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver lends to its connections."""

    received: Callable[[bytes, Address], bool]
    """A whole message; False when the source may not send any more."""
    unreachable: Callable[[Address], None]
    """What was to be sent there cannot be."""
    lost: Callable[[Address], None]
    """A connection with this flow is gone."""
    admits: Callable[[str], bool]
    blame: Callable[[str, str], None]
    certificate_for: Callable[[str, bool], str]
    """Name that the certificate of a host must have, by whether it called us; empty: none."""
    count: Callable[[str], None]
    clock: Callable[[], float]


class Streams:
    """All TCP, TLS and WebSocket connections of one driver."""

    def __init__(self, policy: StreamPolicy, user: StreamUser, rng: Random) -> None:
        self._policy = policy
        self._user = user
        # Numbers begin at the clock, so that those of a run before are never given again.
        first = int(user.clock() * 1000) << 10
        idle = policy.idle_limit_s
        self.flows = FlowTable(rng, first=first, idle_limit=idle, count=user.count)
        self._listening: list[socket.socket] = []
        self._places: list[tuple[Listen, str, int]] = []
        self._stamps: dict[tuple[str, int, str], Stamp] = {}
        self._opening: dict[Address, list[tuple[bytes, Address]]] = {}
        self._handshakes: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._closed = False
        self.core_place = ("", 0)
        """What the core writes into Via and Contact."""

    # Listeners

    def listen(self, listen: Listen, advertised: str) -> int:
        """Open a listener; its port. DriverError says why it cannot be."""
        sock = bound(listen.host, listen.port, kind=socket.SOCK_STREAM)
        port = int(sock.getsockname()[1])
        number = len(self._places)
        self._places.append((listen, advertised, port))
        try:
            sock.listen(BACKLOG)
        except OSError as error:  # two may be bound to a port, but only one can listen
            sock.close()
            place = f"{listen.host} port {port}"
            raise DriverError(f"cannot listen on {place}: {error.strerror}") from error
        self._listening.append(sock)
        self._start(self._accept(number, sock), f"sip listens {listen.transport}")
        return port

    async def close(self) -> None:
        """End every connection and listener."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sock in self._listening:
            sock.close()
        for wire in self.flows.wires():
            wire.close("the driver closes")

    # Messages

    def send(self, data: bytes, address: Address) -> None:
        """Send by the connection of the address, or by a new one to the same place."""
        wire = self.flows.find(address)
        if isinstance(wire, Connection):
            wire.send(self._stamp(wire).apply(data))
            return
        if not address.opens or self._closed:
            self._user.count("connection_gone")
            asyncio.get_running_loop().call_soon(self._user.unreachable, address)
            return
        place = Address(address.host, address.port, address.transport)
        waiting = self._opening.get(place)
        if waiting is None:
            self._opening[place] = [(data, address)]
            self._start(self._open(place), f"sip connects to {address.host}")
        elif len(waiting) < WAITING_MESSAGES:
            waiting.append((data, address))
        else:
            self._user.count("connection_busy")

    # For connections

    def connected(self, connection: Connection) -> None:
        """Take in a connection, if its peer may have it."""
        user, address = self._user, connection.address
        wanted = user.certificate_for(address.host, connection.accepted)
        if wanted and address.transport == "tls":
            stream = connection.transport
            shown = None if stream is None else stream.get_extra_info("peercert")
            if not matches(wanted, shown):
                user.count("tls_wrong_name" if shown else "tls_no_certificate")
                self._refuse(connection, f"no certificate of {wanted}")
                return
        self.flows.add(connection, user.clock())
        user.count(f"{address.transport}_{'accepted' if connection.accepted else 'opened'}")
        self._set_timer()

    def arrived(self, connection: Connection, messages: list[bytes]) -> None:
        """Hand messages on; who sends too many loses the connection."""
        user, now = self._user, self._user.clock()
        connection.spoke |= bool(messages)
        self.flows.heard(connection, now, message=bool(messages), answer=connection.answered > 0)
        for data in messages:
            if not user.received(data, connection.address):
                connection.close("refused by the guard")
                return

    def lost(self, connection: Connection, reason: str) -> None:
        """A connection ended."""
        if not self.flows.remove(connection):
            return
        user, address = self._user, connection.address
        user.count(f"{address.transport}_closed")
        if connection.misbehaved:
            user.count("stream_broken")
            user.blame(address.host, reason)
        # Whoever only connects and leaves must not fill the log; the counters know of it.
        tell = log.info if connection.spoke or connection.misbehaved else log.debug
        tell("sip connection closed", peer=f"{address.host}:{address.port}",
             transport=address.transport, reason=reason)  # fmt: skip
        if not self._closed:
            user.lost(address)

    # Inner parts

    async def _accept(self, number: int, sock: socket.socket) -> None:
        """Take connections of a listener; who may have none is refused before any handshake."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, address = await loop.sock_accept(sock)
            except OSError as error:  # out of descriptors, or gone again already
                self._user.count("accept_failed")
                log.warning("sip connection not accepted", reason=error.strerror)
                await asyncio.sleep(ACCEPT_PAUSE)
                continue
            reason = self._refusal(address[0])
            if reason:
                self._user.count("connection_refused")
                log.debug("sip connection refused", peer=address[0], reason=reason)
                peer.close()
            else:
                self._start(self._admit(number, peer, address[0]), f"sip admits {address[0]}")

    async def _admit(self, number: int, peer: socket.socket, host: str) -> None:
        """Make a connection of an accepted socket; a peer that fails at TLS is counted."""
        transport = self._places[number][0].transport
        connection = self._connection(transport, accepted=True)
        connection.listener = number
        tls = self._policy.tls.server if self._policy.tls and transport in SECURE else None
        self._handshakes[host] += 1
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                peer,
                ssl=tls,
                ssl_handshake_timeout=HANDSHAKE_LIMIT if tls is not None else None,
            )
        except (ssl.SSLError, OSError, TimeoutError) as error:
            why = getattr(error, "reason", None) or type(error).__name__
            peer.close()
            if tls is not None:
                self._user.count("tls_refused")
                self._user.blame(host, "no TLS")
                log.info("sip TLS handshake failed", peer=host, reason=str(why))
        finally:
            self._handshakes[host] -= 1
            self._handshakes += Counter()  # forget the hosts that have none

    def _connection(self, transport: str, *, accepted: bool) -> Connection:
        codec: Codec
        if transport in WEBSOCKETS:
            policy = self._policy
            codec = WebSocketCodec(path=policy.websocket_path, origins=policy.websocket_origins)
        else:
            codec = StreamCodec(accepted=accepted)
        flow = self.flows.take_number()
        return Connection(self, codec, transport=transport, flow=flow, accepted=accepted)

    def _refusal(self, host: str) -> str:
        """Why a host may have no further connection; empty when it may."""
        if not self._user.admits(host):
            return "banned"
        if len(self.flows) + self._handshakes.total() >= self._policy.connections_max:
            return "too many connections"
        if self.flows.held_by(host) + self._handshakes[host] >= self._policy.connections_per_source:
            return "too many connections of this source"
        return ""

    def _refuse(self, connection: Connection, reason: str) -> None:
        self._user.count("connection_refused")
        peer = f"{connection.address.host}:{connection.address.port}"
        log.info("sip connection refused", peer=peer, reason=reason)
        connection.close(reason)

    async def _open(self, place: Address) -> None:
        """Open a connection and send what waits for it."""
        connection = self._connection(place.transport, accepted=False)
        failed = ""
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                await self._connect(place, connection)
        except (OSError, ssl.SSLError, TimeoutError) as error:
            failed = str(getattr(error, "reason", None) or error or "no answer")
        waiting = self._opening.pop(place)
        if not self.flows.is_open(connection.address):
            self._user.count("connection_failed")
            log.warning("sip connection not opened", peer=f"{place.host}:{place.port}",
                        transport=place.transport, reason=failed or connection.reason)  # fmt: skip
            for address in dict.fromkeys(address for _, address in waiting):
                self._user.unreachable(address)
            return
        for data, _ in waiting:
            connection.send(self._stamp(connection).apply(data))

    async def _connect(self, place: Address, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        policy = self._policy
        tls = policy.tls.client if policy.tls and place.transport == "tls" else None
        if place.transport == "tls" and tls is None:
            raise OSError("no authorities to verify the peer with")
        name = self._user.certificate_for(place.host, False) if tls is not None else None
        if name is not None and "*" in name:
            name = place.host  # nobody can be asked for a wildcard
        await loop.create_connection(
            lambda: connection, place.host, place.port,
            ssl=tls, server_hostname=name,
            ssl_handshake_timeout=CONNECT_LIMIT if tls is not None else None,
        )  # fmt: skip

    def _stamp(self, connection: Connection) -> Stamp:
        """How messages on this connection name us."""
        if connection.stamp is not None:
            return connection.stamp
        transport = connection.address.transport
        host, port = connection.local
        if connection.accepted:
            _, advertised, listening = self._places[connection.listener]
            host, port = advertised or host, listening
        else:
            # The peer's own requests come to our listener once this connection is gone.
            for listen, advertised, listening in self._places:
                same = (":" in listen.host) == (":" in host)
                if listen.transport == transport and same:
                    host, port = advertised or host, listening
                    break
        key = (host, port, transport)
        stamp = self._stamps.get(key)
        if stamp is None:
            core = self.core_place
            stamp = self._stamps[key] = Stamp(core=core, host=host, port=port, transport=transport)
        connection.stamp = stamp
        return stamp

    def _set_timer(self) -> None:
        when = self.flows.next_deadline()
        if when is None or self._closed:
            return
        if self._timer is not None:
            if self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        delay = max(when - self._user.clock(), TICK)
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.flows.advance(self._user.clock())
        self._set_timer()

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
