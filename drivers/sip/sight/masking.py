"""Messages for people to read: stars for what proves a password, what opens the audio, and keys.

A key that a caller pressed may be one of a PIN. Every star stands for one octet, so that lengths and line ends stay as they were sent.
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
_INFO: Final = re.compile(rb"\s*INFO[ \t]")
_PRESSED: Final = re.compile(rb"^([ \t]*signal[ \t]*=)([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_BODY: Final = re.compile(rb"\r?\n\r?\n")


def masked(data: bytes) -> bytes:
    """The message with stars for its secrets, of the same length."""
    seen = _KEYS.sub(_without_key, _CREDENTIALS.sub(_without_proof, data))
    return _without_pressed(seen) if _INFO.match(seen) else seen


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


def _without_pressed(info: bytes) -> bytes:
    """INFO has a key as ``Signal=5`` (dtmf-relay), or nothing else (dtmf)."""
    end = _BODY.search(info)
    if end is None:
        return info
    head, body = info[: end.end()], info[end.end() :]
    alone = len(body.strip()) <= 2  # numbers of keys go up to 16
    return head + (_stars(body) if alone else _PRESSED.sub(_without_key, body))
