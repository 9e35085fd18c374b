"""Stands in where a language cannot be recognised, so that a call goes on with keys.

Whatever is asked of it fails at once with the sentence that says what to install.
"""

from speech.api import SAMPLE_RATE, AsrSession, Grammar
from speech.errors import SpeechError


class SilentRecognizer:
    """A recogniser for a language that cannot be recognised here."""

    engine = "none"

    def __init__(self, language: str, reason: SpeechError) -> None:
        self.language = language
        self.reason = reason

    async def check_grammar(self, grammar: Grammar) -> list[str]:
        return [str(self.reason)]

    async def open(self, grammar: Grammar, rate: int = SAMPLE_RATE) -> AsrSession:
        raise self.reason

    async def close(self) -> None:
        """Nothing to end."""
