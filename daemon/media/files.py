"""Files of the media process: prompts and recordings, both only below the site."""

from pathlib import Path
from typing import Final

from daemon.link.errors import MediaRefused

RECORDING_FOLDERS: Final = ("recordings", "voicemail", "cache")


class SiteFiles:
    """Turns paths relative to the site into real ones, and back; MediaRefused ``path``."""

    def __init__(self, site: Path) -> None:
        self._site = site.resolve()

    def prompt(self, relative: str) -> str:
        """Path of a prompt; whether it can be read is seen when it is read."""
        return str(self._below(relative))

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
