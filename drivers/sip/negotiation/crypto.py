"""Keys of SRTP in descriptions: the ``a=crypto`` lines of SDES (RFC 4568, 7714).

Used is what the media engine can do: one key a line, no MKI, no parameter that changes how
packets are made. Other lines are passed over, as the RFC asks (5.1.2).
"""

import binascii
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from drivers.api import SrtpKeys

SUITES: Final = {
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
"""Crypto suites with the octets of master key and salt, strongest first."""
ONLY_TAG: Final = "1"  # of our key in an offer while a call stands
MOST_LINES: Final = 32  # of one stream that are looked at

_STRENGTH: Final = {suite: place for place, suite in enumerate(SUITES)}
_LIFETIME: Final = re.compile(r"2\^[0-9]{1,2}|[0-9]{1,15}")
_WINDOW: Final = re.compile(r"WSH=[0-9]{1,6}")  # a hint for the receiver alone (6.3.5)


class Crypto(NamedTuple):
    """One way to encrypt: what its sender seals with."""

    tag: str
    """By which the answer names it."""
    suite: str
    key: bytes
    """Master key and salt."""

    def __repr__(self) -> str:
        return f"Crypto({self.tag}, {self.suite})"  # keys belong into no log

    def value(self) -> str:
        """The line without its name."""
        key = binascii.b2a_base64(self.key, newline=False).decode()
        return f"{self.tag} {self.suite} inline:{key}"


def parse_crypto(value: str) -> Crypto | None:
    """Read a line; None for one that cannot be used, for whatever reason."""
    fields = value.split()
    if len(fields) < 3 or fields[1] not in SUITES:
        return None
    tag, suite, how = fields[:3]
    if not (tag.isascii() and tag.isdigit() and len(tag) <= 9):
        return None
    if any(not _is_harmless(parameter) for parameter in fields[3:]):
        return None
    method, _, where = how.partition(":")
    coded, *rest = where.split("|")
    # What may follow is a lifetime, and then an MKI, which the engine does not know.
    if method.lower() != "inline" or len(rest) > 1 or (rest and not _LIFETIME.fullmatch(rest[0])):
        return None
    key = _decoded(coded)
    return Crypto(tag, suite, key) if len(key) == SUITES[suite] else None


def usable(attributes: tuple[tuple[str, str], ...]) -> list[Crypto]:
    """The lines of a stream that can be used, strongest first; of one strength the first."""
    values = [value for name, value in attributes if name == "crypto"][:MOST_LINES]
    read = [crypto for crypto in map(parse_crypto, values) if crypto is not None]
    return sorted(read, key=lambda crypto: _STRENGTH[crypto.suite])


def every_suite(new_key: Callable[[int], bytes]) -> tuple[Crypto, ...]:
    """Our first offer: a key of its own for each suite."""
    return tuple(
        Crypto(str(place), suite, new_key(size))
        for place, (suite, size) in enumerate(SUITES.items(), start=1)
    )


def again(used: SrtpKeys | None) -> tuple[Crypto, ...]:
    """Our offer while a call stands: the key in use."""
    return () if used is None else (Crypto(ONLY_TAG, used.suite, used.outward),)


def answering(theirs: Crypto, used: SrtpKeys | None, new_key: Callable[[int], bytes]) -> Crypto:
    """Our key for the answer to an offered one: that in use while its suite stays."""
    if used is not None and used.suite == theirs.suite:
        return Crypto(theirs.tag, theirs.suite, used.outward)
    return Crypto(theirs.tag, theirs.suite, new_key(SUITES[theirs.suite]))


def named(offered: tuple[Crypto, ...], theirs: Crypto | None) -> Crypto | None:
    """Our offered key that an answer takes up; None when it takes none of them."""
    for own in offered:
        if theirs is not None and (own.tag, own.suite) == (theirs.tag, theirs.suite):
            return own
    return None


def _is_harmless(parameter: str) -> bool:
    # A parameter with a minus may be ignored, any other must be understood (6.3.7).
    return parameter[0] == "-" or parameter == "KDR=0" or _WINDOW.fullmatch(parameter) is not None


def _decoded(coded: str) -> bytes:
    try:
        raw = coded.rstrip("=").encode("ascii")
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
