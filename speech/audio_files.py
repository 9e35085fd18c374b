"""Any audio a person brings -> the one format everything plays: raw 16-bit, 8 kHz, mono.

pydub reads the files; its own rate change aliases, so soxr does that. Every function here
blocks: call it in a thread.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from pydub import AudioSegment
from pydub.exceptions import CouldntDecodeError

from speech.api import SAMPLE_RATE, Pcm
from speech.errors import AudioRefused, EngineMissing

Samples = NDArray[np.float64]  # full scale is 1.0

LONGEST_S = 900.0  # s of an upload; all of it is in memory while it is converted
TARGET_DBFS = -20.0  # RMS of the parts that are not silent; speech from a telephone is about this
PEAK_DBFS = -3.0
KNEE_DBFS = -7.0  # peaks above are rounded off towards PEAK_DBFS
MOST_GAIN_DB = 30.0
SILENCE_DBFS = -55.0  # nothing in the telephone band louder than this: silent
PAUSE_DB = 30.0  # a frame this far below the loudest one is a pause
FRAME = SAMPLE_RATE // 50

WAVE_ALAW, WAVE_ULAW = 6, 7  # RIFF format tags, mmreg.h


def from_upload(path: Path, *, most_mb: int) -> bytes:
    """Read an uploaded file as raw 16-bit 8 kHz mono at prompt loudness.

    Raises AudioRefused (too big, too long, silent, not audio) or EngineMissing (no ffmpeg).
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AudioRefused(f"{path.name} cannot be read: {error.strerror}") from error
    if size > most_mb * 2**20:
        raise AudioRefused(
            f"{path.name} has {size / 2**20:.0f} MiB, the limit is {most_mb} (speech.upload_mb)"
        )
    rate, samples = _read_law(path) if _is_law(path) else _read_with_pydub(path)
    if len(samples) > LONGEST_S * rate:
        raise AudioRefused(f"{path.name} is longer than {LONGEST_S / 60:.0f} minutes")
    return _to_bytes(level(to_telephone_rate(samples, rate)))


def from_speech(pcm: Pcm) -> bytes:
    """Synthesised speech as raw 16-bit 8 kHz mono at prompt loudness; raises AudioRefused."""
    samples = np.frombuffer(pcm.samples, "<i2").astype(np.float64) / 32768
    return _to_bytes(level(to_telephone_rate(samples, pcm.rate)))


def to_telephone_rate(samples: Samples, rate: int) -> Samples:
    """Change the rate to 8 kHz, with the low-pass that keeps hiss from folding into speech."""
    if rate == SAMPLE_RATE:
        return samples
    changed: Samples = soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ")
    return changed


def level(samples: Samples) -> Samples:
    """Bring speech to TARGET_DBFS with peaks below PEAK_DBFS; raises AudioRefused if silent."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    loudness = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    if not len(loudness) or loudness.max() < SILENCE_DBFS:
        raise AudioRefused("there is nothing to hear in the telephone band")
    spoken = frames[loudness > loudness.max() - PAUSE_DB]
    current = 10 * np.log10(np.mean(spoken**2))
    gain = min(TARGET_DBFS - current, MOST_GAIN_DB)
    return _limit(samples * 10 ** (gain / 20))


def _limit(samples: Samples) -> Samples:
    knee, ceiling = 10 ** (KNEE_DBFS / 20), 10 ** (PEAK_DBFS / 20)
    size = np.abs(samples)
    bent = knee + (ceiling - knee) * np.tanh((size - knee) / (ceiling - knee))
    return np.where(size > knee, np.sign(samples) * bent, samples)


def _to_bytes(samples: Samples) -> bytes:
    return (samples * 32767).round().astype("<i2").tobytes()


def _is_law(path: Path) -> bool:
    """Whether this is a WAV in A-law or mu-law, which Python's own reader refuses."""
    with path.open("rb") as file:
        head = file.read(4096)
    at = head.find(b"fmt ")
    if head[:4] != b"RIFF" or at < 0 or len(head) < at + 10:
        return False
    return struct.unpack_from("<H", head, at + 8)[0] in (WAVE_ALAW, WAVE_ULAW)


def _read_law(path: Path) -> tuple[int, Samples]:
    try:
        samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioRefused(f"{path.name} is not a WAV file that can be read: {error}") from error
    return int(rate), samples.mean(axis=1)


def _read_with_pydub(path: Path) -> tuple[int, Samples]:
    try:
        segment: Any = AudioSegment.from_file(path, duration=LONGEST_S + 1)
    except FileNotFoundError as error:
        # pydub starts ffprobe and ffmpeg by name and lets the bare error out.
        raise EngineMissing(
            f"{path.name} needs ffmpeg, which is not installed: apt-get install ffmpeg"
        ) from error
    except (CouldntDecodeError, OSError, EOFError, ValueError, IndexError, KeyError) as error:
        raise AudioRefused(f"{path.name} is not audio that can be read") from error
    channels, width = segment.channels, segment.sample_width
    samples = np.array(segment.get_array_of_samples(), dtype=np.float64) / float(1 << 8 * width - 1)
    if not len(samples):
        raise AudioRefused(f"{path.name} holds no audio")
    return int(segment.frame_rate), samples.reshape(-1, channels).mean(axis=1)
