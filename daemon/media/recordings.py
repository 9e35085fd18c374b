"""Recordings after a power cut: what the disk kept is made a whole file again.

A recording's sizes are brought up to date every second, its chain gets a line a second
(``cython_ext/media/chain.c``): link n is SHA-256 of link n-1 (32 zero octets before the
first) and of the octets of second n. The last link, kept elsewhere, vouches for the file.
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import Final

import msgspec

from daemon.logs import get_logger

CHAIN: Final = ".chain"
PCM, ALAW, ULAW = 1, 6, 7  # format tags of RIFF/WAVE
HEAD: Final = 58  # octets of the longest header that we write

log = get_logger(__name__)


class NotARecording(Exception):
    """The file has not the header that recordings begin with."""


class Layout(msgspec.Struct, frozen=True):
    """Where the samples of a recording lie."""

    start: int
    second: int
    """Octets of one second."""


class Verdict(msgspec.Struct, frozen=True):
    """What the chain says of a recording."""

    seconds: int
    """Seconds that are as they were recorded, from the beginning."""
    whole: bool
    """Whether that is all of it, and the chain was closed."""
    head: str
    """Last link that holds, hexadecimal."""


def layout(head: bytes) -> Layout:
    """Read a header; NotARecording when it is none of ours."""
    if len(head) < 44 or head[:4] != b"RIFF" or head[8:16] != b"WAVEfmt ":
        raise NotARecording("no RIFF/WAVE header")
    kind, channels, rate, octets = struct.unpack_from("<HHII", head, 20)
    start = 44 if kind == PCM else HEAD
    width = 2 if kind == PCM else 1
    if kind not in (PCM, ALAW, ULAW) or rate != 8000 or octets != 8000 * channels * width:
        raise NotARecording(f"format {kind} with {rate} Hz is none of ours")
    if head[start - 8 : start - 4] != b"data":
        raise NotARecording("the samples do not follow the header")
    return Layout(start, octets)


def repair(path: Path) -> int:
    """Make the sizes in the header those of the file; returns ms of audio.

    Half a sample at the end is cut off. OSError, NotARecording.
    """
    with path.open("r+b") as file:
        found = layout(file.read(HEAD))
        file.seek(0, os.SEEK_END)
        frame = found.second // 8000
        size = max(file.tell() - found.start, 0) // frame * frame
        file.truncate(found.start + size)
        file.seek(4)
        file.write(struct.pack("<I", found.start - 8 + size))
        if found.start == HEAD:
            file.seek(46)
            channels = frame  # one octet a sample
            file.write(struct.pack("<I", size // channels))
        file.seek(found.start - 4)
        file.write(struct.pack("<I", size))
        file.flush()
        os.fsync(file.fileno())
    return size * 1000 // found.second


def repair_all(paths: list[Path]) -> int:
    """Repair what was running when the last process ended; returns how many could be."""
    done = 0
    for path in paths:
        try:
            ms = repair(path)
        except (OSError, NotARecording) as error:
            log.warning("recording not repaired", path=str(path), why=str(error))
        else:
            log.warning("recording repaired after a stop", path=str(path), ms=ms)
            done += 1
    return done


def verify(path: Path) -> Verdict:
    """Compare a recording with its chain; OSError, NotARecording."""
    lines = Path(f"{path}{CHAIN}").read_text(errors="replace").splitlines()
    closed = bool(lines) and lines[-1] == "end"
    written = [line.split(" ") for line in (lines[:-1] if closed else lines)]
    link, seconds = bytes(32), 0
    with path.open("rb") as file:
        found = layout(file.read(HEAD))
        file.seek(found.start)
        for words in written:
            data = file.read(found.second)
            following = hashlib.sha256(link + data).digest()
            if not data or words[:2] != [str(seconds), following.hex()]:
                return Verdict(seconds, False, link.hex())
            link, seconds = following, seconds + 1
        rest = file.read(1)
    return Verdict(seconds, closed and not rest, link.hex())
