"""A real speech process for the whole session, and a tap written as the media engine does."""

import asyncio
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from speech.api import Grammar, Limits, SpeechEvent
from speech.client import SpeechClient
from speech.options import SpeechOptions

SAMPLES = Path(__file__).parent.parent / "data/speech"
CAPACITY = 65_536  # samples, 8 s
START = """
import asyncio, sys, msgspec
from pathlib import Path
from speech.options import SpeechOptions
from speech.server import serve
options = msgspec.json.decode(sys.argv[1], type=SpeechOptions)
asyncio.run(serve(options, Path(sys.argv[2]), Path(sys.argv[3]), lambda: None))
"""


class SpeechProcess:
    """The speech process of one test site, started and ended as often as a test likes."""

    def __init__(self, site: Path, options: SpeechOptions) -> None:
        self.site = site
        self.options = options
        # Socket paths stop at 108 bytes, pytest's folders are long.
        self.run_dir = Path(tempfile.mkdtemp(prefix="hf-speech-"))
        self.socket = self.run_dir / "speech.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        encoded = msgspec.json.encode(self.options).decode()
        command = [sys.executable, "-c", START, encoded, str(self.site), str(self.socket)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not self.socket.exists():
            assert self.process.poll() is None, "the speech process ended"
            assert time.monotonic() < deadline, "the speech process did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.run_dir)


@pytest.fixture(scope="session")
def speech_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpeechProcess]:
    site = tmp_path_factory.mktemp("speech-site")
    process = SpeechProcess(site, SpeechOptions())
    process.start()
    yield process
    process.close()


@pytest.fixture
async def client(speech_process: SpeechProcess) -> AsyncIterator[SpeechClient]:
    async with SpeechClient(speech_process.socket) as client:
        assert client.connected
        yield client


class TapWriter:
    """The media engine's end of a tap."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.memfd = os.memfd_create("tap")
        self.eventfd = os.eventfd(0, os.EFD_NONBLOCK)
        os.ftruncate(self.memfd, 64 + 2 * capacity)
        self._map = mmap.mmap(self.memfd, 0)
        self._capacity = capacity
        self._written = 0
        self._map[:16] = struct.pack("<4sIII", b"HFTP", 1, 8000, capacity)

    def write(self, samples: np.ndarray) -> None:
        for start in range(0, len(samples), 160):
            for sample_block in np.split(samples[start : start + 160].astype("<i2"), 1):
                self._block(sample_block)

    def _block(self, block: np.ndarray) -> None:
        at = self._written % self._capacity
        first = min(len(block), self._capacity - at)
        self._map[64 + 2 * at : 64 + 2 * (at + first)] = block[:first].tobytes()
        if first < len(block):
            rest = block[first:].tobytes()
            self._map[64 : 64 + len(rest)] = rest
        before = self._written
        self._written += len(block)
        self._map[16:24] = struct.pack("<Q", self._written)
        if before // 800 != self._written // 800:
            os.eventfd_write(self.eventfd, 1)

    def hang_up(self) -> None:
        self._map[24:28] = struct.pack("<I", 1)
        os.eventfd_write(self.eventfd, 1)

    def close(self) -> None:
        self._map.close()
        os.close(self.memfd)
        os.close(self.eventfd)


@pytest.fixture
def tap() -> Iterator[TapWriter]:
    writer = TapWriter()
    yield writer
    writer.close()


def sample(name: str) -> np.ndarray:
    """An utterance of the sample set, 8 kHz."""
    samples, rate = soundfile.read(SAMPLES / f"{name}.wav", dtype="int16")
    assert rate == 8000
    return samples


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(8000 * seconds), "<i2")


async def hear(
    client: SpeechClient,
    tap: TapWriter,
    audio: np.ndarray,
    phrases: dict[str, str],
    language: str,
    limits: Limits | None = None,
    *,
    hang_up: bool = False,
) -> list[SpeechEvent]:
    """Every event of listening to ``audio``, which is written once the tap is being read."""
    events = client.listen(
        tap.memfd, tap.eventfd, Grammar(phrases), language, limits or Limits(lookback_s=0)
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
