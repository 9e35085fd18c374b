"""What an engine looks like inside its own process: plain calls, no event loop."""

from typing import Protocol

from speech.api import Hypothesis

ENGINE_RATE = 16_000  # Hz; both engines' models are wide-band, so telephone audio is upsampled


class Utterance(Protocol):
    """One utterance being decoded; audio is 16-bit mono at ENGINE_RATE."""

    def feed(self, pcm: bytes) -> str:
        """Decode more audio; returns the text so far."""
        ...

    def finish(self) -> Hypothesis:
        """The text of the whole utterance."""
        ...

    def close(self) -> None:
        """Forget it."""
        ...


class Engine(Protocol):
    """A loaded model."""

    version: str
    threads: int
    """How many utterances it decodes at the same time, one thread each."""

    streaming_is_final: bool
    """Whether a streaming utterance is as good as decoding the whole of it at the end."""

    def check(self, phrases: list[str]) -> tuple[list[str], list[str]]:
        """The phrases it can hear, as its own words, and what is wrong with the others."""
        ...

    def utterance(self, phrases: list[str]) -> Utterance:
        """Begin an utterance on phrases that ``check`` returned; there is at least one."""
        ...

    def decode(self, phrases: list[str], pcm: bytes) -> Hypothesis:
        """Decode a whole utterance at once."""
        ...
