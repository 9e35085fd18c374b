"""The parts of one conversation as one WAV file, in order, with silence where nothing was recorded.

A conversation has parts when the audio process died in it. Each part is proved by itself; what is
made here is for listening, and is written nowhere.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from daemon.recordings import flac
from daemon.recordings.audio_file import ALAW, HEAD, PCM, RATE, ULAW, NotARecording, layout

SILENCE: Final = {PCM: b"\0", ALAW: b"\xd5", ULAW: b"\xff"}
LONGEST_GAP_S: Final = 60.0
"""Longer pauses between two parts are shortened: nobody waits for that."""
BLOCK: Final = 64 << 10


class Part(msgspec.Struct, frozen=True):
    """One file of a conversation."""

    path: Path
    """Of the WAV file; the FLAC file in its place is as good."""
    started: float
    """Unix time."""


class Form(msgspec.Struct, frozen=True):
    """How samples are written; every part must be alike."""

    kind: int
    channels: int

    @property
    def frame(self) -> int:
        """Octets of one moment."""
        return self.channels * (2 if self.kind == PCM else 1)


class Joined(msgspec.Struct, frozen=True):
    """What the parts become."""

    header: bytes
    size: int
    """Octets, the header's included."""
    pieces: tuple[Path | int, ...]
    """Files, and octets of silence between them."""
    form: Form

    def blocks(self) -> Iterator[bytes]:
        """The whole file in pieces; OSError, NotARecording when a file went meanwhile."""
        yield self.header
        for piece in self.pieces:
            if isinstance(piece, int):
                yield from _silence(piece, self.form.kind)
            else:
                yield from _audio(piece, self.form)


def join(parts: Sequence[Part]) -> Joined:
    """Prepare the parts as one; OSError, NotARecording when one is missing or unlike the first."""
    pieces: list[Path | int] = []
    form: Form | None = None
    size, ends = 0, 0.0
    for part in parts:
        path = flac.where(part.path)
        found, octets = _measure(path)
        if form is not None:
            if found != form:
                raise NotARecording(f"{path.name} is coded unlike the part before it")
            gap = min(max(part.started - ends, 0.0), LONGEST_GAP_S)
            pieces.append(round(gap * RATE) * form.frame)
            size += round(gap * RATE) * form.frame
        form = found
        pieces.append(path)
        size += octets
        ends = part.started + octets / (RATE * found.frame)
    if form is None:
        raise NotARecording("there is no part")
    header = flac.header(form.kind, form.channels, size)
    return Joined(header, len(header) + size, tuple(pieces), form)


def _measure(path: Path) -> tuple[Form, int]:
    """Form and octets of a part, whole moments only."""
    if path.suffix == flac.SUFFIX:
        kind, channels, frames = flac.form(path)
        found = Form(kind, channels)
        return found, frames * found.frame
    with path.open("rb") as file:
        head = file.read(HEAD)
    start = layout(head).start
    kind, channels = struct.unpack_from("<HH", head, 20)
    found = Form(kind, channels)
    return found, (path.stat().st_size - start) // found.frame * found.frame


def _audio(path: Path, form: Form) -> Iterator[bytes]:
    if path.suffix == flac.SUFFIX:
        yield from flac.seconds(path)
        return
    _, left = _measure(path)
    with path.open("rb") as file:
        file.seek(layout(file.read(HEAD)).start)
        block = BLOCK // form.frame * form.frame
        while left and (data := file.read(min(block, left))):
            left -= len(data)
            yield data


def _silence(octets: int, kind: int) -> Iterator[bytes]:
    while octets:
        some = min(octets, BLOCK)
        octets -= some
        yield SILENCE[kind] * some
