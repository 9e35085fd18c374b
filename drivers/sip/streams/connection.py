"""The thin half of a connection: an asyncio protocol around a codec."""

import asyncio
import socket
from typing import Final, Protocol

from drivers.sip.streams.codec import Codec
from drivers.sip.transport.address import Address
from drivers.sip.transport.stamp import Stamp

WRITE_LIMIT: Final = 512 * 1024  # bytes the peer may leave unread before we give it up


class ConnectionUser(Protocol):
    """Who has the connections."""

    def connected(self, connection: "Connection") -> None: ...
    def arrived(self, connection: "Connection", messages: list[bytes]) -> None: ...
    def lost(self, connection: "Connection", reason: str) -> None: ...


class Connection(asyncio.Protocol):
    """One TCP, TLS or WebSocket connection; nothing a peer sends raises out of it."""

    def __init__(
        self, user: ConnectionUser, codec: Codec, *, transport: str, flow: int, accepted: bool
    ) -> None:
        self._user = user
        self._codec = codec
        self._name = transport
        self._flow = flow
        self._transport: asyncio.Transport | None = None
        self.reason = ""
        """Why it ended; empty while it stands."""
        self.misbehaved = False
        """The peer broke the protocol."""
        self.spoke = not accepted
        """A SIP message came over it, or we wanted to send one."""
        self.accepted = accepted
        self.address = Address("", 0, transport, flow)
        self.local = ("", 0)
        self.listener = 0
        """Index of the listener it came in by."""
        self.answered = 0
        """Keep-alives that the peer answered."""
        self.stamp: Stamp | None = None
        """How messages on it name us, once one left."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """The stream below; None before it stands."""
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The stream stands, with TLS where there is any."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        peer, local = (transport.get_extra_info(name) for name in ("peername", "sockname"))
        if peer is None:  # gone already
            self.close("gone before it stood")
            return
        self.address = Address(peer[0], peer[1], self._name, self._flow)
        self.local = (local[0], local[1])
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._user.connected(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes; whole messages go up, what breaks the protocol ends the connection."""
        if self.reason:
            return
        codec = self._codec
        messages = codec.receive(data)
        output = codec.take_output()
        if output:
            self._write(output)
        self.answered = codec.answers
        self._user.arrived(self, messages)
        if codec.broken:
            self.misbehaved = True
            self.close(codec.broken)
        elif codec.ended:
            self.close("closed by the peer")

    def eof_received(self) -> bool:
        """The peer sends no more: close, as a half-open dialogue is of no use."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream is gone, by us or by the peer."""
        reason = self.reason or (str(exc) if exc is not None else "closed by the peer")
        self.reason = reason
        self._user.lost(self, reason)

    def send(self, message: bytes) -> None:
        """Send one message; a peer that does not read loses the connection."""
        self._write(self._codec.encode(message))

    def ping(self) -> None:
        """Ask whether the peer is there."""
        self._write(self._codec.ping())

    def close(self, reason: str) -> None:
        """End the connection; ``reason`` is what the log says."""
        if self.reason or self._transport is None:
            self.reason = self.reason or reason
            return
        self.reason = reason
        farewell = self._codec.farewell()
        if farewell:
            self._transport.write(farewell)
        self._transport.close()

    def _write(self, data: bytes) -> None:
        if not data or self.reason or self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > WRITE_LIMIT:
            self.reason = "does not read what it is sent"
            self._transport.abort()
