"""Values as they are spoken, per language."""

from collections.abc import Callable
from typing import Final

_DIGITS: Final = {
    "en": dict(
        zip(
            "0123456789*#+",
            [
                "zero",
                "one",
                "two",
                "three",
                "four",
                "five",
                "six",
                "seven",
                "eight",
                "nine",
                "star",
                "pound",
                "plus",
            ],
            strict=True,
        )
    ),
    "zh": dict(zip("0123456789*#+", "零幺二三四五六七八九星井加", strict=True)),
}


def digits(value: str, language: str) -> str:
    """Read a number digit by digit; other characters make a pause.

    Chinese says yao for 1, as numbers of telephones and orders are read.
    """
    names = _DIGITS.get(language, _DIGITS["en"])
    groups: list[list[str]] = [[]]
    for letter in value:
        if letter in names:
            groups[-1].append(names[letter])
        elif groups[-1]:
            groups.append([])
    joint = "" if language == "zh" else " "
    comma = "，" if language == "zh" else ", "
    return comma.join(joint.join(group) for group in groups if group)


READERS: Final[dict[str, Callable[[str, str], str]]] = {"digits": digits}
"""Ways to read a variable in a template, as ``{order:digits}``."""
