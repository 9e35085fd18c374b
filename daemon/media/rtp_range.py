"""Which UDP ports are for RTP."""

import errno
from collections.abc import Callable

from daemon.link.errors import MediaRefused


class RtpRange:
    """Gives even ports of a range in turn, so that a port rests after a call."""

    def __init__(self, first: int, last: int) -> None:
        self._ports = range(first, last + 1, 2) if first else range(1)
        self._next = 0

    @classmethod
    def only(cls, port: int) -> "RtpRange":
        """A range of one port."""
        return cls(port, port)

    def bind(self, bind: Callable[[int], int]) -> int:
        """Try ports until one can be bound; MediaRefused ``no-port`` when none can."""
        for _ in range(len(self._ports)):
            port = self._ports[self._next]
            self._next = (self._next + 1) % len(self._ports)
            try:
                return bind(port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise MediaRefused("no-port", str(error)) from error
        raise MediaRefused("no-port", "every port that may be used for RTP is taken")
