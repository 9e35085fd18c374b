"""What a telephone's display is told: messages for FSK, keys for DTMF. No I/O.

GR-30-CORE and EN 300 659-3 have the messages, EN 300 659-1 annex B the keys.
"""

import unicodedata
from datetime import datetime
from typing import Final

import msgspec

MDMF: Final = 0x80
DATE, NUMBER, NO_NUMBER, NAME, NO_NAME, CALL_TYPE = 0x01, 0x02, 0x04, 0x07, 0x08, 0x11
VOICE: Final = b"\x01"
PRIVATE, UNAVAILABLE = b"P", b"O"
MOST_DIGITS: Final = 20
CLASS_NAME, ETSI_NAME = 15, 50
"""Letters of a name that displays have room for."""
NUMBER_KEYS: Final = frozenset("0123456789*#")
DTMF_WITHHELD, DTMF_UNKNOWN = "B10C", "B00C"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls a station, as far as it may know."""

    number: str = ""
    """Empty when it is not known; what is no number, such as a SIP user, counts as a name."""
    name: str = ""
    restricted: bool = False
    """The caller withholds the number: neither number nor name is told."""


def as_message(caller: Caller, at: datetime, *, etsi: bool) -> bytes:
    """A call set-up message with its checksum; ``at`` is what the wall clock shows."""
    number, name = _number(caller), _name(caller, ETSI_NAME if etsi else CLASS_NAME)
    absent = PRIVATE if caller.restricted else UNAVAILABLE
    fields = [(CALL_TYPE, VOICE)] if etsi else []
    fields.append((DATE, at.strftime("%m%d%H%M").encode("ascii")))
    fields.append((NUMBER, number) if number else (NO_NUMBER, absent))
    if name:
        fields.append((NAME, name))
    elif not number:
        fields.append((NO_NAME, absent))
    body = b"".join(bytes((kind, len(text))) + text for kind, text in fields)
    message = bytes((MDMF, len(body))) + body
    return message + bytes((-sum(message) & 0xFF,))


def as_keys(caller: Caller) -> str:
    """The keys that tell a number, or why there is none."""
    # The number's own * and # would end the message.
    digits = "".join(key for key in _number(caller).decode("ascii") if key.isdecimal())
    if digits:
        return f"A{digits}C"
    return DTMF_WITHHELD if caller.restricted else DTMF_UNKNOWN


def _number(caller: Caller) -> bytes:
    digits = caller.number.removeprefix("+")
    if caller.restricted or not NUMBER_KEYS.issuperset(digits):
        return b""
    return digits[:MOST_DIGITS].encode("ascii")


def _name(caller: Caller, most: int) -> bytes:
    """The name in letters every display has; none rather than one with gaps."""
    if caller.restricted:
        return b""
    name = caller.name or ("" if _number(caller) else caller.number)
    plain = "".join(
        sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign)
    ).strip()
    if not plain.isascii() or not plain.isprintable():
        return b""
    return plain[:most].encode("ascii")
