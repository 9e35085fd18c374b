"""UDP datagrams with their IP headers, as a capture shows a message that we only know whole.

IPv4: RFC 791; IPv6: RFC 8200; UDP: RFC 768. No I/O.
"""

import ipaddress
import struct
from typing import Final

import msgspec

UDP: Final = 17
TTL: Final = 64
MOST: Final = 65_535 - 28  # octets of UDP over IPv4

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Place(msgspec.Struct, frozen=True):
    """An address and a port."""

    host: str
    port: int


def datagram(source: Place, target: Place, data: bytes) -> bytes:
    """IP and UDP headers and the data, both checksums right; what is too long is cut.

    An address that cannot be read, or of another IP version than the far one, becomes 0.
    """
    data = data[:MOST]
    ours, theirs = _pair(source.host, target.host)
    head = struct.pack(">HHHH", source.port & 0xFFFF, target.port & 0xFFFF, 8 + len(data), 0)
    length = struct.pack(">I", len(head) + len(data))
    pseudo = ours.packed + theirs.packed + length + bytes((0, 0, 0, UDP))
    check = _checksum(pseudo + head + data) or 0xFFFF  # 0 says that there is none
    whole = head[:6] + struct.pack(">H", check) + data
    if ours.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(whole), UDP, TTL) + pseudo[:32] + whole
    start = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(whole), 0, 0x4000, TTL, UDP, 0)
    start += ours.packed + theirs.packed
    return start[:10] + struct.pack(">H", _checksum(start)) + start[12:] + whole


def _pair(one: str, other: str) -> tuple[IpAddress, IpAddress]:
    """Both addresses in one IP version."""
    first, second = _address(one), _address(other)
    if first is not None and second is not None and first.version == second.version:
        return first, second
    version = max(a.version for a in (first, second, ipaddress.IPv4Address(0)) if a is not None)
    nobody: IpAddress = ipaddress.IPv4Address(0) if version == 4 else ipaddress.IPv6Address(0)
    return (
        first if first is not None and first.version == version else nobody,
        second if second is not None and second.version == version else nobody,
    )


def _address(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _checksum(data: bytes) -> int:
    """The Internet checksum, RFC 1071."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
