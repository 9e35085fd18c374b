"""Audio ports that are real UDP sockets on loopback, without an engine behind them."""

import itertools
import socket

from drivers.api import PortId, RtpAddress, RtpFormat, RtpStream


class UdpAudioPorts:
    """What a driver gets in place of the media engine: it sees every request."""

    def __init__(self) -> None:
        self.open: dict[PortId, socket.socket] = {}
        self.connected: dict[PortId, list[tuple[RtpAddress, RtpFormat]]] = {}
        self.opened_with: list[RtpStream] = []
        """Streams that began when their port was opened."""
        self.digits: list[tuple[PortId, str]] = []
        self.closed: list[PortId] = []
        self.refuse = False
        self._ids = itertools.count(1)

    async def open_rtp(self, to: RtpStream | None = None) -> tuple[PortId, RtpAddress]:
        if self.refuse:
            raise OSError("no audio port left")
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        port = PortId(next(self._ids))
        self.open[port] = sock
        if to is not None:
            self.connected[port] = [(to.remote, to.fmt)]
            self.opened_with.append(to)
        return port, RtpAddress(*sock.getsockname())

    async def connect_rtp(self, port: PortId, remote: RtpAddress, fmt: RtpFormat) -> None:
        assert port in self.open
        self.connected.setdefault(port, []).append((remote, fmt))

    async def close(self, port: PortId) -> None:
        sock = self.open.pop(port, None)
        if sock is not None:
            sock.close()
            self.closed.append(port)

    async def send_digits(self, port: PortId, digits: str) -> None:
        self.digits.append((port, digits))
