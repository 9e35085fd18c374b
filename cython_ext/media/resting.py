"""Sockets that rest between two RTP ports: binding new ones costs more than a port itself."""

import os
from collections import OrderedDict
from typing import Final

from cython_ext.media import _media

NO_FD: Final = -1
MOST: Final = 128  # pairs kept
LEAST: Final = 32  # ports that are closed before one is used again


class Resting:
    """Bound sockets of closed ports, the one that rests longest first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._pairs: OrderedDict[tuple[str, int], tuple[int, int]] = OrderedDict()
        """By host and port: the sockets for RTP and, or -1, for RTCP."""

    def __len__(self) -> int:
        return len(self._pairs)

    def __del__(self) -> None:
        self.close()

    def put(self, host: str, port: int, rtp: int, rtcp: int) -> None:
        """Keep the sockets of a port that was closed."""
        self._pairs[host, port] = (rtp, rtcp)
        if len(self._pairs) > self._most:
            _close(*self._pairs.popitem(last=False)[1])

    def rested(self, host: str) -> int:
        """A port that may be used again; 0 when none has rested long enough.

        One to which somebody still sends is given back to the system: his packets must not
        be heard in another call.
        """
        while len(self._pairs) > LEAST:
            (at, port), (rtp, rtcp) = next(iter(self._pairs.items()))
            if at == host and _media.is_quiet(rtp):
                return port
            del self._pairs[at, port]
            _close(rtp, rtcp)
        return 0

    def take(self, host: str, port: int) -> tuple[int, int]:
        """The sockets of exactly this port, emptied; -1 for those that do not rest here."""
        found = self._pairs.pop((host, port), (NO_FD, NO_FD))
        for fd in found:
            if fd != NO_FD:
                _media.is_quiet(fd)
        return found

    def close(self) -> None:
        """Give all back to the system."""
        while self._pairs:
            _close(*self._pairs.popitem()[1])


def _close(*sockets: int) -> None:
    for fd in sockets:
        if fd != NO_FD:
            os.close(fd)
