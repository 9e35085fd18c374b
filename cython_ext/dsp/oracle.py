"""Signal processing in plain Python: what the compiled module must agree with.

Audio is bytes of 16-bit little-endian samples, mono. Levels are dBm0: a sine that fills 16
bits is +3.14. Every function raises ValueError for an odd number of bytes.
"""

import math
import sys
from array import array
from collections.abc import Sequence
from typing import Final

from cython_ext.dsp import figures as f

_FULL_POWER: Final = 32767.0**2 / 2  # of a sine that fills 16 bits
_ALAW_ENDS: Final = (0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF)
_ULAW_ENDS: Final = (0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF, 0x1FFF)
MOST_TONES: Final = 8
_BIAS: Final = 33  # G.711 mu-law, in its 14-bit scale


def alaw_encode(pcm: bytes) -> bytes:
    """Compress 16-bit samples to A-law (G.711), one byte a sample."""
    return bytes(_to_alaw(sample) for sample in _samples(pcm))


def alaw_decode(data: bytes) -> bytes:
    """Expand A-law to 16-bit samples."""
    return _bytes([_from_alaw(code) for code in data])


def ulaw_encode(pcm: bytes) -> bytes:
    """Compress 16-bit samples to mu-law (G.711), one byte a sample."""
    return bytes(_to_ulaw(sample) for sample in _samples(pcm))


def ulaw_decode(data: bytes) -> bytes:
    """Expand mu-law to 16-bit samples."""
    return _bytes([_from_ulaw(code) for code in data])


def rms(pcm: bytes) -> float:
    """Root mean square of the samples, 0 to 32768."""
    samples = _samples(pcm)
    total = 0.0
    for sample in samples:
        total += sample * sample
    return math.sqrt(total / len(samples)) if samples else 0.0


def level(pcm: bytes) -> float:
    """Level of all that is in the samples, in dBm0."""
    return _dbm0(rms(pcm) ** 2)


def goertzel(pcm: bytes, rate: int, hz: float) -> float:
    """Level of one frequency in the samples, in dBm0."""
    samples = _samples(pcm)
    if not samples:
        return f.SILENCE_DBM0
    return _dbm0(_power(samples, 0, len(samples), 2 * math.cos(2 * math.pi * hz / rate)))


class ToneGenerator:
    """A sum of sines without a break in phase from one call to the next."""

    def __init__(
        self, frequencies: Sequence[float], level_dbm0: float = -10.0, rate: int = f.RATE
    ) -> None:
        """Each of at most 8 frequencies sounds at ``level_dbm0``; the sum is clipped."""
        if len(frequencies) > MOST_TONES:
            raise ValueError("too many frequencies")
        self._steps = [2 * math.pi * hz / rate for hz in frequencies]
        self._phases = [0.0 for _ in frequencies]
        self._peak = 32767.0 * 10 ** ((level_dbm0 - f.FULL_SCALE_DBM0) / 20)

    def generate(self, samples: int) -> bytes:
        """Return the next samples; ValueError when negative."""
        if samples < 0:
            raise ValueError("samples must not be negative")
        made = []
        for _ in range(samples):
            total = 0.0
            for n, step in enumerate(self._steps):
                total += math.sin(self._phases[n])
                phase = self._phases[n] + step
                self._phases[n] = phase - 2 * math.pi if phase > 2 * math.pi else phase
            value = math.floor(total * self._peak + 0.5)
            made.append(max(-32768, min(32767, value)))
        return _bytes(made)


