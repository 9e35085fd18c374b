"""Finds the audio for what a flow says: spoken texts and uploaded files, ready for media."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import structlog

from drivers.tones import INTERNATIONAL, CountryTones
from ivr.actions import Speech
from speech.errors import SpeechError

log = structlog.get_logger()

SUFFIXES: Final = (".wav", ".mp3", ".ogg", ".flac")
BYTES_PER_SECOND: Final = 16000  # raw 16-bit mono at 8 kHz
MUSIC: Final = "hold_music"
"""Name of the file below ``prompts/`` that waiting callers hear."""
LOOK_EVERY: Final = 1.0  # s; each call asks for the same few files and texts
MOST_TEXTS: Final = 1000  # texts that are remembered; some are said to one caller only


class PromptMaker(Protocol):
    """The part of the speech client that makes audio."""

    async def prompt(self, text: str, language: str, voice: str = "") -> str: ...
    async def convert(self, upload_path_relative: str, name: str) -> str: ...


class Prompts:
    """Paths of prompts relative to the site; what cannot be made is left out and logged.

    ``tones`` are those that a caller hears where nothing is said. A file that is put there or
    taken away is noticed within a second by ``monotonic`` (seconds).
    """

    def __init__(
        self,
        site: Path,
        speech: PromptMaker,
        tones: CountryTones = INTERNATIONAL,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.site = site
        self.tones = tones
        self._uploads = str(site / "prompts")
        self._speech = speech
        self._monotonic = monotonic
        self._files: dict[str, tuple[str, float]] = {}
        """By name, what was made of it, and until when that needs no look."""
        self._texts: dict[tuple[str, str], tuple[str, float]] = {}
        """By language and text, likewise: what was used a moment ago stays in the cache."""
        self._missing: set[str] = set()
        self._sources: dict[str, tuple[int, Path | None, float]] = {}
        """By name, when its folder was changed last, what was found, until when that holds."""

    async def path(self, prompt: Speech) -> str:
        """Where the audio of a prompt is; empty when it cannot be had.

        A menu without its announcement still takes keys, so this never ends a call.
        """
        try:
            if prompt.file:
                return await self._file(prompt.file)
            return await self._text(prompt.text, prompt.language)
        except SpeechError as error:
            key = prompt.file or prompt.text
            if key not in self._missing:
                self._missing.add(key)
                log.error("prompt cannot be played", prompt=key[:60], why=str(error))
            return ""

    async def music(self, name: str = "") -> str:
        """A queue's music, else the site's; empty when there is neither."""
        for file in (name, MUSIC):
            if file and self._source(file) is not None:
                return await self.path(Speech(file=file))
        return ""

    def has(self, name: str) -> bool:
        """Whether a file of this name was uploaded."""
        return self._source(name) is not None

    async def duration(self, paths: list[str]) -> float:
        """Seconds that these files last together."""
        sizes = await asyncio.to_thread(
            lambda: [(self.site / path).stat().st_size for path in paths]
        )
        return sum(sizes) / BYTES_PER_SECOND

    async def _text(self, text: str, language: str) -> str:
        path, until = self._texts.get((language, text), ("", 0.0))
        now = self._monotonic()
        if now >= until:
            path = await self._speech.prompt(text, language)
            if len(self._texts) >= MOST_TEXTS:
                self._texts.clear()
            self._texts[language, text] = (path, now + LOOK_EVERY)
        return path

    async def _file(self, name: str) -> str:
        path, until = self._files.get(name, ("", 0.0))
        now = self._monotonic()
        if path and now < until:
            return path
        if not path or not (self.site / path).is_file():
            source = self._look(name)
            if source is None:
                raise SpeechError(f"prompts/{name}: no such file; upload it or say a text instead")
            path = await self._speech.convert(str(source.relative_to(self.site)), name)
        self._files[name] = (path, now + LOOK_EVERY)
        return path

    def _source(self, name: str) -> Path | None:
        """The uploaded file; it is looked for when its folder has changed."""
        before, found, until = self._sources.get(name, (-1, None, 0.0))
        now = self._monotonic()
        if before >= 0 and now < until:
            return found
        changed = _changed_ns(f"{self._uploads}/{name}".rpartition("/")[0])
        if before != changed:
            found = self._look(name)
        self._sources[name] = (changed, found, now + LOOK_EVERY)
        return found

    def _look(self, name: str) -> Path | None:
        for suffix in ("", *SUFFIXES):
            candidate = self.site / "prompts" / f"{name}{suffix}"
            if candidate.is_file():
                return candidate
        return None


def _changed_ns(folder: str) -> int:
    """When a file was put into a folder or taken out of it last; 0 without the folder."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
