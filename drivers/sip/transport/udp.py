"""A UDP listener of the SIP driver."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Final

import structlog

from drivers.errors import DeviceMissing, DevicePermission, DriverError
from drivers.sip.transport.address import Address

log = structlog.get_logger()

SOURCES_KEPT: Final = 4096
SO_RCVBUFFORCE: Final = 33  # Linux; Python's socket module has no name for it


class UdpEndpoint(asyncio.DatagramProtocol):
    """One bound UDP socket; hands each datagram to ``received`` with ``flow`` in its source."""

    def __init__(self, received: Callable[[bytes, Address], None], *, flow: int = 0) -> None:
        self._received = received
        self._flow = flow
        self._transport: asyncio.DatagramTransport | None = None
        self._seen: dict[tuple[str, int], Address] = {}
        self.errors = 0
        self.address = Address("", 0)

    async def open(self, host: str, port: int, *, receive_buffer: int) -> None:
        """Bind the socket; DriverError says why it cannot be."""
        sock = bind_socket(host, port, receive_buffer=receive_buffer)
        host, port = sock.getsockname()[:2]
        self.address = Address(host, port, "udp", self._flow)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, sock=sock)

    def send(self, data: bytes, place: tuple[str, int]) -> None:
        """Send one datagram; nothing happens after ``close``."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, place)

    def close(self) -> None:
        """Close the socket after what is waiting has left."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; uvloop's is no DatagramTransport by class, only by methods."""
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a datagram on; addresses of IPv6 lose their flow and scope."""
        source = self._seen.get(addr)
        if source is None:
            if len(self._seen) >= SOURCES_KEPT:
                self._seen.clear()
            source = self._seen[addr] = Address(addr[0], addr[1], "udp", self._flow)
        self._received(data, source)

    def error_received(self, exc: Exception) -> None:
        """Count what the kernel reports, such as a port that is closed at the peer."""
        self.errors += 1


def bind_socket(host: str, port: int, *, receive_buffer: int) -> socket.socket:
    """A bound UDP socket with as large a receive buffer as we may have."""
    sock = bound(host, port, kind=socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer)
    except OSError:  # not privileged: the kernel caps it at net.core.rmem_max
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if granted < receive_buffer:
        log.info("sip receive buffer smaller than asked", asked=receive_buffer, granted=granted)
    return sock


def bound(host: str, port: int, *, kind: socket.SocketKind) -> socket.socket:
    """A bound socket that does not block; DriverError says why it cannot be."""
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    word = "UDP" if kind is socket.SOCK_DGRAM else "TCP"
    sock = socket.socket(family, kind)
    try:
        if kind is socket.SOCK_STREAM:
            # Connections of a driver before this one must not keep the port for a minute.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            # ``udp:[::]`` and ``udp:0.0.0.0`` are two listeners, so that sources keep their form.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except PermissionError as error:
        sock.close()
        raise DevicePermission(f"{word} port {port} needs more rights: {error.strerror}") from error
    except OSError as error:
        sock.close()
        if "assign" in (error.strerror or ""):
            raise DeviceMissing(f"{host} is no address of this host") from error
        raise DriverError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    sock.setblocking(False)
    return sock