def dtmf_generate(
    keys: str,
    on_ms: int = 70,
    off_ms: int = 70,
    low_dbm0: float = -11.0,
    high_dbm0: float = -9.0,
    shift: float = 1.0,
) -> bytes:
    """Tones for keys at 8 kHz, each followed by silence; ValueError for an unknown key.

    ``shift`` multiplies every frequency, to test receivers.
    """
    parts = []
    for key in keys:
        at = f.DTMF_KEYS.find(key)
        if at < 0:
            raise ValueError(f"no such key: {key!r}")
        low = ToneGenerator([f.DTMF_ROWS[at // 4] * shift], low_dbm0)
        high = ToneGenerator([f.DTMF_COLUMNS[at % 4] * shift], high_dbm0)
        count = on_ms * f.RATE // 1000
        parts.append(mix(low.generate(count), high.generate(count)))
        parts.append(bytes(2 * (off_ms * f.RATE // 1000)))
    return b"".join(parts)


def mix(one: bytes, other: bytes) -> bytes:
    """Add two pieces of the same length, clipped; ValueError when lengths differ."""
    if len(one) != len(other):
        raise ValueError("lengths differ")
    pairs = zip(_samples(one), _samples(other), strict=True)
    return _bytes([max(-32768, min(32767, a + b)) for a, b in pairs])


class DtmfDetector:
    """Finds keys in 8 kHz audio within the limits of Q.24."""

    def __init__(self) -> None:
        self._waiting = array("h")
        self._coefficients = [
            2 * math.cos(2 * math.pi * hz / f.RATE) for hz in f.DTMF_ROWS + f.DTMF_COLUMNS
        ]
        self._candidate = ""
        self._hits = 0
        self._misses = 0
        self._reported = False

    def feed(self, pcm: bytes) -> str:
        """Return the keys that began in this piece, each once."""
        self._waiting.extend(_samples(pcm))
        found = ""
        at = 0
        while at + f.DTMF_WINDOW <= len(self._waiting):
            found += self._step(self._key(at))
            at += f.DTMF_STEP
        del self._waiting[:at]
        return found

    def _step(self, key: str) -> str:
        if key and key == self._candidate:
            self._hits += 1
            self._misses = 0
        elif not key and self._reported and self._misses + 1 < f.DTMF_MISSES:
            self._misses += 1
        else:
            self._candidate = key
            self._hits = 1 if key else 0
            self._misses = 0
            self._reported = False
        if self._hits >= f.DTMF_HITS and not self._reported:
            self._reported = True
            return self._candidate
        return ""

    def _key(self, at: int) -> str:
        powers = [_power(self._waiting, at, f.DTMF_WINDOW, c) for c in self._coefficients]
        row = max(range(4), key=lambda n: powers[n])
        column = max(range(4), key=lambda n: powers[4 + n])
        low, high = powers[row], powers[4 + column]
        if min(low, high) < _power_of(f.DTMF_LEVEL_DBM0):
            return ""
        if low > high * _ratio(f.DTMF_TWIST_DB) or high > low * _ratio(f.DTMF_REVERSE_TWIST_DB):
            return ""
        peak = _ratio(f.DTMF_PEAK_DB)
        for n in range(4):
            if n != row and powers[n] * peak > low:
                return ""
            if n != column and powers[4 + n] * peak > high:
                return ""
        energy = 0.0
        for n in range(at, at + f.DTMF_WINDOW):
            energy += self._waiting[n] * self._waiting[n]
        if low + high < energy / f.DTMF_WINDOW * f.DTMF_PURITY:
            return ""
        return f.DTMF_KEYS[row * 4 + column]


class EnergyVad:
    """Says when somebody speaks, by level above a noise estimate that follows the line."""

    def __init__(self, threshold_dbm0: float = -42.0) -> None:
        """Nothing below ``threshold_dbm0`` is ever speech."""
        self._threshold = threshold_dbm0
        self._noise = threshold_dbm0 - f.VAD_ABOVE_NOISE_DB
        self._waiting = array("h")
        self._loud = 0
        self._quiet = 0
        self.speaking = False

    def feed(self, pcm: bytes) -> bool:
        """Take any number of samples at 8 kHz; return whether speech is going on."""
        self._waiting.extend(_samples(pcm))
        at = 0
        while at + f.VAD_FRAME <= len(self._waiting):
            self._frame(self._waiting[at : at + f.VAD_FRAME])
            at += f.VAD_FRAME
        del self._waiting[:at]
        return self.speaking

    def _frame(self, frame: "array[int]") -> None:
        total = 0.0
        for sample in frame:
            total += sample * sample
        now = _dbm0(total / f.VAD_FRAME)
        self._noise = min(now, self._noise + f.VAD_NOISE_RISE_DB)
        if now > self._threshold and now > self._noise + f.VAD_ABOVE_NOISE_DB:
            self._loud += 1
            self._quiet = 0
        else:
            self._loud = 0
            self._quiet += 1
        if self._loud >= f.VAD_ON_FRAMES:
            self.speaking = True
        elif self._quiet >= f.VAD_OFF_FRAMES:
            self.speaking = False


def _samples(pcm: bytes) -> "array[int]":
    samples = array("h")
    samples.frombytes(pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _bytes(values: list[int]) -> bytes:
    samples = array("h", values)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _power(samples: "array[int]", at: int, count: int, coefficient: float) -> float:
    """Mean power of one frequency (Goertzel), comparable with the mean of squares."""
    one = two = 0.0
    for n in range(at, at + count):
        now = samples[n] + coefficient * one - two
        two = one
        one = now
    square = one * one + two * two - coefficient * one * two
    return 2 * square / (count * count)


def _dbm0(power: float) -> float:
    if power <= 0:
        return f.SILENCE_DBM0
    return max(f.SILENCE_DBM0, 10 * math.log10(power / _FULL_POWER) + f.FULL_SCALE_DBM0)


def _power_of(dbm0: float) -> float:
    return _FULL_POWER * math.pow(10.0, (dbm0 - f.FULL_SCALE_DBM0) / 10)


def _ratio(db: float) -> float:
    return math.pow(10.0, db / 10)


def _to_alaw(sample: int) -> int:
    value = sample >> 3
    mask = 0xD5
    if value < 0:
        mask = 0x55
        value = -value - 1
    segment = 0
    while value > _ALAW_ENDS[segment]:
        segment += 1
    shift = segment if segment > 1 else 1
    return (segment << 4 | (value >> shift) & 0x0F) ^ mask


def _from_alaw(code: int) -> int:
    code ^= 0x55
    value = (code & 0x0F) << 4
    segment = (code & 0x70) >> 4
    value = value + 8 if segment == 0 else (value + 0x108) << (segment - 1)
    return value if code & 0x80 else -value


def _to_ulaw(sample: int) -> int:
    value = sample >> 2
    mask = 0xFF
    if value < 0:
        mask = 0x7F
        value = -value
    value = min(value, 8159) + _BIAS
    segment = 0
    while segment < 8 and value > _ULAW_ENDS[segment]:
        segment += 1
    if segment == 8:
        return 0x7F ^ mask
    return (segment << 4 | (value >> (segment + 1)) & 0x0F) ^ mask


def _from_ulaw(code: int) -> int:
    code = ~code & 0xFF
    value = (((code & 0x0F) << 3) + 4 * _BIAS) << ((code & 0x70) >> 4)
    return 4 * _BIAS - value if code & 0x80 else value - 4 * _BIAS
