"""Reading a tap: a copy of a leg's audio in shared memory, written by the media engine.

Layout, little-endian: 0 magic ``HFTP``, 4 u32 version 1, 8 u32 rate, 12 u32 capacity in
samples (a power of two), 16 u64 samples written in all, 24 u32 closed, 64 the ring of s16.
An eventfd counts up every 100 ms of audio and at close.
"""

import contextlib
import mmap
import os
import struct

from speech.api import BYTES_PER_SAMPLE, SAMPLE_RATE, WIDE_RATE

MAGIC = b"HFTP"
VERSION = 1
HEADER = struct.Struct("<4sIII")
WRITTEN = struct.Struct("<Q")
WRITTEN_AT = 16
CLOSED = struct.Struct("<I")
CLOSED_AT = 24
RING_AT = 64


class TapError(Exception):
    """The shared memory is not a tap of ours."""


class Tap:
    """The reading end; owns both descriptors."""

    def __init__(
        self, memfd: int, eventfd: int, *, lookback: float, rate: int | None = SAMPLE_RATE
    ) -> None:
        """``lookback``: seconds before now that belong to it; ``rate`` None: whatever it has."""
        self.eventfd = eventfd
        self.lost = 0
        """Samples overwritten before they were read."""
        self._memfd = memfd
        try:
            self._map = mmap.mmap(memfd, os.fstat(memfd).st_size, prot=mmap.PROT_READ)
        except (OSError, ValueError) as error:
            raise TapError(f"cannot map the tap: {error}") from error
        self.rate, self._capacity = self._check_header(rate)
        wanted = int(lookback * self.rate)
        self.lookback = min(wanted, self._written(), self._capacity // 2)
        """Samples before now that the first read returns."""
        self._position = self._written() - self.lookback
        os.set_blocking(eventfd, False)

    @property
    def closed(self) -> bool:
        """Whether the engine will write no more."""
        return bool(CLOSED.unpack_from(self._map, CLOSED_AT)[0])

    @property
    def waiting(self) -> int:
        """Samples that the next read returns."""
        return self._written() - self._position

    def acknowledge(self) -> None:
        """Take what the eventfd has counted, so that it waits for the next audio."""
        with contextlib.suppress(BlockingIOError):  # another reader of the tap was quicker
            os.eventfd_read(self.eventfd)

    def read(self) -> bytes:
        """All samples since the last read, in order."""
        written = self._written()
        # The engine may overwrite the oldest samples while they are copied: stay away from them.
        oldest = written - self._capacity + self._capacity // 8
        if self._position < oldest:
            self.lost += oldest - self._position
            self._position = oldest
        start = self._position % self._capacity
        count = written - self._position
        first = min(count, self._capacity - start)
        self._position = written
        return self._samples(start, first) + self._samples(0, count - first)

    def close(self) -> None:
        """Unmap and close both descriptors."""
        self._map.close()
        os.close(self._memfd)
        os.close(self.eventfd)

    def _samples(self, start: int, count: int) -> bytes:
        at = RING_AT + start * BYTES_PER_SAMPLE
        return self._map[at : at + count * BYTES_PER_SAMPLE]

    def _written(self) -> int:
        return int(WRITTEN.unpack_from(self._map, WRITTEN_AT)[0])

    def _check_header(self, wanted: int | None) -> tuple[int, int]:
        if len(self._map) < RING_AT:
            raise TapError(f"{len(self._map)} bytes are too few for a tap")
        magic, version, rate, capacity = HEADER.unpack_from(self._map, 0)
        rates = (SAMPLE_RATE, WIDE_RATE) if wanted is None else (wanted,)
        if magic != MAGIC or version != VERSION or rate not in rates:
            asked = " or ".join(str(each) for each in rates)
            raise TapError(
                f"not a tap of version {VERSION} at {asked} Hz: {self._map[:16].hex(' ')}"
            )
        fits = RING_AT + capacity * BYTES_PER_SAMPLE <= len(self._map)
        if capacity < SAMPLE_RATE // 10 or capacity & (capacity - 1) or not fits:
            raise TapError(f"a tap cannot have a capacity of {capacity} samples")
        return int(rate), int(capacity)
