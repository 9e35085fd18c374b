"""Texts as PostgreSQL takes them: without NUL, and no longer than their column is wide."""

from typing import Final

NUL: Final = "\0"
REPLACEMENT: Final = "\ufffd"
"""In place of a NUL, which PostgreSQL keeps in no text."""


def fit_text(text: str, width: int | None = None) -> str:
    """A text for a column of so many letters, None for any number."""
    return text.replace(NUL, REPLACEMENT)[:width]


def fit_json(text: str) -> str:
    """JSON whose strings hold no NUL, which is written there as an escape."""
    # Behind an even number of backslashes it is an escape, behind an odd one plain text.
    parts = text.split("\\\\")
    return "\\\\".join(part.replace("\\u0000", REPLACEMENT) for part in parts)
