"""Peaks of a recording for the player's picture: one lane a side of the conversation.

Reads the WAV files that the media engine writes (8 kHz, one or two channels, 16-bit or G.711) and
the FLAC files that take their place. Blocking; run it in a thread.
"""

import struct
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from daemon.recordings import flac, g711
from daemon.recordings.audio_file import ALAW, PCM, ULAW, NotARecording

BARS: Final = 400
LONGEST_BYTES: Final = 64 << 20  # of audio read; more than an hour of stereo law


class WaveformError(Exception):
    """The file is not a WAV file that we write."""


class Waveform(msgspec.Struct, frozen=True, kw_only=True):
    """Peaks between 0 and 1, for each channel the same number of bars."""

    duration_s: float
    channels: tuple[tuple[float, ...], ...]


def read_waveform(path: Path, bars: int = BARS) -> Waveform:
    """Reduce a file to its peaks; WaveformError when it is not readable audio."""
    if path.suffix == flac.SUFFIX:
        return _read_flac(path, bars)
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_BYTES)
    except OSError as error:
        raise WaveformError(str(error)) from error
    code, channels, rate, width, start, length = _header(data)
    samples = _samples(data[start : start + length], code, width)
    frames = samples[: len(samples) // channels * channels].reshape(-1, channels)
    lanes = tuple(_peaks(frames[:, lane], bars) for lane in range(channels))
    return Waveform(duration_s=len(frames) / rate, channels=lanes)


def _read_flac(path: Path, bars: int) -> Waveform:
    try:
        flac.shape(path)
        with soundfile.SoundFile(path) as file:
            channels, rate = file.channels, file.samplerate
            frames = file.read(LONGEST_BYTES // (2 * channels), dtype="float32", always_2d=True)
    except (OSError, NotARecording, soundfile.LibsndfileError) as error:
        raise WaveformError(str(error)) from error
    lanes = tuple(_peaks(frames[:, lane], bars) for lane in range(channels))
    return Waveform(duration_s=len(frames) / rate, channels=lanes)


def _header(data: bytes) -> tuple[int, int, int, int, int, int]:
    """Format code, channels, rate, bytes a sample, and where the audio lies."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WaveformError("not a WAV file")
    form: tuple[int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"fmt " and size >= 16 and at + 24 <= len(data):
            code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, at + 8)
            form = code, channels, rate, bits // 8
        elif name == b"data":
            if form is None or form[1] not in (1, 2) or not form[2]:
                break
            # a file still being written may say less than it holds
            return *form, at + 8, min(size, len(data) - at - 8)
        at += 8 + size + size % 2
    raise WaveformError("no readable audio")


def _samples(audio: bytes, code: int, width: int) -> npt.NDArray[np.float32]:
    if (code, width) == (PCM, 2):
        whole = audio[: len(audio) // 2 * 2]
        return np.frombuffer(whole, "<i2").astype(np.float32) / np.float32(32768)
    if code in (ALAW, ULAW) and width == 1:
        values = g711.LINEAR[code][np.frombuffer(audio, np.uint8)]
        return values.astype(np.float32) / np.float32(32768)
    raise WaveformError(f"unknown format {code} with {width} bytes")


def _peaks(samples: npt.NDArray[np.float32], bars: int) -> tuple[float, ...]:
    if not len(samples):
        return (0.0,) * bars
    edges = np.linspace(0, len(samples), bars + 1).astype(np.int64)
    starts = np.minimum(edges[:-1], len(samples) - 1)
    peaks = np.maximum.reduceat(np.abs(samples), starts)
    return tuple(round(float(peak), 3) for peak in peaks)
