"""Keep-alives in datagrams: what telephones send so that their NAT does not forget them.

A STUN Binding request on the SIP port is answered (RFC 5626 4.4.2, RFC 8489); line ends and zero
bytes, which many telephones send instead, are taken silently.
"""

import ipaddress
import struct
from typing import Final

COOKIE: Final = 0x2112A442
BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
XOR_MAPPED_ADDRESS: Final = 0x0020
OPTIONAL: Final = 0x8000  # attributes from here on may be ignored by who does not know them
LONGEST_SILENT: Final = 8  # bytes
_HEAD: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")


def answer(data: bytes, host: str, port: int) -> bytes | None:
    """What to answer a keep-alive of this source, maybe nothing; None when it is none."""
    if len(data) <= LONGEST_SILENT:
        return b"" if not data.strip(b"\r\n\0") else None
    if len(data) < _HEAD.size:
        return None
    kind, length, cookie, transaction = _HEAD.unpack_from(data)
    if kind != BINDING_REQUEST or cookie != COOKIE or len(data) != _HEAD.size + length:
        return None
    if not _is_plain(data[_HEAD.size :]):
        return None
    address = ipaddress.ip_address(host)
    mask = struct.pack("!I", COOKIE) + transaction
    hidden = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    value = struct.pack("!BBH", 0, 1 if address.version == 4 else 2, port ^ (COOKIE >> 16)) + hidden
    attribute = _ATTRIBUTE.pack(XOR_MAPPED_ADDRESS, len(value)) + value
    return _HEAD.pack(BINDING_SUCCESS, len(attribute), COOKIE, transaction) + attribute


def _is_plain(attributes: bytes) -> bool:
    """Whether the attributes are well formed and none of them must be understood."""
    at = 0
    while at < len(attributes):
        if at + _ATTRIBUTE.size > len(attributes):
            return False
        kind, length = _ATTRIBUTE.unpack_from(attributes, at)
        if kind < OPTIONAL:
            return False
        at += _ATTRIBUTE.size + length + -length % 4
    return at == len(attributes)
