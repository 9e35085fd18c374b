"""Connections of the benchmark's own callers; nothing of the driver's transports is in them."""

import asyncio
import contextlib
import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection, connect

_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)

Receive = Callable[[bytes], None]


class Link(ABC):
    """One way to the driver."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send one message."""

    @abstractmethod
    async def close(self) -> None:
        """End it."""


class UdpLink(asyncio.DatagramProtocol, Link):
    """A UDP socket."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, host: str, port: int) -> None:
        """Bind it."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, remote_addr=(host, port))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; uvloop's is no DatagramTransport by class."""
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a message on."""
        self._receive(data)

    def send(self, data: bytes) -> None:
        """Send one datagram."""
        if self._transport is not None:
            self._transport.sendto(data)

    async def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()


class StreamLink(asyncio.Protocol, Link):
    """A TCP or TLS connection."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Connect."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, host, port, ssl=tls)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Cut messages out of the stream."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._buffer, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._buffer) < whole:
                return
            message, self._buffer = self._buffer[:whole], self._buffer[whole:]
            self._receive(message)

    def send(self, data: bytes) -> None:
        """Send one message."""
        if self._transport is not None:
            self._transport.write(data)

    async def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class WebSocketLink(Link):
    """A WebSocket of the `websockets` library."""

    def __init__(self, receive: Receive, socket: ClientConnection) -> None:
        self._receive = receive
        self._socket = socket
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    @classmethod
    async def open(cls, receive: Receive, host: str, port: int) -> "WebSocketLink":
        """Connect."""
        url = f"ws://{host}:{port}/sip"
        return cls(receive, await connect(url, subprotocols=["sip"], compression=None))  # type: ignore[list-item]

    def send(self, data: bytes) -> None:
        """Send one message."""
        self._waiting.put_nowait(data)

    async def close(self) -> None:
        """Close the connection."""
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks)
        await self._socket.close()

    async def _read(self) -> None:
        async for message in self._socket:
            self._receive(message.encode() if isinstance(message, str) else message)

    async def _write(self) -> None:
        while True:
            await self._socket.send((await self._waiting.get()).decode())


async def open_link(
    transport: str, host: str, port: int, *, authority: str, receive: Receive
) -> Link:
    """Connect by ``transport``; ``authority`` is the PEM file that TLS trusts."""
    if transport == "udp":
        udp = UdpLink(receive)
        await udp.open(host, port)
        return udp
    if transport == "ws":
        return await WebSocketLink.open(receive, host, port)
    stream = StreamLink(receive)
    tls = ssl.create_default_context(cafile=authority) if transport == "tls" else None
    await stream.open(host, port, tls)
    return stream
