"""UDP ports that media has granted before they are needed, as control's end keeps them.

No I/O. A grant is a promise: the sockets are bound and there is room for the port, so a leg
may be told its address before media has heard of the leg. It ends with the connection.
"""

import socket
from collections import deque
from sys import intern
from typing import Final

from daemon.link.messages import PortsGranted
from drivers.api import RtpAddress, RtpStream

MOST: Final = 32  # granted at once, as many as an engine keeps
LEAST: Final = 16  # below it more are asked for

_PROMISED: Final = frozenset({"PCMA", "PCMU", "L16"})
"""Codecs whose streams begin on sockets that are bound with nothing left to be refused."""
_KNOWN: Final = _PROMISED | {"G722", "OPUS"}


class Stock:
    """Granted ports, oldest first."""

    def __init__(self) -> None:
        self._host = ""
        self._ports = deque[int]()
        self.asked = False
        """More are asked for, and not there yet."""

    def __len__(self) -> int:
        return len(self._ports)

    @property
    def wanted(self) -> int:
        """How many more should be asked for now; 0 while others are on their way."""
        return 0 if self.asked or len(self._ports) >= LEAST else MOST - len(self._ports)

    def came(self, granted: PortsGranted) -> None:
        """Media has granted some."""
        self.asked = False
        self._host = intern(granted.host)  # one for all calls
        self._ports.extend(granted.ports)

    def withdrawn(self, ports: tuple[int, ...]) -> None:
        """Media wants these back; who was told one of them keeps it."""
        for port in ports:
            if port in self._ports:
                self._ports.remove(port)

    def clear(self) -> None:
        """The connection has ended, and every grant with it."""
        self._ports.clear()
        self.asked = False

    def take(self) -> RtpAddress | None:
        """An address for a leg; None without any."""
        return RtpAddress(self._host, self._ports.popleft()) if self._ports else None


def is_promised(stream: RtpStream | None) -> bool:
    """Whether a granted port cannot be refused together with this stream.

    One that codes, seals or shares a socket with its reports needs more than what is bound.
    """
    if stream is None:
        return True
    fmt = stream.fmt
    return fmt.codec in _PROMISED and not fmt.rtcp_mux and is_plain(stream)


def is_plain(stream: RtpStream) -> bool:
    """Whether nothing about a stream is known to be refused: its address, codec and keys."""
    fmt = stream.fmt
    if fmt.codec not in _KNOWN or fmt.transcode or fmt.srtp is not None or fmt.dtls is not None:
        return False
    host = stream.remote.host
    return not host or _is_numeric(host)


def _is_numeric(host: str) -> bool:
    """Whether media, who resolves no names, can send there."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return False
    return True
