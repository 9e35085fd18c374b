"""English and Chinese texts of the console, both side by side in ``templates/texts/``.

A catalogue is a TOML file of ``key = ["English", "中文"]``; its name is the first part of
the keys: ``live.toml`` holds ``live.*``. A text may name values: ``{count} callers``.
"""

import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from acd_core.routing.registry import strategies

LANGUAGES: Final = ("en", "zh")
TEXTS: Final = Path(__file__).parent / "templates" / "texts"

Translate = Callable[..., str]


class TextMissingError(KeyError):
    """A page asks for a key that no catalogue has; always a fault of ours."""


@cache
def catalogue() -> dict[str, tuple[str, str]]:
    """Every key with its English and Chinese text."""
    texts: dict[str, tuple[str, str]] = {}
    for path in sorted(TEXTS.glob("*.toml")):
        for key, value in _flat(tomllib.loads(path.read_text("utf-8"))).items():
            texts[f"{path.stem}.{key}"] = value
    return texts


def _flat(table: dict[str, object], prefix: str = "") -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list) and len(value) == len(LANGUAGES):
            found[prefix + key] = (str(value[0]), str(value[1]))
        else:
            raise TextMissingError(f"{prefix}{key}: needs one text for each of {LANGUAGES}")
    return found


@cache
def translator(language: str) -> Translate:
    """A function from key and values to the text in one language."""
    place = LANGUAGES.index(language)
    texts = catalogue()

    def translate(key: str, /, **values: object) -> str:
        try:
            text = texts[key][place]
        except KeyError:
            raise TextMissingError(key) from None
        return text.format(**values) if values else text

    return translate


def rule_text(name: str, language: str) -> str:
    """A routing rule's own name for people; the code of an unknown one."""
    rule = strategies().get(name)
    if rule is None:
        return translator(language)(f"rule.{name}") if has_text(f"rule.{name}") else name
    return rule.zh if language == "zh" else rule.en


_SCHEDULING: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("realtime", r"fifo (?P<priority>\d+)"),
        ("raised", r"nice (?P<nice>-?\d+)(: fifo refused \((?P<why>.*)\))?"),
        ("usual", r"normal: not asked for more"),
        ("refused", r"normal: fifo \((?P<why>.*)\) and nice refused"),
    )
)
"""What the audio engine says of its threads (``get_priority`` in ``cython_ext/media/engine.c``)."""


def process_text(detail: str, language: str) -> str:
    """What a process says of itself, in words; as it is when nothing is known of it."""
    for name, pattern in _SCHEDULING:
        found = pattern.fullmatch(detail)
        if found is not None:
            values = {key: value or "?" for key, value in found.groupdict().items()}
            return translator(language)(f"system.priority_{name}", **values)
    return detail


def has_text(key: str) -> bool:
    """True when a catalogue has the key; for keys made of values such as states."""
    return key in catalogue()


def preferred_language(header: str, default: str) -> str:
    """The first of our languages that an Accept-Language header names (RFC 9110 12.5.4)."""
    wishes: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wishes.append((-weight, tag.lower()))
    for _, tag in sorted(wishes, key=lambda wish: wish[0]):
        for language in LANGUAGES:
            if tag == language or tag.startswith(f"{language}-"):
                return language
    return default
