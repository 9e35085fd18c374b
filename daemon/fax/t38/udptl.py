"""UDPTL (ITU-T T.38, clause 9 and annex A): IFP packets in datagrams.

No I/O. A datagram carries its own packet and what makes up for lost ones: the packets sent just
before it (redundancy), or the parity of several of them (fec-info). ``daemon.fax.t38.recovery``
makes and uses these.
"""

from typing import Final

import msgspec

SEQUENCES: Final = 1 << 16
MOST_DATAGRAM: Final = 1472  # bytes; what Ethernet carries in one piece over IPv4
MOST_IFP: Final = 1024  # bytes; the longest that is sensible: 20 times a packet of 14,400 bit/s
MOST_SECONDARIES: Final = 64
SHORTEST: Final = 4  # octets: a number, a packet with its length
ONE_OCTET: Final = 0x80  # X.691 10.9: lengths below take one octet
TWO_OCTETS: Final = 0x4000  # and lengths below this one two; greater ones are no packet of ours
FEC: Final = 0x80  # error-recovery: bit of the choice
MOST_SPAN: Final = 127  # packets under one parity; more are none


class UdptlError(ValueError):
    """A datagram that is no UDPTL."""


class Datagram(msgspec.Struct, frozen=True):
    """One UDPTL packet."""

    sequence: int
    primary: bytes
    """The IFP packet that it is about."""
    secondary: tuple[bytes, ...] = ()
    """Those before it, the newest first."""
    span: int | None = None
    """How many packets each parity is of (fec-npackets); None: redundancy, no parity."""
    parity: tuple[bytes, ...] = ()
    """The n-th of N is of the packets whose numbers are n, N + n, 2 N + n ... after the first."""


def build(datagram: Datagram) -> bytes:
    """Write a datagram; ValueError for what cannot be written."""
    parts = [datagram.sequence.to_bytes(2, "big"), _field(datagram.primary)]
    others = datagram.secondary
    if datagram.span is None:
        parts.append(b"\0")
    else:
        # An INTEGER without bounds: a length of one octet, then itself, below 128 as it is.
        parts.append(bytes((FEC, 1, datagram.span)))
        others = datagram.parity
    parts.append(_length(len(others)))
    parts += [_field(each) for each in others]
    return b"".join(parts)


def parse(data: bytes) -> Datagram:
    """Read a datagram; UdptlError for anything that is none."""
    if len(data) < SHORTEST:
        raise UdptlError(f"{len(data)} octets are no UDPTL: {data.hex()}")
    reader = _Reader(data, 2)
    sequence = int.from_bytes(data[:2], "big")
    primary = reader.field()
    # Old gateways leave the error recovery out when there is none.
    if reader.left == 0:
        return Datagram(sequence, primary)
    if reader.octet() & FEC:
        span = int.from_bytes(reader.field(), "big", signed=True)
        parity = tuple(reader.field() for _ in range(reader.count()))
        return Datagram(sequence, primary, (), span if 0 <= span <= MOST_SPAN else 0, parity)
    secondary = tuple(reader.field() for _ in range(reader.count()))
    return Datagram(sequence, primary, secondary)


class _Reader:
    """Takes fields off a datagram."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def octet(self) -> int:
        if not self.left:
            raise UdptlError(f"cut at octet {self._at}: {self._data[:32].hex()}")
        self._at += 1
        return self._data[self._at - 1]

    def length(self) -> int:
        first = self.octet()
        if first < ONE_OCTET:
            return first
        if first & 0x40:
            raise UdptlError(f"a length in fragments at octet {self._at - 1}")
        return (first & 0x3F) << 8 | self.octet()

    def count(self) -> int:
        count = self.length()
        if count > MOST_SECONDARIES:
            raise UdptlError(f"{count} packets in one datagram")
        return count

    def field(self) -> bytes:
        length = self.length()
        if length > self.left:
            raise UdptlError(f"a field of {length} octets where {self.left} are left")
        self._at += length
        return self._data[self._at - length : self._at]


def _length(length: int) -> bytes:
    if length < ONE_OCTET:
        return bytes((length,))
    if length >= TWO_OCTETS:
        raise ValueError(f"{length} octets are too many for one field")
    return (0x8000 | length).to_bytes(2, "big")


def _field(content: bytes) -> bytes:
    return _length(len(content)) + content
