"""Prompts in memory, gains, and the engine's error."""

import fcntl
import hashlib
import mmap
import os
import struct
from collections import OrderedDict
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

CACHE_BYTES: Final = 64 * 1024 * 1024
CACHE_PROMPTS: Final = 4096  # each keeps a descriptor
SILENCE_DB: Final = -90.0
NAME: Final = "hookflash-prompt"  # of the mappings, in /proc/PID/maps
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_PIECE: Final = 65_536  # octets compared at once
_TELEPHONE: Final = struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16)  # WAVEFORMAT of PCM


class EngineError(Exception):
    """The engine cannot do this; ``code`` is stable, the text is for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Kept(NamedTuple):
    """A prompt of the cache: how its file looked, what it holds, and the part that sounds."""

    stamp: tuple[int, int, int]
    octets: memoryview
    samples: memoryview


class ClipCache:
    """Prompts mapped into memory; those not asked for longest go first, once nothing plays them.

    A prompt is mapped again when its file holds something else, and files that hold the same
    share one mapping.
    """

    def __init__(self, limit: int = CACHE_BYTES, most: int = CACHE_PROMPTS) -> None:
        self._limit, self._most = limit, most
        self._clips: OrderedDict[str, _Kept] = OrderedDict()
        self._mapped: WeakValueDictionary[bytes, mmap.mmap] = WeakValueDictionary()
        self._hits = self._misses = self._evicted = 0
        self.size = 0

    @property
    def count(self) -> int:
        """Prompts that are kept."""
        return len(self._clips)

    def counters(self) -> dict[str, int]:
        """Prompts and octets that are kept, that are mapped at all, and how they were found.

        More may be mapped than kept: what is evicted stays until its last player has ended. And
        less: the octets of each file are counted, though files that are alike share a mapping.
        """
        mapped = [len(each) for each in self._mapped.values()]
        return {
            "cached_bytes": self.size,
            "cached_prompts": len(self._clips),
            "mapped_bytes": sum(mapped),
            "mapped_prompts": len(mapped),
            "prompt_hits": self._hits,
            "prompt_misses": self._misses,
            "prompt_evictions": self._evicted,
        }

    def load(self, path: str) -> memoryview:
        """Samples of a 16-bit 8 kHz file, raw or a WAV file; EngineError ``missing-file``.

        All who play it read the same memory, which stays as long as the last of them.
        """
        try:
            known = self._clips.get(path)
            if known is not None and known.stamp == _stamp(os.stat(path)):
                self._clips.move_to_end(path)
                self._hits += 1
                return known.samples
            with open(path, "rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                # Whoever uses a prompt marks it so, by its time: mostly it is the same.
                if known is None or not _holds(file.fileno(), status.st_size, known.octets):
                    octets = self._map(file.fileno(), status.st_size)
                    known = _Kept(_stamp(status), octets, _samples(octets))
                    self._misses += 1
                else:
                    known = known._replace(stamp=_stamp(status))
                    self._hits += 1
        except (OSError, ValueError) as error:
            text = f"the prompt {path} cannot be read: {error}"
            raise EngineError("missing-file", text) from error
        self._keep(path, known)
        return known.samples

    def _map(self, fd: int, size: int) -> memoryview:
        """The octets of a file, in the mapping that another file with the same has already."""
        if size == 0:
            return memoryview(b"")
        made = _sealed(fd, size)
        content = hashlib.sha256(made).digest()
        return memoryview(self._mapped.setdefault(content, made))

    def _keep(self, path: str, kept: _Kept) -> None:
        if path in self._clips:
            self.size -= len(self._clips.pop(path).octets)
        self._clips[path] = kept
        self.size += len(kept.octets)
        while (self.size > self._limit or len(self._clips) > self._most) and len(self._clips) > 1:
            self.size -= len(self._clips.popitem(last=False)[1].octets)
            self._evicted += 1


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _samples(held: memoryview) -> memoryview:
    """What there is to hear: a message of a caller is a WAV file; ValueError for another kind.

    The sizes in the header of one that is still written, or was cut, are not to be trusted.
    """
    if len(held) < 12 or bytes(held[:4]) != b"RIFF" or bytes(held[8:12]) != b"WAVE":
        return held
    at, form = 12, b""
    while at + 8 <= len(held):
        size = int.from_bytes(held[at + 4 : at + 8], "little")
        name = bytes(held[at : at + 4])
        if name == b"data":
            if form != _TELEPHONE:
                raise ValueError("a WAV file of another kind than 16 bits, mono, 8 kHz")
            end = min(at + 8 + size, len(held))
            return held[at + 8 : end - (end - at) % 2]
        if name == b"fmt ":
            form = bytes(held[at + 8 : at + 24])
        at += 8 + size + size % 2
    raise ValueError("a WAV file without samples")


def _holds(fd: int, size: int, octets: memoryview) -> bool:
    """Whether a file holds what is mapped already."""
    # As bytes, which are compared as one piece: a view is compared octet by octet.
    return size == len(octets) and all(
        os.pread(fd, _PIECE, at) == bytes(octets[at : at + _PIECE]) for at in range(0, size, _PIECE)
    )


def _sealed(fd: int, size: int) -> mmap.mmap:
    """A mapped copy of a file, read now: the engine's thread must not wait for a disk.

    The file itself is not mapped: who shortens a mapped file kills whoever reads on in it.
    Nobody can do so to the copy, not even this process. ValueError when the file became shorter.
    """
    memory = os.memfd_create(NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        done = 0
        while done < size and (more := os.sendfile(memory, fd, done, size - done)):
            done += more
        if done < size:
            raise ValueError(f"it became shorter while it was read, {done} of {size} octets")
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
        # Private, as older kernels refuse to share what is sealed; the pages are one all the same.
        flags = mmap.MAP_PRIVATE | mmap.MAP_POPULATE
        return mmap.mmap(memory, size, flags=flags, prot=mmap.PROT_READ)
    finally:
        os.close(memory)


def accepted(done: bool) -> None:  # noqa: FBT001
    """Raise EngineError ``busy`` when the command ring had no room."""
    if not done:
        raise EngineError("busy", "the media engine has too many commands waiting")


def factor(decibels: float) -> float:
    """Factor of a gain, at most 40 dB; 0 from -90 dB down."""
    return 0.0 if decibels <= SILENCE_DB else 10.0 ** (min(decibels, 40.0) / 20.0)
