"""Whether a recording is what was recorded: the file against the link in the database.

The link is computed anew from the audio, so the file of the chain is believed in nothing; it
only tells at which second a file that was changed differs first.
"""

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from daemon.recordings import flac
from daemon.recordings.audio_file import HEAD, Layout, NotARecording, chain_lines, layout

FIRST: Final = bytes(32)
"""The link before the first second."""


class State(StrEnum):
    """What became of a recording."""

    UNCHANGED = "unchanged"
    STOPPED = "stopped"
    """Unchanged up to the second in which its recorder was killed; the rest has no link."""
    UNPROVEN = "unproven"
    """The database holds no link of it."""
    CHANGED = "changed"
    CUT = "cut"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    DELETED = "deleted"
    """By retention, as it should be."""
    THERE = "there"
    """Marked as deleted, and not gone."""


WRONG: Final = frozenset({State.CHANGED, State.CUT, State.MISSING, State.UNREADABLE, State.THERE})


class Proof(msgspec.Struct, frozen=True):
    """What was found of one recording."""

    state: State
    second: int = -1
    """The second at which it is not as it was, counted from 0; -1 where none can be named."""


class Verdict(msgspec.Struct, frozen=True):
    """What the chain beside a recording says of it."""

    seconds: int
    """Seconds that are as they were recorded, from the beginning."""
    whole: bool
    """Whether that is all of it, and the chain was closed."""
    head: str
    """Last link that holds, hexadecimal."""


def links(path: Path) -> tuple[Layout, list[str]]:
    """The link of each second of a recording, computed from its audio; OSError, NotARecording."""
    link, found = FIRST, []
    if path.suffix == flac.SUFFIX:
        shape, _ = flac.shape(path)
        parts = flac.seconds(path)
    else:
        with path.open("rb") as file:
            shape = layout(file.read(HEAD))
        parts = _seconds(path, shape)
    for data in parts:
        link = hashlib.sha256(link + data).digest()
        found.append(link.hex())
    return shape, found


def _seconds(path: Path, shape: Layout) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(shape.start)
        while data := file.read(shape.second):
            yield data


def _length_ms(path: Path, shape: Layout) -> int:
    if path.suffix == flac.SUFFIX:
        return flac.shape(path)[1] * 1000 // shape.second
    return (path.stat().st_size - shape.start) * 1000 // shape.second


def verify(path: Path) -> Verdict:
    """Compare a recording with the chain beside it; OSError, NotARecording."""
    written, closed = chain_lines(path)
    _, found = links(path)
    held = 0
    for words, link in zip(written, found, strict=False):
        if words[:2] != [str(held), link]:
            break
        held += 1
    whole = closed and held == len(written) == len(found)
    return Verdict(held, whole, found[held - 1] if held else FIRST.hex())


def prove(path: Path, chain: str, duration_ms: int) -> Proof:
    """Compare a recording with the last link and the length that the database holds of it.

    ``path`` is that of the WAV file; the FLAC file in its place is proved just so.
    """
    file = flac.where(path)
    try:
        shape, found = links(file)
        length_ms = _length_ms(file, shape)
    except FileNotFoundError:
        return Proof(State.MISSING)
    except (OSError, NotARecording):
        return Proof(State.UNREADABLE)
    if not chain:
        return Proof(State.UNPROVEN)
    if chain == (found[-1] if found else FIRST.hex()):
        return Proof(State.UNCHANGED)
    if chain in found:
        linked = found.index(chain) + 1
        # Nobody but a killed recorder leaves audio behind the last link, and then its length
        # was written down afterwards.
        state = State.STOPPED if length_ms == duration_ms else State.CHANGED
        return Proof(state, linked)
    return _first_difference(path, found, chain, cut=length_ms < duration_ms)


def _first_difference(path: Path, found: list[str], chain: str, *, cut: bool) -> Proof:
    try:
        written = [words[1] for words in chain_lines(path)[0] if len(words) == 3]
    except OSError:
        written = []
    if chain not in written:
        # The file beside it is gone or forged as well: nothing tells where.
        return Proof(State.CUT if cut else State.CHANGED)
    held = 0
    while held < min(len(found), len(written)) and found[held] == written[held]:
        held += 1
    # A file that was cut differs in nothing but its last second, which is short or not there.
    return Proof(State.CUT if cut and held >= len(found) - 1 else State.CHANGED, held)
