"""Talk-off: generated speech without keys, and how many keys are heard in it.

``python -m tests.fuzz.talkoff [minutes]`` speaks random sentences with espeak-ng in many
voices, speeds and pitches, at the level of a loud talker (-12 dBm0), and counts.
"""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr

ENGINE = Path(__file__).parents[2] / "cython_ext/media"
SEED = 20261122
ESPEAK_RATE, RATE = 22050, 8000
RMS = 22300 / 2**0.5 * 10 ** (-12 / 20)  # of -12 dBm0
VOICES = tuple(
    f"{language}+{variant}"
    for language in ("en-us", "en-gb", "de", "fr-fr", "es", "it", "pt-br", "ru", "ko", "cmn")
    for variant in ("m1", "m3", "m5", "m7", "f1", "f2", "f4", "f5")
)
SYLLABLES = [first + second for first in "bdfghklmnprstvwyz" for second in "aeiou"]


def speech(minutes: float, chance: random.Random) -> Iterator[bytes]:
    """Pieces of 16-bit 8 kHz speech that together are at least so long."""
    left = minutes * 60 * RATE
    while left > 0:
        words = (
            "".join(chance.choices(SYLLABLES, k=chance.randint(1, 4)))
            for _ in range(chance.randint(60, 90))
        )
        options = ["-v", chance.choice(VOICES), "-s", str(chance.randint(120, 220))]
        pitch = ["-p", str(chance.randint(10, 95))]
        spoken = subprocess.run(
            ["espeak-ng", "--stdout", *options, *pitch, " ".join(words)],
            capture_output=True,
            check=True,
        ).stdout[44:]
        pcm = np.frombuffer(spoken[: len(spoken) // 2 * 2], dtype="<i2").astype(np.float64)
        low = soxr.resample(pcm, ESPEAK_RATE, RATE)
        loud = low * RMS / max(float(np.sqrt(np.mean(low**2))), 1.0)
        piece = np.clip(loud, -32768, 32767).astype("<i2").tobytes()
        left -= len(piece) // 2
        yield piece


def run(minutes: float, seed: int = SEED) -> str:
    """Last line of the counter: minutes heard, keys in A-law and in mu-law."""
    subprocess.run(["make", "-s", "-C", str(ENGINE), "test_talkoff"], check=True)
    chance = random.Random(seed)
    with subprocess.Popen(
        [str(ENGINE / "test_talkoff")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as counter:
        assert counter.stdin is not None
        assert counter.stdout is not None
        for piece in speech(minutes, chance):
            counter.stdin.write(piece)
        counter.stdin.close()
        return counter.stdout.read().decode()


if __name__ == "__main__":
    sys.stdout.write(run(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
