"""Messages for people to read: what proves a password and what opens the audio is starred.

Every star stands for one octet, so that lengths and line ends stay as they were sent.
"""

import re
from typing import Final

_CREDENTIALS: Final = re.compile(
    rb"^((?:Proxy-)?Authorization|Authentication-Info)([ \t]*:)((?:[^\r\n]|\r?\n[ \t])*)",
    re.IGNORECASE | re.MULTILINE,
)
_PARAMETER: Final = re.compile(rb'([A-Za-z-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]+)')
_DIGEST: Final = re.compile(rb"[ \t]*Digest\s", re.IGNORECASE)
_TOLD: Final = frozenset({b"username", b"realm", b"uri", b"algorithm", b"qop", b"nc", b"opaque"})
"""Parameters of a digest that help to find a fault and do not help to guess the password."""
_KEYS: Final = re.compile(
    # RFC 4568 inline keys, RFC 4566 k=, RFC 4567 MIKEY, RFC 8839 passwords of ICE
    rb"^(a=crypto:[^\r\n]*?inline:|k=|a=key-mgmt:|a=ice-pwd:)([^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_MARK: Final = re.compile(rb"[^\s]")


def masked(data: bytes) -> bytes:
    """The message with stars for its secrets, of the same length."""
    return _KEYS.sub(_without_key, _CREDENTIALS.sub(_without_proof, data))


def readable(data: bytes) -> str:
    """The masked message as text; octets that are no UTF-8 show as a replacement mark."""
    return masked(data).decode("utf-8", "replace")


def _stars(data: bytes) -> bytes:
    return _MARK.sub(b"*", data)


def _without_proof(found: re.Match[bytes]) -> bytes:
    name, colon, value = found.groups()
    hidden = bytearray(_stars(value))
    scheme = _DIGEST.match(value)
    if scheme is not None:  # of another scheme nothing can be told apart
        hidden[: scheme.end()] = scheme[0]
        for one in _PARAMETER.finditer(value, scheme.end()):
            end = one.end() if one[1].lower() in _TOLD else one.start(2)
            hidden[one.start() : end] = value[one.start() : end]
            hidden[one.end() : one.end() + 1] = value[one.end() : one.end() + 1]
    return name + colon + bytes(hidden)


def _without_key(found: re.Match[bytes]) -> bytes:
    return found[1] + _stars(found[2])
