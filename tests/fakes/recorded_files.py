"""Recordings with their chain as media writes them: stereo, 16 bit, 8 kHz."""

import hashlib
import struct
from pathlib import Path
from typing import Final

HEAD: Final = 44
SECOND: Final = 32_000


def write_recording(
    path: Path, seconds: float, *, loud: int = 5, paused_ms: int = 0, closed: bool = True
) -> str:
    """Write a file and its chain; returns the last link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = int(seconds * 8000) * 4
    audio = bytes((loud * at + at // 256) % 251 for at in range(min(size, SECOND)))
    audio = (audio * 60)[:size] if size > SECOND else audio
    form = struct.pack("<IHHIIHH", 16, 1, 2, 8000, SECOND, 4, 16)
    riff = struct.pack("<4sI4s4s", b"RIFF", 36 + size, b"WAVE", b"fmt ")
    path.write_bytes(riff + form + struct.pack("<4sI", b"data", size) + audio)
    return write_chain(path, paused_ms=paused_ms, closed=closed)


def write_chain(path: Path, *, paused_ms: int = 0, closed: bool = True) -> str:
    """Write the chain of a recording that is there; returns the last link."""
    audio = path.read_bytes()[HEAD:]
    link, lines = bytes(32), []
    for number, at in enumerate(range(0, len(audio), SECOND)):
        link = hashlib.sha256(link + audio[at : at + SECOND]).digest()
        lines.append(f"{number} {link.hex()} {paused_ms}\n")
    Path(f"{path}.chain").write_text("".join(lines) + ("end\n" if closed else ""))
    return link.hex()
