"""Datagrams in plain Python: what the compiled ones must agree with."""

import errno
import socket
from collections.abc import Callable
from typing import Final, Generic, TypeVar

AT_ONCE: Final = 16  # datagrams of one ``receive``
LARGEST: Final = 65_535  # bytes of a datagram
SOURCES_KEPT: Final = 4096

Place = TypeVar("Place")


class Datagrams(Generic[Place]):
    """A bound UDP socket without waiting; ``place`` makes what stands for a source."""

    def __init__(self, sock: socket.socket, place: Callable[[str, int], Place]) -> None:
        self._sock = sock
        self._place = place
        self._sources: dict[tuple[str, int], Place] = {}

    def receive(self) -> list[tuple[bytes, Place]]:
        """Datagrams that have come, and from where, at most ``AT_ONCE``; OSError of the socket."""
        found: list[tuple[bytes, Place]] = []
        while len(found) < AT_ONCE:
            try:
                data, source = self._sock.recvfrom(LARGEST)
            except BlockingIOError:
                break
            except OSError:
                if found:
                    break
                raise
            found.append((data, self._source(source[0].partition("%")[0], source[1])))
        return found

    def send(self, data: bytes, host: str, port: int) -> bool:
        """Send one; False when the buffer is full, OSError when it cannot be sent."""
        try:
            socket.inet_pton(self._sock.family, host)  # a name would be looked up, and waited for
        except ValueError as error:  # what is no text at all
            raise OSError(errno.EINVAL, f"{host[:64]!r} is no address") from error
        try:
            self._sock.sendto(data, (host, port))
        except BlockingIOError:
            return False
        return True

    def _source(self, host: str, port: int) -> Place:
        known = self._sources.get((host, port))
        if known is None:
            if len(self._sources) >= SOURCES_KEPT:
                self._sources.clear()
            known = self._sources[host, port] = self._place(host, port)
        return known
