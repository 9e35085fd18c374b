"""What a caller-identity message says (GR-30 SDMF and MDMF, EN 300 659-3). No I/O.

Its checksum was right already; still nothing in it is believed: what does not fit makes the
whole message worthless, as a part of a number would mislead.
"""

from typing import Final

import msgspec

SDMF: Final = 0x04
MDMF: Final = 0x80
NUMBER, NO_NUMBER, NAME, REASON, REDIRECTING = 0x02, 0x04, 0x07, 0x05, 0x1A
PRIVATE: Final = b"P"
DATE: Final = 8
"""Octets MMDDHHMM in front of the number in SDMF."""
MOST_DIGITS: Final = 20
MOST_NAME: Final = 50
DIGITS: Final = frozenset(b"0123456789*#+")
REASONS: Final = {b"0": "cfu", b"1": "cfb", b"2": "cfna"}


class Identity(msgspec.Struct, frozen=True):
    """Who calls, as the exchange says it."""

    ani: str = ""
    """Empty when it is not told."""
    name: str = ""
    redirecting: str = ""
    reason: str = ""
    """Why it was forwarded: cfu, cfb, cfna, or empty."""
    restricted: bool = False
    """The caller withholds the number."""


def read_identity(message: bytes) -> Identity | None:
    """Read a message with its checksum; None for one of another kind, or that does not fit."""
    if len(message) < 3 or message[1] != len(message) - 3 or sum(message) & 0xFF:
        return None
    kind, body = message[0], message[2:-1]
    if kind == SDMF:
        return _single(body)
    return _multiple(body) if kind == MDMF else None


def _single(body: bytes) -> Identity | None:
    number = body[DATE:]
    if len(body) <= DATE or number in (PRIVATE, b"O"):
        return Identity(restricted=number == PRIVATE)
    return Identity(ani=number.decode()) if _is_number(number) else None


def _multiple(body: bytes) -> Identity | None:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(body):
        if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
            return None  # a parameter that is longer than the message
        found.setdefault(body[at], body[at + 2 : at + 2 + body[at + 1]])
        at += 2 + body[at + 1]
    number, diverted = found.get(NUMBER, b""), found.get(REDIRECTING, b"")
    if not all(_is_number(part) for part in (number, diverted) if part):
        return None
    return Identity(
        ani=number.decode()[:MOST_DIGITS],
        name=_text(found.get(NAME, b"")),
        redirecting=diverted.decode()[:MOST_DIGITS],
        reason=REASONS.get(found.get(REASON, b""), ""),
        restricted=not number and found.get(NO_NUMBER) == PRIVATE,
    )


def _is_number(octets: bytes) -> bool:
    return bool(octets) and DIGITS.issuperset(octets)


def _text(octets: bytes) -> str:
    """A name: Latin-1 unless it is UTF-8, without anything that is not to be shown."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    return "".join(sign for sign in text if sign.isprintable()).strip()[:MOST_NAME]
