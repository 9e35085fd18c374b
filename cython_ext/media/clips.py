"""Prompts in memory, gains, and the engine's error."""

import mmap
import os
import struct
from collections import OrderedDict
from typing import Final

CACHE_BYTES: Final = 64 * 1024 * 1024
SILENCE_DB: Final = -90.0
NAME: Final = "hookflash-prompt"  # of the mappings, in /proc/PID/maps
_TELEPHONE: Final = struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16)  # WAVEFORMAT of PCM


class EngineError(Exception):
    """The engine cannot do this; ``code`` is stable, the text is for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class ClipCache:
    """Prompts mapped into memory; those not asked for longest go first, once nothing plays them.

    A prompt is mapped again when its file holds something else.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._clips: OrderedDict[str, tuple[tuple[int, int, int], memoryview]] = OrderedDict()
        self.size = 0

    @property
    def count(self) -> int:
        """Prompts that are kept."""
        return len(self._clips)

    def load(self, path: str) -> memoryview:
        """Samples of a 16-bit 8 kHz file, raw or a WAV file; EngineError ``missing-file``.

        All who play it read the same memory, which stays as long as the last of them.
        """
        try:
            known = self._clips.get(path)
            if known is not None and known[0] == _stamp(os.stat(path)):
                self._clips.move_to_end(path)
                return known[1]
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                samples = _samples(_mapped(file.fileno(), status.st_size))
        except (OSError, ValueError) as error:
            text = f"the prompt {path} cannot be read: {error}"
            raise EngineError("missing-file", text) from error
        # Whoever uses a prompt marks it so, by its time: what is the same stays one for all.
        if known is not None and known[1] == samples:
            samples = known[1]
        self._keep(path, _stamp(status), samples)
        return samples

    def _keep(self, path: str, stamp: tuple[int, int, int], samples: memoryview) -> None:
        if path in self._clips:
            self.size -= len(self._clips.pop(path)[1])
        self._clips[path] = (stamp, samples)
        self.size += len(samples)
        while self.size > self._limit and len(self._clips) > 1:
            self.size -= len(self._clips.popitem(last=False)[1][1])


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


def _mapped(fd: int, size: int) -> memoryview:
    """A mapped copy of a file, read now: the engine's thread must not wait for a disk.

    The file itself is not mapped: who shortens a mapped file kills whoever reads on in it.
    """
    memory = os.memfd_create(NAME, os.MFD_CLOEXEC)
    try:
        done = 0
        while done < size and (more := os.sendfile(memory, fd, done, size - done)):
            done += more
        if done == 0:
            return memoryview(b"")
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        return memoryview(mmap.mmap(memory, done, flags=flags, prot=mmap.PROT_READ))
    finally:
        os.close(memory)


def accepted(done: bool) -> None:  # noqa: FBT001
    """Raise EngineError ``busy`` when the command ring had no room."""
    if not done:
        raise EngineError("busy", "the media engine has too many commands waiting")


def factor(decibels: float) -> float:
    """Factor of a gain, at most 40 dB; 0 from -90 dB down."""
    return 0.0 if decibels <= SILENCE_DB else 10.0 ** (min(decibels, 40.0) / 20.0)
