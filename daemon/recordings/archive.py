"""All old recordings of a site as FLAC, one after the other; or as WAV again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from daemon.recordings import flac
from daemon.recordings.audio_file import CHAIN, NotARecording

YOUNGEST_H: Final = 1.0
"""A file that was written to within this time may still be growing."""


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    files: int = 0
    before: int = 0
    """Octets that these files took."""
    after: int = 0
    faults: tuple[str, ...] = ()
    """Files that stay as they are, with the reason."""


def old_recordings(folder: Path, suffix: str, before: float) -> Iterator[Path]:
    """Recordings of conversations last written to before a moment (Unix time), oldest day first.

    Those without a chain are of older versions, or none of ours: they stay as they are.
    """
    for path in sorted(folder.rglob(f"*{suffix}")):
        wav = path.with_suffix(".wav")
        if Path(f"{wav}{CHAIN}").is_file() and path.stat().st_mtime < before:
            yield path


def archive(
    paths: list[Path],
    change: Callable[[Path], flac.Packed],
    done: Callable[[int, Path], None],
) -> Archived:
    """Change each file (``flac.pack`` or ``flac.unpack``); a fault of one leaves the others."""
    files = before = after = 0
    faults = []
    for number, path in enumerate(paths, 1):
        try:
            packed = change(path)
        except (OSError, NotARecording) as error:
            faults.append(f"{path}: {error}")
        else:
            files, before, after = files + 1, before + packed.before, after + packed.after
        done(number, path)
    return Archived(files=files, before=before, after=after, faults=tuple(faults))
