"""The speech service as control sees it: hears and speaks what a test says."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from speech.api import Final, Grammar, Limits, NoInput, SpeechEvent
from speech.errors import SpeechError

SECOND = bytes(16_000)
"""One second of a prompt: 16-bit mono at 8 kHz."""


class FakeSpeech:
    """Makes prompts of one second and tells of each listening what it is given."""

    def __init__(self, site: Path) -> None:
        self._site = site
        self.said: list[str] = []
        self.texts: dict[str, str] = {}
        """What each prompt says, by its path."""
        self.converted: list[str] = []
        self.grammars: list[Grammar] = []
        self.missing: set[str] = set()
        """Texts and file names that cannot be made."""
        self.away = False
        self._told: asyncio.Queue[SpeechEvent] = asyncio.Queue()

    async def prompt(self, text: str, language: str, voice: str = "") -> str:
        if text in self.missing or self.away:
            raise SpeechError(f"no voice for {language}")
        self.said.append(text)
        path = self._make(f"{len(self.said)}")
        self.texts[path] = text
        return path

    async def convert(self, upload_path_relative: str, name: str) -> str:
        if name in self.missing or self.away:
            raise SpeechError(f"{upload_path_relative} cannot be read")
        self.converted.append(upload_path_relative)
        return self._make(name)

    async def listen(
        self, memfd: int, eventfd: int, grammar: Grammar, language: str, limits: Limits
    ) -> AsyncGenerator[SpeechEvent, None]:
        if self.away:
            raise SpeechError("the speech service is not running")
        assert os.fstat(memfd)
        self.grammars.append(grammar)
        event = await self._told.get()
        yield event

    def hear(self, phrase: str) -> None:
        """The caller says a phrase of the grammar, or something else."""
        value = self.grammars[-1].phrases.get(phrase, "")
        matched = phrase if value else ""
        self.tell(Final(text=phrase, phrase=matched, value=value, score=0.9))

    def hear_nothing(self) -> None:
        """The caller stays silent."""
        self.tell(NoInput())

    def tell(self, event: SpeechEvent) -> None:
        """Report anything."""
        self._told.put_nowait(event)

    def _make(self, name: str) -> str:
        path = self._site / "cache" / "prompts" / f"{name}.8k.s16"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(SECOND)
        return path.relative_to(self._site).as_posix()
