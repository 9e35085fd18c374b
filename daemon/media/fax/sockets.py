"""UDP sockets of T.38: opened before a description can be sent, given to a worker when it counts."""

import asyncio
import socket

from daemon.media.options import MediaOptions
from daemon.media.rtp_ports import RtpRange

UNUSED_S = 60.0  # s until a socket that no fax was started on is closed: an offer long refused


class FaxSockets:
    """The sockets of faxes that speak, or are to speak, T.38; by the faxes' numbers."""

    def __init__(self, options: MediaOptions) -> None:
        self._options = options
        self._range = RtpRange(options.rtp_port_min, options.rtp_port_max)
        self._open: dict[int, tuple[socket.socket, asyncio.TimerHandle]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, fax: int) -> bool:
        return fax in self._open

    def open(self, fax: int, port: int = 0) -> tuple[str, int]:
        """Open a socket, or tell of the one that is open: the address for the other side.

        With ``port`` at that one. MediaRefused when no port of the range is left, OSError when
        the one is taken.
        """
        if fax not in self._open:
            found = socket.socket(
                socket.AF_INET6 if ":" in self._options.rtp_address else socket.AF_INET,
                socket.SOCK_DGRAM | socket.SOCK_NONBLOCK,
            )

            def bind(port: int) -> int:
                found.bind((self._options.rtp_address, port))
                return int(found.getsockname()[1])

            try:
                if port:
                    bind(port)
                else:
                    self._range.bind(bind)
            except BaseException:
                found.close()
                raise
            self.put(fax, found)
        host, port = self._open[fax][0].getsockname()[:2]
        return self._options.rtp_advertise or host, port

    def put(self, fax: int, found: socket.socket) -> None:
        """Keep a socket that is open for a fax that is to start on it, in the place of another."""
        self.close(fax)
        loop = asyncio.get_running_loop()
        self._open[fax] = found, loop.call_later(UNUSED_S, self.close, fax)

    def take(self, fax: int) -> socket.socket | None:
        """Give the socket away: whoever takes it closes it; None without one."""
        found = self._open.pop(fax, None)
        if found is None:
            return None
        found[1].cancel()
        return found[0]

    def close(self, fax: int) -> None:
        """Close a socket that no fax was started on; harmless without one."""
        found = self.take(fax)
        if found is not None:
            found.close()

    def close_all(self) -> None:
        """Close what is open."""
        for fax in tuple(self._open):
            self.close(fax)
