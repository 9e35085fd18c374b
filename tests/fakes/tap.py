"""A tap written as the media engine writes it, and what callers say into it."""

import asyncio
import io
import mmap
import os
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from speech.api import Grammar, Limits, SpeechEvent
from speech.client import SpeechClient

SAMPLES = Path(__file__).parent.parent / "data/speech"
CAPACITY = 65_536  # samples, 8 s
BLOCK = 160
Audio = NDArray[np.int16]


class TapWriter:
    """The media engine's end of a tap: blocks of 20 ms, a wake-up every 100 ms."""

    def __init__(self, capacity: int = CAPACITY, *, rate: int = 8000) -> None:
        self.memfd = os.memfd_create("tap")
        self.eventfd = os.eventfd(0, os.EFD_NONBLOCK)
        os.ftruncate(self.memfd, 64 + 2 * capacity)
        self._map = mmap.mmap(self.memfd, 0)
        self._capacity = capacity
        self._written = 0
        self._map[:16] = struct.pack("<4sIII", b"HFTP", 1, rate, capacity)

    def write(self, samples: Audio) -> None:
        """Append audio."""
        for start in range(0, len(samples), BLOCK):
            self._write_block(samples[start : start + BLOCK].astype("<i2"))

    def hang_up(self) -> None:
        """Set the closed flag and wake the reader."""
        self._map[24:28] = struct.pack("<I", 1)
        os.eventfd_write(self.eventfd, 1)

    def close(self) -> None:
        """Give everything back."""
        self._map.close()
        os.close(self.memfd)
        os.close(self.eventfd)

    def _write_block(self, block: Audio) -> None:
        at = self._written % self._capacity
        first = block[: self._capacity - at].tobytes()
        rest = block[self._capacity - at :].tobytes()
        self._map[64 + 2 * at : 64 + 2 * at + len(first)] = first
        self._map[64 : 64 + len(rest)] = rest
        before = self._written
        self._written += len(block)
        self._map[16:24] = struct.pack("<Q", self._written)
        if before // 800 != self._written // 800:
            os.eventfd_write(self.eventfd, 1)


def sample(name: str) -> Audio:
    """An utterance of the sample set, 8 kHz."""
    samples, rate = soundfile.read(SAMPLES / f"{name}.wav", dtype="int16")
    assert rate == 8000
    return samples  # type: ignore[no-any-return]


def carried(audio: Audio) -> Audio:
    """A telephone's audio on a wide-band leg, at 16 kHz."""
    wide = soxr.resample(audio.astype(float), 8000, 16_000, quality="HQ")
    return np.rint(wide).clip(-32768, 32767).astype(np.int16)


def wide_voice(text: str) -> Audio:
    """A word as espeak-ng says it, 16 kHz, with silence around it."""
    words = ["espeak-ng", "-v", "en-us", "-s", "145", "--stdout", text]
    spoken = subprocess.run(words, capture_output=True, check=True).stdout
    samples, rate = soundfile.read(io.BytesIO(spoken), dtype="int16")
    wide = soxr.resample(samples.astype(float), rate, 16_000, quality="HQ")
    quiet = np.zeros(16_000)
    whole = np.concatenate([quiet[:8000], wide * (9000 / np.abs(wide).max()), quiet])
    return np.rint(whole).astype(np.int16)


def silence(seconds: float) -> Audio:
    """Digital silence."""
    return np.zeros(int(8000 * seconds), np.int16)


def spoken(name: str, *, after: float = 1.0) -> Audio:
    """An utterance and the silence that ends it."""
    return np.concatenate([sample(name), silence(after)])


async def hear(
    client: SpeechClient,
    tap: TapWriter,
    audio: Audio,
    phrases: Mapping[str, str],
    language: str,
    limits: Limits | None = None,
    *,
    hang_up: bool = False,
) -> list[SpeechEvent]:
    """Every event of listening to ``audio``, which is written once the tap is being read."""
    # Loads the engine and waits for it, as control does when it loads a flow; a listener waits
    # only a few seconds, which a busy machine may need.
    await client.check_grammar(Grammar(dict(phrases)), language)
    events = client.listen(
        tap.memfd, tap.eventfd, Grammar(dict(phrases)), language, limits or Limits(lookback_s=0)
    )
    heard: list[SpeechEvent] = []

    async def collect() -> None:
        heard.extend([event async for event in events])

    async with asyncio.TaskGroup() as group:
        group.create_task(collect())
        while (await client.status())["streams"]["in_use"] == 0 and not heard:
            await asyncio.sleep(0)
        for start in range(0, len(audio), 800):
            tap.write(audio[start : start + 800])
            await asyncio.sleep(0)
        if hang_up:
            tap.hang_up()
    return heard
