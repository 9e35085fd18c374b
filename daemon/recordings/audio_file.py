"""A recording as it lies on the disk: its header, and the chain beside it.

The chain gets a line a second while media records (``cython_ext/media/chain.c``): link n is
SHA-256 of link n-1 (32 zero octets before the first) and of the octets of second n; a line
holds n, the link and the ms paused so far, and ``end`` closes it.
"""

import struct
from pathlib import Path
from typing import Final

import msgspec

CHAIN: Final = ".chain"
PCM, ALAW, ULAW = 1, 6, 7  # format tags of RIFF/WAVE
HEAD: Final = 58  # octets of the longest header that we write
RATE: Final = 8000  # Hz


class NotARecording(Exception):
    """The file has not the header that recordings begin with."""


class Layout(msgspec.Struct, frozen=True):
    """Where the samples of a recording lie."""

    start: int
    second: int
    """Octets of one second."""


class Left(msgspec.Struct, frozen=True):
    """What a recording is that ended while nobody listened."""

    duration_ms: int = 0
    chain: str = ""
    """Last link that was written, hexadecimal."""
    paused_ms: int = 0


def layout(head: bytes) -> Layout:
    """Read a header; NotARecording when it is none of ours."""
    if len(head) < 44 or head[:4] != b"RIFF" or head[8:16] != b"WAVEfmt ":
        raise NotARecording("no RIFF/WAVE header")
    kind, channels, rate, octets = struct.unpack_from("<HHII", head, 20)
    start = 44 if kind == PCM else HEAD
    width = 2 if kind == PCM else 1
    fits = rate == RATE and channels in (1, 2) and octets == RATE * channels * width
    if kind not in (PCM, ALAW, ULAW) or not fits:
        raise NotARecording(f"format {kind} with {rate} Hz is none of ours")
    if head[start - 8 : start - 4] != b"data":
        raise NotARecording("the samples do not follow the header")
    return Layout(start, octets)


def chain_lines(path: Path) -> tuple[list[list[str]], bool]:
    """Lines of a recording's chain in words, and whether it was closed; OSError."""
    lines = Path(f"{path}{CHAIN}").read_text(errors="replace").splitlines()
    closed = bool(lines) and lines[-1] == "end"
    return [line.split(" ") for line in (lines[:-1] if closed else lines)], closed


def what_is_left(path: Path) -> Left:
    """Length and chain of a recording from its files alone; nothing for what cannot be read."""
    try:
        with path.open("rb") as file:
            found = layout(file.read(HEAD))
        duration_ms = max(path.stat().st_size - found.start, 0) * 1000 // found.second
    except (OSError, NotARecording):
        return Left()
    try:
        lines, _ = chain_lines(path)
    except OSError:
        return Left(duration_ms)
    # A line that was cut while it was written is no link.
    whole = [words for words in lines if len(words) == 3 and len(words[1]) == 64]
    if not whole or not whole[-1][2].isdecimal():
        return Left(duration_ms)
    return Left(duration_ms, whole[-1][1], int(whole[-1][2]))
