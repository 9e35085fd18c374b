"""Blocks of a pcapng file: one section, interfaces of raw IP, packets with comments.

Sources: the pcapng draft (draft-ietf-opsawg-pcapng), sections 4.1 to 4.6; LINKTYPE_RAW (101):
a packet begins with its IPv4 or IPv6 header. No I/O: bytes come out.
"""

import struct
from typing import Final

import msgspec

LINKTYPE_RAW: Final = 101
LONGEST: Final = 65_535  # octets of a captured packet
_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_STATISTICS: Final = 5
_PACKET: Final = 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_COMMENT, _APPLICATION, _NAME, _RESOLUTION = 1, 4, 2, 9  # option codes; code 4 of a section
_DROPPED: Final = 5  # option of the statistics block: isb_ifdrop
_MICROSECONDS: Final = b"\x06"


class Dropped(msgspec.Struct, frozen=True):
    """What an interface lost at our side."""

    interface: int
    packets: int


def section(application: str, comment: str) -> bytes:
    """The head of a file."""
    body = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    options = ((_COMMENT, comment.encode()), (_APPLICATION, application.encode()))
    return _block(_SECTION, body, options)


def interface(name: str, comment: str) -> bytes:
    """An interface; they are numbered from 0 in their order. Times count microseconds."""
    body = struct.pack("<HHI", LINKTYPE_RAW, 0, LONGEST)
    options = (
        (_NAME, name.encode()),
        (_RESOLUTION, _MICROSECONDS),
        (_COMMENT, comment.encode()),
    )
    return _block(_INTERFACE, body, options)


def packet(interface_number: int, at: float, data: bytes, comment: str = "") -> bytes:
    """One packet, ``at`` in seconds since the epoch; what is over 65,535 octets is cut."""
    kept = data[:LONGEST]
    high, low = divmod(round(at * 1e6), 1 << 32)
    head = struct.pack("<IIIII", interface_number, high, low, len(kept), len(data))
    body = head + kept + bytes(-len(kept) % 4)
    return _block(_PACKET, body, ((_COMMENT, comment.encode()),) if comment else ())


def statistics(at: float, dropped: Dropped, comment: str) -> bytes:
    """What an interface lost: the last word on it."""
    high, low = divmod(round(at * 1e6), 1 << 32)
    body = struct.pack("<III", dropped.interface, high, low)
    count = struct.pack("<Q", dropped.packets)
    return _block(_STATISTICS, body, ((_DROPPED, count), (_COMMENT, comment.encode())))


def _block(kind: int, body: bytes, options: tuple[tuple[int, bytes], ...] = ()) -> bytes:
    written = b"".join(
        struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
        for code, value in options
    )
    if options:
        written += bytes(4)  # opt_endofopt
    length = 12 + len(body) + len(written)
    return struct.pack("<II", kind, length) + body + written + struct.pack("<I", length)
