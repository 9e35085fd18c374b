"""Phrases made fit for an engine, and an engine's text matched against them.

Engines treat a phrase list as a bag of words: phrases come back doubled or mixed, in another
case, with a catch-all token between. What counts as an answer is decided here, not there.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

MOST_PHRASES = 2000
LONGEST_PHRASE = 200  # characters
CATCH_ALLS = ("[unk]", "<UNK>")  # most Vosk models; the Korean one

# Letters, marks and digits of any script, and the apostrophe inside words.
_NOT_WORD = re.compile(r"[^\w']|_", re.UNICODE)


def words_of(text: str) -> list[str]:
    """The words of a phrase as engines know them: NFC, lower case, no punctuation."""
    normal = unicodedata.normalize("NFC", text).casefold().replace("\u2019", "'")
    return [word for word in _NOT_WORD.sub(" ", normal).split() if word.strip("'")]


def usable(phrases: Iterable[str]) -> tuple[list[str], list[str]]:
    """Normalised phrases without duplicates, and what is wrong with the others."""
    good: dict[str, None] = {}
    problems: list[str] = []
    for phrase in phrases:
        words = " ".join(words_of(phrase))
        if not words:
            problems.append(f"phrase {phrase!r} holds no word")
        elif len(words) > LONGEST_PHRASE:
            problems.append(f"phrase {phrase[:40]!r}... is longer than {LONGEST_PHRASE} letters")
        else:
            good[words] = None
    if len(good) > MOST_PHRASES:
        problems.append(f"{len(good)} phrases; only the first {MOST_PHRASES} are listened for")
    if not good:
        problems.append("no phrase to listen for")
    return list(good)[:MOST_PHRASES], problems


def match(text: str, phrases: Mapping[str, str]) -> tuple[str, str]:
    """The phrase and value that ``text`` stands for; ("", "") when none or several.

    Repeats and synonyms of one value ("yes yes", "yes yeah") count as the first of them;
    phrases of different values together ("yes no") are no match. Blanks do not count, because
    engines and writers split compound words differently.
    """
    for token in CATCH_ALLS:
        text = text.replace(token, " ")
    heard = "".join(words_of(text))
    known = {"".join(words_of(phrase)): phrase for phrase in reversed(list(phrases))}
    known.pop("", None)
    found = _cut(heard, known)
    if not found or len({phrases[phrase] for phrase in found}) != 1:
        return "", ""
    return found[0], phrases[found[0]]


def _cut(heard: str, known: Mapping[str, str]) -> list[str]:
    """``heard`` as a row of phrases, the fewest that fill it; empty when it cannot be cut."""
    best: list[list[str] | None] = [[]] + [None] * len(heard)
    lengths = sorted({len(phrase) for phrase in known}, reverse=True)
    for end in range(1, len(heard) + 1):
        for length in lengths:
            before = best[end - length] if length <= end else None
            phrase = known.get(heard[end - length : end]) if before is not None else None
            if before is not None and phrase is not None:
                row = best[end]
                if row is None or len(before) + 1 < len(row):
                    best[end] = [*before, phrase]
    return best[-1] or []
