"""Reads the ring into which the media engine copies a port's packets.

The layout is that of ``cython_ext/media/copies.c``. The engine never waits for a reader; what
finds no room is counted there.
"""

import ipaddress
import mmap
import os
import struct
from types import TracebackType
from typing import Final, Self

import msgspec

MAGIC: Final = b"HFPC"
HEAD: Final = 64
_RECORD: Final = struct.Struct("<IHHq16s")
_SENT, _REPORT, _SIX = 1, 2, 4


class CopyFault(Exception):
    """The ring is not what the engine writes."""


class Copy(msgspec.Struct, frozen=True):
    """One packet of a port."""

    at: float
    """Seconds since the epoch."""
    sent: bool
    report: bool
    """RTCP, not RTP."""
    host: str
    """Of the far end."""
    port: int
    data: bytes


class CopyRing:
    """Takes over a memfd; a context manager that closes it."""

    def __init__(self, memfd: int, capacity: int) -> None:
        try:
            if os.fstat(memfd).st_size < HEAD + capacity:
                raise CopyFault("the ring is shorter than told")
            self._map = mmap.mmap(memfd, HEAD + capacity)
        finally:
            os.close(memfd)
        self._capacity = capacity
        if self._map[:4] != MAGIC:
            self.close()
            raise CopyFault(f"not a ring of packets: {MAGIC!r} expected")

    def close(self) -> None:
        """Let the memory go; safe to call twice."""
        self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether the engine writes no more."""
        return self._number("<I", 12) != 0

    @property
    def lost(self) -> int:
        """Packets that found no room."""
        return self._number("<Q", 32)

    def take(self) -> list[Copy]:
        """All packets that came since the last time, in order; CopyFault when they make no sense."""
        written, read = self._number("<Q", 16), self._number("<Q", 24)
        if not 0 <= written - read <= self._capacity:
            raise CopyFault(f"{written - read} octets wait in a ring of {self._capacity}")
        found = []
        while read < written:
            length, flags, port, wall, address = _RECORD.unpack(self._octets(read, _RECORD.size))
            whole = -(-(_RECORD.size + length) // 8) * 8
            if read + whole > written:
                raise CopyFault(f"a packet of {length} octets where {written - read} wait")
            host = ipaddress.ip_address(address if flags & _SIX else address[:4])
            data = self._octets(read + _RECORD.size, length)
            sent, report = bool(flags & _SENT), bool(flags & _REPORT)
            found.append(Copy(wall / 1e9, sent, report, str(host), port, data))
            read += whole
        struct.pack_into("<Q", self._map, 24, read)
        return found

    def _number(self, form: str, at: int) -> int:
        return int(struct.unpack_from(form, self._map, at)[0])

    def _octets(self, at: int, size: int) -> bytes:
        start = at % self._capacity
        first = self._map[HEAD + start : HEAD + min(start + size, self._capacity)]
        return first + self._map[HEAD : HEAD + size - len(first)]
