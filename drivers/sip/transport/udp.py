"""A UDP listener of the SIP driver."""

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from cython_ext.datagrams import Datagrams
from drivers.errors import DeviceMissing, DevicePermission, DriverError
from drivers.sip.transport.address import Address

log = structlog.get_logger()

MOST_WAITING: Final = 4096  # datagrams that wait for room in the socket's buffer
SO_RCVBUFFORCE: Final = 33  # Linux; Python's socket module has no name for it


class UdpEndpoint:
    """One bound UDP socket; hands what came to ``received``, with ``flow`` in its source.

    Several datagrams that are there already come together. What the kernel has no room for waits
    here, in order, until it has.
    """

    def __init__(
        self, received: Callable[[list[tuple[bytes, Address]]], None], *, flow: int = 0
    ) -> None:
        self._received = received
        self._flow = flow
        self._socket: socket.socket | None = None
        self._datagrams: Datagrams[Address] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[tuple[bytes, tuple[str, int]]] = deque()
        self._closing = False
        self.errors = 0
        self.address = Address("", 0)

    async def open(self, host: str, port: int, *, receive_buffer: int) -> None:
        """Bind the socket; DriverError says why it cannot be."""
        sock = self._socket = bind_socket(host, port, receive_buffer=receive_buffer)
        host, port = sock.getsockname()[:2]
        self.address = Address(host, port, "udp", self._flow)
        self._datagrams = Datagrams(sock, self._source)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._readable)

    def send(self, data: bytes, place: tuple[str, int]) -> None:
        """Send one datagram; nothing happens after ``close``."""
        if self._datagrams is None or self._closing:
            return
        if self._waiting or not self._taken(self._datagrams, data, place):
            self._wait(data, place)

    def close(self) -> None:
        """Close the socket after what is waiting has left."""
        self._closing = True
        if self._socket is not None and self._loop is not None:
            self._loop.remove_reader(self._socket)
            if not self._waiting:
                self._end(self._socket)

    def _readable(self) -> None:
        if self._datagrams is None:
            return
        try:
            found = self._datagrams.receive()
        except OSError:  # what the kernel reports, such as a port that is closed at the peer
            self.errors += 1
            return
        if found:
            self._received(found)

    def _writable(self) -> None:
        datagrams, waiting = self._datagrams, self._waiting
        while datagrams is not None and waiting and self._taken(datagrams, *waiting[0]):
            waiting.popleft()
        if not waiting and self._loop is not None and self._socket is not None:
            self._loop.remove_writer(self._socket)
            if self._closing:
                self._end(self._socket)

    def _taken(self, datagrams: "Datagrams[Address]", data: bytes, place: tuple[str, int]) -> bool:
        """Whether nothing is left to do about a datagram; what cannot be sent is counted."""
        try:
            return datagrams.send(data, *place)
        except (OSError, OverflowError):
            self.errors += 1
            return True

    def _wait(self, data: bytes, place: tuple[str, int]) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.errors += 1
            return
        if not self._waiting and self._loop is not None and self._socket is not None:
            self._loop.add_writer(self._socket, self._writable)
        self._waiting.append((data, place))

    def _source(self, host: str, port: int) -> Address:
        return Address(host, port, "udp", self._flow)

    def _end(self, sock: socket.socket) -> None:
        self._socket = self._datagrams = None
        sock.close()


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
