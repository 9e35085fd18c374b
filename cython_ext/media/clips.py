"""Prompts in memory, gains, and the engine's error."""

import mmap
import os
from collections import OrderedDict
from typing import Final

CACHE_BYTES: Final = 64 * 1024 * 1024
SILENCE_DB: Final = -90.0


class EngineError(Exception):
    """The engine cannot do this; ``code`` is stable, the text is for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class ClipCache:
    """Prompts mapped into memory; the longest unused go first, once nothing plays them.

    Whoever writes prompts puts a new file in the place of an old one, and never shortens one.
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
        """Samples of a raw 16-bit 8 kHz file; EngineError ``missing-file``.

        All who play it read the same memory, which stays as long as the last of them.
        """
        try:
            known = self._clips.get(path)
            if known is not None and known[0] == _identity(os.stat(path)):
                self._clips.move_to_end(path)
                return known[1]
            with open(path, "rb") as file:
                identity = _identity(os.fstat(file.fileno()))
                samples = _mapped(file.fileno(), identity[-1])
        except (OSError, ValueError) as error:
            text = f"the prompt {path} cannot be read: {error}"
            raise EngineError("missing-file", text) from error
        self._keep(path, identity, samples)
        return samples

    def _keep(self, path: str, identity: tuple[int, int, int], samples: memoryview) -> None:
        if path in self._clips:
            self.size -= len(self._clips.pop(path)[1])
        self._clips[path] = (identity, samples)
        self.size += len(samples)
        while self.size > self._limit and len(self._clips) > 1:
            self.size -= len(self._clips.popitem(last=False)[1][1])


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    """Not its time: whoever uses a prompt marks it so. No other file gets the number of one
    that is mapped."""
    return status.st_dev, status.st_ino, status.st_size


def _mapped(fd: int, size: int) -> memoryview:
    """A file's octets, read now: the engine's thread must not wait for a disk."""
    if size == 0:
        return memoryview(b"")
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    return memoryview(mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ))


def accepted(done: bool) -> None:  # noqa: FBT001
    """Raise EngineError ``busy`` when the command ring had no room."""
    if not done:
        raise EngineError("busy", "the media engine has too many commands waiting")


def factor(decibels: float) -> float:
    """Factor of a gain, at most 40 dB; 0 from -90 dB down."""
    return 0.0 if decibels <= SILENCE_DB else 10.0 ** (min(decibels, 40.0) / 20.0)
