"""Files of the media process: prompts and recordings, both only below the site."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from daemon.link.errors import MediaRefused

OPEN: Final = ".open"  # a note for each recording that runs
KNOWN_FOR: Final = 1.0  # s that the place of a prompt is known without looking at links again
MOST_KNOWN: Final = 1024
RECORDING_FOLDERS: Final = ("recordings", "voicemail", "cache")


class SiteFiles:
    """Turns paths relative to the site into real ones, and back; MediaRefused ``path``."""

    def __init__(self, site: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._site = site.resolve()
        self._open = self._site / "recordings" / OPEN
        self._clock = clock
        self._known: dict[str, str] = {}
        self._known_until = 0.0

    def prompt(self, relative: str) -> str:
        """Path of a prompt; whether it can be read is seen when it is read.

        Following its links takes a system call for each folder, and the music of a queue is
        asked for with every call: what was found is believed for a second.
        """
        now = self._clock()
        if now >= self._known_until or len(self._known) > MOST_KNOWN:
            self._known.clear()
            self._known_until = now + KNOWN_FOR
        path = self._known.get(relative)
        if path is None:
            path = self._known[relative] = str(self._below(relative))
        return path

    def recording(self, relative: str) -> str:
        """Path of a new recording; the folders to it are made."""
        path = self._below(relative)
        folder = path.relative_to(self._site).parts[0]
        if folder not in RECORDING_FOLDERS or path.suffix != ".wav":
            allowed = ", ".join(f"{name}/" for name in RECORDING_FOLDERS)
            raise MediaRefused("path", f"a recording is a .wav file in {allowed}: {relative}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"the folder of {relative} cannot be made: {error.strerror}"
            raise MediaRefused("disk", text) from error
        return str(path)

    def started(self, recording: int, path: str) -> None:
        """Note that a recording runs, so that it can be repaired after a power cut."""
        self._open.mkdir(parents=True, exist_ok=True)
        (self._open / str(recording)).write_text(self.relative(path))

    def finished(self, recording: int) -> None:
        """The recording's file is complete."""
        (self._open / str(recording)).unlink(missing_ok=True)

    def unfinished(self) -> list[Path]:
        """Recordings that were running when the last media process ended, and their notes go."""
        found = []
        for note in sorted(self._open.glob("*")):
            with contextlib.suppress(MediaRefused, OSError, UnicodeDecodeError):
                found.append(self._below(note.read_text()))
            note.unlink(missing_ok=True)
        return found

    def relative(self, path: str) -> str:
        """The path as control knows it."""
        return str(Path(path).relative_to(self._site))

    def _below(self, relative: str) -> Path:
        if not relative or "\0" in relative:
            raise MediaRefused("path", f"{relative!r} is no path")
        # Links are followed first: what counts is where the file really lies.
        path = (self._site / relative).resolve()
        if not path.is_relative_to(self._site) or path == self._site:
            raise MediaRefused("path", f"{relative} is not below the site")
        return path
