"""Keys of SRTP in descriptions: the ``a=crypto`` lines of SDES (RFC 4568, 7714).

Used is what the media engine can do: one key a line, no MKI, no parameter that changes how
packets are made. Other lines are passed over, as the RFC asks (5.1.2).
"""

import binascii
import re
from typing import Final, NamedTuple

SUITES: Final = {
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
"""Crypto suites with the octets of master key and salt, strongest first."""
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


def _is_harmless(parameter: str) -> bool:
    # A parameter with a minus may be ignored, any other must be understood (6.3.7).
    return parameter[0] == "-" or parameter == "KDR=0" or _WINDOW.fullmatch(parameter) is not None


def _decoded(coded: str) -> bytes:
    try:
        raw = coded.rstrip("=").encode("ascii")
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
