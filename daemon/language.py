"""Texts for people in English and Chinese, both written where they are used.

``pick("No such queue", "没有这个队列")`` keeps the two side by side, so that neither can be
forgotten when the other changes.
"""

import os
from typing import Final, Literal

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")


def language_of(tag: str) -> Language | None:
    """The language a locale or language tag asks for: ``zh_CN.UTF-8`` gives ``zh``."""
    lowered = tag.strip().lower().replace("_", "-")
    for language in LANGUAGES:
        if lowered == language or lowered.startswith((f"{language}-", f"{language}.")):
            return language
    return None


def current_language() -> Language:
    """Language of the terminal: HOOKFLASH_LANGUAGE, LC_ALL, LC_MESSAGES, LANG, else English."""
    for name in ("HOOKFLASH_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return language_of(value) or "en"
    return "en"


def pick(en: str, zh: str, *, language: Language | None = None) -> str:
    """Return the text in ``language``, else in the language of the terminal."""
    return zh if (language or current_language()) == "zh" else en
