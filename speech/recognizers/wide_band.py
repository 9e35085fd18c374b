"""Legs that speak 16 kHz: whether they do, and how such audio is made fit for an engine.

The engines' models are wide-band and hear more in true 16 kHz (of 200 English words 170 instead
of 137). But a wide-band leg may carry a telephone's voice, as a gateway's does: with an empty upper
band it would be heard worse than by the usual way, so that is the way it goes then.
"""

from typing import Final

import numpy as np

from speech.api import SAMPLE_RATE
from speech.recognizers.engine import ENGINE_RATE
from speech.recognizers.upsampler import Samples, Upsampler, gain_for

FACTOR: Final = ENGINE_RATE // SAMPLE_RATE
UPPER_HZ: Final = 4600.0  # above it there is nothing that was 8 kHz ever
UPPER_SHARE: Final = 1e-4  # of the power; speech has a hundredth, a telephone's voice a millionth
_SIDE: Final = 24  # coefficients of the filter to each side
_FLOOR: Final = 100.0  # power of a sample below which there is no voice to judge


class Halver:
    """16 kHz in, 8 kHz out, without what is above 4.4 kHz; 1.5 ms late."""

    def __init__(self) -> None:
        self._history = np.zeros(2 * _SIDE)
        self._odd = 0

    def feed(self, pcm: bytes) -> bytes:
        """Convert a chunk, of any length."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        if not len(samples):
            return b""
        joined = np.concatenate([self._history, samples])
        self._history = joined[-2 * _SIDE :]
        narrow = np.convolve(joined, _HALF, "valid")[self._odd :: FACTOR]
        self._odd = (self._odd + len(samples)) % FACTOR
        return narrow.clip(-32768, 32767).round().astype("<i2").tobytes()


class Louder:
    """Audio of 16 kHz as it is, with one gain for all of it."""

    def __init__(self, gain: float) -> None:
        self.gain = gain

    def feed(self, pcm: bytes) -> bytes:
        """Convert a chunk."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float64) * self.gain
        return samples.clip(-32768, 32767).round().astype("<i2").tobytes()

    def flush(self) -> bytes:
        """Nothing is kept back."""
        return b""


class Carried:
    """A telephone's voice on a wide-band leg: down to 8 kHz, and up again as from a telephone."""

    def __init__(self, gain: float) -> None:
        self.gain = gain
        self._halver, self._upsampler = Halver(), Upsampler(gain)

    def feed(self, pcm: bytes) -> bytes:
        """Convert a chunk."""
        return self._upsampler.feed(self._halver.feed(pcm))

    def flush(self) -> bytes:
        """What is left in the filters."""
        rest = self._halver.feed(bytes(2 * 2 * _SIDE))
        return self._upsampler.feed(rest) + self._upsampler.flush()


Front = Upsampler | Louder | Carried


def front_for(pcm: bytes, rate: int) -> Front:
    """What makes audio like this fit for an engine, at the loudness that it expects."""
    gain = gain_for(pcm)
    if rate != ENGINE_RATE:
        return Upsampler(gain)
    return Louder(gain) if has_upper_band(pcm) else Carried(gain)


def has_upper_band(pcm: bytes) -> bool:
    """Whether 16 kHz audio holds more than a telephone carries."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    if not len(samples) or np.mean(samples**2) < _FLOOR:
        return False
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    edge = int(UPPER_HZ / ENGINE_RATE * len(samples))
    return bool(power[edge:].sum() > UPPER_SHARE * power.sum())


def _filter() -> Samples:
    at = np.arange(-_SIDE, _SIDE + 1)
    window = np.kaiser(2 * _SIDE + 1, 6.0)
    half: Samples = 0.5 * np.sinc(at / 2) * window
    return half


_HALF: Final = _filter()
