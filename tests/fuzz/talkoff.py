"""Talk-off: generated speech without keys, and how many keys are heard in it.

``python -m tests.fuzz.talkoff [minutes [seed]]`` speaks random sentences with espeak-ng and
flite in turn, in many voices, speeds and pitches, at the level of a loud talker (-12 dBm0),
and counts what the engine hears through either law. When libspandsp is installed, the keys
that its receiver hears in the same audio are printed beside it.
"""

import io
import random
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from tests.oracles.spandsp import DtmfReceiver

ENGINE = Path(__file__).parents[2] / "cython_ext/media"
SEED = 20261122
RATE = 8000
RMS = 22300 / 2**0.5 * 10 ** (-12 / 20)  # of -12 dBm0
VOICES = tuple(
    f"{language}+{variant}"
    for language in ("en-us", "en-gb", "de", "fr-fr", "es", "it", "pt-br", "ru", "ko", "cmn")
    for variant in ("m1", "m3", "m5", "m7", "f1", "f2", "f4", "f5")
)
FLITE_VOICES = ("kal", "kal16", "awb", "rms", "slt")
SYLLABLES = [first + second for first in "bdfghklmnprstvwyz" for second in "aeiou"]


def samples_of(riff: bytes) -> npt.NDArray[np.float64]:
    """The speech in a WAV file, at 8 kHz; the sizes a pipe could not tell do not count."""
    with wave.open(io.BytesIO(riff)) as file:
        rate = file.getframerate()
    data = riff[riff.index(b"data") + 8 :]
    pcm = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.float64)
    return np.asarray(soxr.resample(pcm, rate, RATE), dtype=np.float64)


def espeak(text: str, chance: random.Random) -> npt.NDArray[np.float64]:
    """Speak with espeak-ng in a voice, at a speed and a pitch that chance takes."""
    options = ["-v", chance.choice(VOICES), "-s", str(chance.randint(120, 220))]
    options += ["-p", str(chance.randint(10, 95))]
    command = ["espeak-ng", "--stdout", *options, text]
    return samples_of(subprocess.run(command, capture_output=True, check=True).stdout)


def flite(text: str, chance: random.Random) -> npt.NDArray[np.float64]:
    """Speak with flite in a voice, at a speed and a pitch that chance takes."""
    options = ["-voice", chance.choice(FLITE_VOICES)]
    options += ["--setf", f"int_f0_target_mean={chance.randint(80, 330)}"]
    options += ["--setf", f"duration_stretch={chance.uniform(0.8, 1.4):.2f}"]
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["flite", *options, "-t", text, "-o", file.name]
        subprocess.run(command, capture_output=True, check=True)
        return samples_of(Path(file.name).read_bytes())


def speech(minutes: float, chance: random.Random) -> Iterator[bytes]:
    """Pieces of 16-bit 8 kHz speech that together are at least so long."""
    left = minutes * 60 * RATE
    speakers: tuple[Callable[[str, random.Random], npt.NDArray[np.float64]], ...] = (espeak, flite)
    turn = 0
    while left > 0:
        words = " ".join(
            "".join(chance.choices(SYLLABLES, k=chance.randint(1, 4)))
            for _ in range(chance.randint(60, 90))
        )
        spoken = speakers[turn % len(speakers)](words, chance)
        turn += 1
        loud = spoken * RMS / max(float(np.sqrt(np.mean(spoken**2))), 1.0)
        piece = np.clip(loud, -32768, 32767).astype("<i2").tobytes()
        left -= len(piece) // 2
        yield piece


def run(minutes: float, seed: int = SEED) -> str:
    """What the counter prints: each key, then the minutes and the keys in either law."""
    subprocess.run(["make", "-s", "-C", str(ENGINE), "test_talkoff"], check=True)
    chance = random.Random(seed)
    other = DtmfReceiver()
    with subprocess.Popen(
        [str(ENGINE / "test_talkoff")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as counter:
        assert counter.stdin is not None
        assert counter.stdout is not None
        for piece in speech(minutes, chance):
            counter.stdin.write(piece)
            other.listen(piece)
        counter.stdin.close()
        return f"{counter.stdout.read().decode()}spandsp, without a law: {other.heard!r}\n"


if __name__ == "__main__":
    sys.stdout.write(
        run(
            float(sys.argv[1]) if len(sys.argv) > 1 else 60.0,
            int(sys.argv[2]) if len(sys.argv) > 2 else SEED,
        )
    )
