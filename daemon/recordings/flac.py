"""Recordings as FLAC: half the room or less, and still proved octet by octet.

A chain vouches for the octets of the WAV file, so these must come back from the FLAC file exactly.
16-bit samples do by themselves. G.711 octets become values of which each octet has one of its own
(``g711.VALUES``). A comment in the file names the coding.
"""

import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import soundfile

from daemon.recordings import g711
from daemon.recordings.audio_file import ALAW, HEAD, PCM, RATE, ULAW, Layout, NotARecording, layout

SUFFIX: Final = ".flac"
_PART: Final = ".part"
_CODINGS: Final = {PCM: "pcm16", ALAW: "alaw", ULAW: "ulaw"}
_TITLE: Final = "Hookflash recording, "


class Packed(msgspec.Struct, frozen=True):
    """What became of one file."""

    before: int
    """Octets of the file that is gone."""
    after: int


def where(path: Path) -> Path:
    """The file of a recording: the FLAC one when there is no WAV file any more."""
    packed = path.with_suffix(SUFFIX)
    return packed if not path.exists() and packed.exists() else path


def pack(path: Path) -> Packed:
    """Put a FLAC file in the place of a complete WAV file; OSError, NotARecording.

    The WAV file goes when the FLAC file is on the disk and gives the same octets.
    """
    head = _head(path)
    kind, channels = struct.unpack_from("<HH", head, 20)
    target = path.with_suffix(SUFFIX)
    part = target.with_suffix(SUFFIX + _PART)
    try:
        with soundfile.SoundFile(
            part, "w", RATE, channels, subtype="PCM_16", format="FLAC"
        ) as file:
            file.comment = _TITLE + _CODINGS[kind]
            for data in _seconds_of_wav(path):
                file.write(_values(data, kind).reshape(-1, channels))
        if _sum(seconds(part)) != _sum(_seconds_of_wav(path)):
            raise NotARecording("the FLAC file does not give the same audio; the WAV file stays")
        before, after = path.stat(), part.stat()
        os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))
        _sync(part)
        part.replace(target)
    except soundfile.LibsndfileError as error:
        raise NotARecording(f"no FLAC file can be made: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)
    path.unlink()
    return Packed(before.st_size, after.st_size)


def unpack(path: Path) -> Packed:
    """Put the WAV file back in the place of a FLAC one; OSError, NotARecording."""
    target = path.with_suffix(".wav")
    part = target.with_suffix(".wav" + _PART)
    kind, channels, _ = form(path)
    try:
        size = 0
        with part.open("wb") as file:
            start = 44 if kind == PCM else HEAD
            file.write(bytes(start))
            for data in seconds(path):
                file.write(data)
                size += len(data)
            file.seek(0)
            file.write(header(kind, channels, size))
        before, after = path.stat(), part.stat()
        os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))
        _sync(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)
    path.unlink()
    return Packed(before.st_size, after.st_size)


def shape(path: Path) -> tuple[Layout, int]:
    """Where the octets of a FLAC recording would lie in a WAV file, and how many there are."""
    kind, channels, frames = form(path)
    width = 2 if kind == PCM else 1
    start = 44 if kind == PCM else HEAD
    return Layout(start, RATE * channels * width), frames * channels * width


def seconds(path: Path) -> Iterator[bytes]:
    """The octets that were recorded, second by second; NotARecording."""
    kind, _, _ = form(path)
    try:
        with soundfile.SoundFile(path) as file:
            while len(block := file.read(RATE, dtype="int16")):
                yield _octets(block.reshape(-1), kind)
    except soundfile.LibsndfileError as error:
        raise NotARecording(f"the FLAC file cannot be read: {error}") from error


def form(path: Path) -> tuple[int, int, int]:
    """Coding as a RIFF format tag, channels, and samples of one channel."""
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with soundfile.SoundFile(path) as file:
            coding = file.comment.removeprefix(_TITLE)
            rate, channels, frames = file.samplerate, file.channels, file.frames
    except soundfile.LibsndfileError as error:
        raise NotARecording(f"no FLAC file: {error}") from error
    for kind, name in _CODINGS.items():
        if name == coding and rate == RATE and channels in (1, 2):
            return kind, channels, frames
    raise NotARecording(f"FLAC with {rate} Hz and the comment {coding!r} is none of ours")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(HEAD)
    layout(head)
    return head


def _seconds_of_wav(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        found = layout(file.read(HEAD))
        file.seek(found.start)
        frame = found.second // RATE
        while data := file.read(found.second):
            if len(data) % frame:
                raise NotARecording("it ends inside a sample; the WAV file stays")
            yield data


def _sum(parts: Iterator[bytes]) -> bytes:
    total = hashlib.sha256()
    for data in parts:
        total.update(data)
    return total.digest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def header(kind: int, channels: int, size: int) -> bytes:
    """The header of a WAV file with ``size`` octets of audio, as media writes it (``recorder.c``)."""
    width = 2 if kind == PCM else 1
    start = 44 if kind == PCM else HEAD
    coded = struct.pack(
        "<HHIIHH", kind, channels, RATE, RATE * channels * width, channels * width, width * 8
    )
    if kind != PCM:
        samples = size // (channels * width)
        coded += struct.pack("<H4sII", 0, b"fact", 4, samples)
    form_size = 16 if kind == PCM else 18
    return (
        struct.pack("<4sI8sI", b"RIFF", start - 8 + size, b"WAVEfmt ", form_size)
        + coded
        + struct.pack("<4sI", b"data", size)
    )


def _values(data: bytes, kind: int) -> g711.Samples:
    if kind == PCM:
        return np.frombuffer(data, "<i2").astype(np.int16)
    return g711.VALUES[kind][np.frombuffer(data, np.uint8)]


def _octets(values: g711.Samples, kind: int) -> bytes:
    if kind == PCM:
        return values.astype("<i2").tobytes()
    found = g711.octets_of(values, kind)
    if (found < 0).any():
        raise NotARecording("a sample has a value that G.711 does not have")
    return found.astype(np.uint8).tobytes()
