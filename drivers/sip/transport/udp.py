"""The UDP socket of the SIP driver, and the guard in front of it."""

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


class FloodGuard:
    """A token bucket for each source address; what does not fit is dropped unread."""

    def __init__(self, rate_of: Callable[[str], float], *, burst: int) -> None:
        self._rate_of = rate_of
        self._burst = float(burst)
        self._buckets: dict[str, tuple[float, float]] = {}
        self._free: set[str] = set()
        self.dropped = 0

    def allows(self, host: str, now: float) -> bool:
        """Take one message from ``host``; False when it sends too many."""
        if host in self._free:
            return True
        rate = self._rate_of(host)
        if rate <= 0:
            if len(self._free) < SOURCES_KEPT:
                self._free.add(host)
            return True
        tokens, last = self._buckets.pop(host, (self._burst, now))
        tokens = min(self._burst, tokens + (now - last) * rate)
        allowed = tokens >= 1.0
        if not allowed:
            self.dropped += 1
        elif len(self._buckets) >= SOURCES_KEPT:
            # The one silent for longest has most likely filled up again.
            del self._buckets[next(iter(self._buckets))]
        self._buckets[host] = (tokens - 1.0 if allowed else tokens, now)
        return allowed


class UdpEndpoint(asyncio.DatagramProtocol):
    """One bound UDP socket; hands each datagram to ``received``."""

    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received
        self._transport: asyncio.DatagramTransport | None = None
        self.errors = 0
        self.address = Address("", 0)

    async def open(self, host: str, port: int, *, receive_buffer: int) -> None:
        """Bind the socket; DriverError says why it cannot be."""
        sock = bind_socket(host, port, receive_buffer=receive_buffer)
        self.address = Address(*sock.getsockname()[:2])
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, sock=sock)

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram; nothing happens after ``close``."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, address[:2])

    def close(self) -> None:
        """Close the socket after what is waiting has left."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; uvloop's is no DatagramTransport by class, only by methods."""
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a datagram on; addresses of IPv6 lose their flow and scope."""
        self._received(data, Address(addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Count what the kernel reports, such as a port that is closed at the peer."""
        self.errors += 1


def bind_socket(host: str, port: int, *, receive_buffer: int) -> socket.socket:
    """A bound UDP socket with as large a receive buffer as we may have."""
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer)
        except OSError:  # not privileged: the kernel caps it at net.core.rmem_max
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.bind((host, port))
    except PermissionError as error:
        sock.close()
        raise DevicePermission(f"UDP port {port} needs more rights: {error.strerror}") from error
    except OSError as error:
        sock.close()
        if error.errno is not None and "assign" in (error.strerror or ""):
            raise DeviceMissing(f"{host} is no address of this host") from error
        raise DriverError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if granted < receive_buffer:
        log.info("sip receive buffer smaller than asked", asked=receive_buffer, granted=granted)
    sock.setblocking(False)
    return sock
