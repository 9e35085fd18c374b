"""G.711 and tones of the simulated outside world."""

import functools
import math
from typing import Final

CHUNK: Final = 160
"""Bytes of 20 ms."""
TICK_S: Final = 0.02

Tones = dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
CHINA: Final[Tones] = {
    "dial": ((450.0,), ()),
    "ringback": ((450.0,), (1.0, 4.0)),
    "busy": ((450.0,), (0.35, 0.35)),
    "congestion": ((450.0,), (0.7, 0.7)),
}
SILENCE: Final = {"alaw": b"\xd5" * CHUNK, "ulaw": b"\xff" * CHUNK}


def encode(sample: int, law: str) -> int:
    """One 16-bit sample as G.711."""
    magnitude = min(abs(sample), 32635)
    if law == "ulaw":
        magnitude += 132
        exponent = magnitude.bit_length() - 8
        code = exponent << 4 | (magnitude >> exponent + 3) & 15
        return ~(code | (0x80 if sample < 0 else 0)) & 0xFF
    exponent = max(magnitude.bit_length() - 8, 0)
    code = exponent << 4 | (magnitude >> max(exponent, 1) + 3) & 15
    return code ^ (0x55 if sample < 0 else 0xD5)


@functools.cache
def tone(hertz: tuple[float, ...], law: str, *, peak: float = 6000.0) -> tuple[bytes, ...]:
    """One second of tones as 50 chunks; it repeats without a click for whole hertz."""
    steps = [2 * math.pi * item / 8000 for item in hertz]
    share = peak / len(steps)
    samples = [round(share * sum(math.sin(step * n) for step in steps)) for n in range(8000)]
    coded = bytes(encode(sample, law) for sample in samples)
    return tuple(coded[start : start + CHUNK] for start in range(0, 8000, CHUNK))
