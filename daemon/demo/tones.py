"""Who is who by ear: each caller and each agent sends a pair of tones of its own.

Callers and agents use frequencies apart from each other, from keys and from ringback, so
that a pair proves whose audio came through the bridge.
"""

from collections import Counter
from enum import StrEnum
from typing import Final

import msgspec

from cython_ext import dsp

BLOCK_BYTES: Final = 1600  # 100 ms of 16-bit samples at 8 kHz
BLOCK_S: Final = 0.1
LEVEL_DBM0: Final = -13.0  # of each tone sent
QUIET_DBM0: Final = -48.0
PURE: Final = 0.6  # share of the power that a pair must have
SURE_BLOCKS: Final = 3  # blocks after which a pair counts as heard
RINGBACK_HZ: Final = (400.0, 425.0, 440.0, 450.0, 480.0)


class Voices(msgspec.Struct, frozen=True):
    """A set of tone pairs: every low one with every high one."""

    lows: tuple[float, ...]
    highs: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return len(self.lows) * len(self.highs)

    def pair(self, number: int) -> tuple[float, float]:
        """The pair of a participant; numbers beyond the count begin again."""
        number %= self.count
        return self.lows[number // len(self.highs)], self.highs[number % len(self.highs)]


CALLERS: Final = Voices(
    (1000.0, 1040.0, 1080.0, 1120.0, 1160.0), (1760.0, 1800.0, 1840.0, 1880.0, 1920.0, 1960.0)
)
AGENTS: Final = Voices(
    (2100.0, 2140.0, 2180.0, 2220.0, 2260.0), (2500.0, 2540.0, 2580.0, 2620.0, 2660.0, 2700.0)
)


class Sound(StrEnum):
    """What a block of audio is."""

    QUIET = "quiet"
    RINGBACK = "ringback"
    PAIR = "pair"
    VOICE = "voice"


class Ear:
    """Listens in blocks of 100 ms and keeps count of what it heard."""

    def __init__(self, voices: Voices) -> None:
        self.sound = Sound.QUIET
        self.voice_s = 0.0
        """Voice since the last ``forget``."""
        self.quiet_s = 0.0
        """Time without voice, up to now."""
        self.heard_s = 0.0
        self._voices = voices
        self._waiting = b""
        self._pairs: Counter[int] = Counter()

    @property
    def pair(self) -> int | None:
        """The pair heard longest, once it is sure."""
        for number, blocks in self._pairs.most_common(1):
            if blocks >= SURE_BLOCKS:
                return number
        return None

    def forget(self) -> None:
        """Count voice and quiet from now on."""
        self.voice_s = self.quiet_s = 0.0

    def hear(self, pcm: bytes) -> bool:
        """Take some audio; True when a block was completed."""
        self._waiting += pcm
        if len(self._waiting) < BLOCK_BYTES:
            return False
        while len(self._waiting) >= BLOCK_BYTES:
            self._block(self._waiting[:BLOCK_BYTES])
            self._waiting = self._waiting[BLOCK_BYTES:]
        return True

    def _block(self, pcm: bytes) -> None:
        self.heard_s += BLOCK_S
        self.sound = self._judge(pcm)
        if self.sound is Sound.VOICE:
            self.voice_s += BLOCK_S
            self.quiet_s = 0.0
        else:
            self.quiet_s += BLOCK_S

    def _judge(self, pcm: bytes) -> Sound:
        whole = dsp.level(pcm)
        if whole < QUIET_DBM0:
            return Sound.QUIET
        low, low_power = _strongest(pcm, self._voices.lows)
        high, high_power = _strongest(pcm, self._voices.highs)
        power = _power(whole)
        if low_power + high_power > PURE * power and min(low_power, high_power) > 0.1 * power:
            self._pairs[low * len(self._voices.highs) + high] += 1
            return Sound.PAIR
        if _strongest(pcm, RINGBACK_HZ)[1] > 0.4 * power:
            return Sound.RINGBACK
        return Sound.VOICE


def _strongest(pcm: bytes, frequencies: tuple[float, ...]) -> tuple[int, float]:
    powers = [_power(dsp.goertzel(pcm, 8000, hz)) for hz in frequencies]
    best = max(range(len(powers)), key=powers.__getitem__)
    return best, powers[best]


def _power(dbm0: float) -> float:
    return float(10 ** (dbm0 / 10))
