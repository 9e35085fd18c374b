"""Prompts in memory, gains, and the engine's error."""

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
    """Prompts in memory, read again when their file changes; the oldest go first."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._clips: OrderedDict[str, tuple[tuple[int, int], bytes]] = OrderedDict()
        self.size = 0

    def load(self, path: str) -> bytes:
        """Samples of a raw 16-bit 8 kHz file; EngineError ``missing-file``."""
        try:
            status = os.stat(path)
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._clips.get(path)
            if known is not None and known[0] == stamp:
                self._clips.move_to_end(path)
                return known[1]
            with open(path, "rb") as file:
                samples = file.read()
        except OSError as error:
            text = f"the prompt {path} cannot be read: {error.strerror}"
            raise EngineError("missing-file", text) from error
        self._keep(path, stamp, samples)
        return samples

    def _keep(self, path: str, stamp: tuple[int, int], samples: bytes) -> None:
        if path in self._clips:
            self.size -= len(self._clips.pop(path)[1])
        self._clips[path] = (stamp, samples)
        self.size += len(samples)
        while self.size > self._limit and len(self._clips) > 1:
            self.size -= len(self._clips.popitem(last=False)[1][1])


def accepted(done: bool) -> None:  # noqa: FBT001
    """Raise EngineError ``busy`` when the command ring had no room."""
    if not done:
        raise EngineError("busy", "the media engine has too many commands waiting")


def factor(decibels: float) -> float:
    """Factor of a gain, at most 40 dB; 0 from -90 dB down."""
    return 0.0 if decibels <= SILENCE_DB else 10.0 ** (min(decibels, 40.0) / 20.0)
