"""What the rest of Hookflash asks of speech, and what it is told.

Events are frozen values; times in them are seconds of audio since listening began, not wall
time, so that the same audio gives the same events on any machine.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

SAMPLE_RATE = 8000  # Hz, of everything that goes in or out of this package
WIDE_RATE = 16_000  # Hz, but taps of wide-band legs
BYTES_PER_SAMPLE = 2  # 16-bit little-endian, mono


class Grammar(msgspec.Struct, frozen=True):
    """The phrases a prompt listens for, each with the value it stands for."""

    phrases: Mapping[str, str]
    """Phrase as spoken -> semantic value; several phrases may share one value."""


class Limits(msgspec.Struct, frozen=True):
    """How long to wait for a caller, in seconds of audio."""

    no_input_s: float = 5.0
    """Silence allowed before the first word."""
    end_silence_s: float = 0.8
    """Silence that ends an utterance: 0.6 for yes and no, 1.5 for strings of digits."""
    longest_s: float = 10.0
    """Longest utterance, from its first sound."""
    lookback_s: float = 0.3
    """Audio from before listening began that belongs to it (barge-in is noticed late)."""


class Partial(msgspec.Struct, frozen=True, tag=True):
    """What the engine believes so far; it may still change."""

    text: str
    at: float = 0.0


class Final(msgspec.Struct, frozen=True, tag=True):
    """The caller has spoken; listening is over."""

    text: str
    """What the engine wrote down."""
    phrase: str
    """The phrase of the grammar it matched, "" for none."""
    value: str
    """The semantic value of that phrase, "" for none."""
    score: float
    """Confidence 0 to 1 as the engine gives it; nearly useless for small grammars."""
    at: float = 0.0
    engine: str = ""


class NoInput(msgspec.Struct, frozen=True, tag=True):
    """Nobody spoke in time; listening is over."""

    at: float = 0.0


class TooLong(msgspec.Struct, frozen=True, tag=True):
    """The caller did not stop speaking in time; listening is over."""

    text: str = ""
    phrase: str = ""
    value: str = ""
    score: float = 0.0
    at: float = 0.0


class EngineDown(msgspec.Struct, frozen=True, tag=True):
    """Recognition is not possible right now: go on with keys. Listening is over."""

    reason: str


SpeechEvent = Partial | Final | NoInput | TooLong | EngineDown


class Hypothesis(msgspec.Struct, frozen=True):
    """What an engine heard in one utterance."""

    text: str
    score: float


class Pcm(msgspec.Struct, frozen=True):
    """Mono audio, 16-bit little-endian."""

    rate: int
    """Samples per second."""
    samples: bytes

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / (BYTES_PER_SAMPLE * self.rate)


class AsrSession(Protocol):
    """One utterance of one call; used by one task at a time."""

    async def feed(self, pcm: bytes) -> str:
        """Give 8 kHz audio, about 100 ms; returns the text so far (it may still change)."""
        ...

    async def finish(self) -> Hypothesis:
        """End the utterance: what was said in all the audio fed."""
        ...

    async def close(self) -> None:
        """Give the engine's resources back; always called, also after an error."""
        ...


class Recognizer(Protocol):
    """One engine for one language, loaded once; raises EngineFailed when its process dies."""

    engine: str
    language: str

    async def check_grammar(self, grammar: Grammar) -> list[str]:
        """What is wrong with the phrases, as sentences; empty when all can be heard."""
        ...

    async def open(self, grammar: Grammar, rate: int = SAMPLE_RATE) -> AsrSession:
        """Begin an utterance of 8000 or 16000 samples a second.

        Raises GrammarError if no phrase can be heard.
        """
        ...

    async def close(self) -> None:
        """End the engine."""
        ...


class Synthesizer(Protocol):
    """Makes speech from text; raises VoiceMissing, EngineMissing or EngineFailed."""

    engine: str
    version: str

    async def synthesize(self, text: str, voice: str, rate: int) -> Pcm:
        """Speak ``text`` at ``rate`` words per minute."""
        ...

    async def close(self) -> None:
        """End the engine."""
        ...
