"""UDPTL (ITU-T T.38, clause 9 and annex A): IFP packets in datagrams, each with those before it.

No I/O. A datagram carries its own packet and, as redundancy, the packets sent just before it;
what a lost datagram carried comes with the next one. Parity (fec-info) is read past, not used:
we ask for redundancy, and who sends parity all the same is heard as without.
"""

from collections import Counter, deque
from typing import Final

import msgspec

REDUNDANCY: Final = 3  # packets of before in each datagram; covers three lost in a row
SEQUENCES: Final = 1 << 16
MOST_DATAGRAM: Final = 1472  # bytes; what Ethernet carries in one piece over IPv4
MOST_IFP: Final = 1024  # bytes; the longest that is sensible: 20 times a packet of 14,400 bit/s
MOST_SECONDARIES: Final = 64
ONE_OCTET: Final = 0x80  # X.691 10.9: lengths below take one octet
TWO_OCTETS: Final = 0x4000  # and lengths below this one two; greater ones are no packet of ours
FEC: Final = 0x80  # error-recovery: bit of the choice
STRAY: Final = SEQUENCES // 2


class UdptlError(ValueError):
    """A datagram that is no UDPTL."""


class Datagram(msgspec.Struct, frozen=True):
    """One UDPTL packet."""

    sequence: int
    primary: bytes
    """The IFP packet that it is about."""
    secondary: tuple[bytes, ...] = ()
    """Those before it, the newest first."""
    fec: bool = False
    """It carries parity in place of them."""


def build(datagram: Datagram) -> bytes:
    """Write a datagram with redundancy; ValueError for what cannot be written."""
    parts = [datagram.sequence.to_bytes(2, "big"), _field(datagram.primary), b"\0"]
    parts.append(_length(len(datagram.secondary)))
    parts += [_field(each) for each in datagram.secondary]
    return b"".join(parts)


def parse(data: bytes) -> Datagram:
    """Read a datagram; UdptlError for anything that is none."""
    if len(data) < 4:
        raise UdptlError(f"{len(data)} octets are no UDPTL: {data.hex()}")
    reader = _Reader(data, 2)
    sequence = int.from_bytes(data[:2], "big")
    primary = reader.field()
    # Old gateways leave the error recovery out when there is none.
    if reader.left == 0:
        return Datagram(sequence, primary)
    if reader.octet() & FEC:
        reader.field()  # fec-npackets, an INTEGER with its length
        for _ in range(reader.count()):
            reader.field()
        return Datagram(sequence, primary, fec=True)
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


class UdptlSender:
    """Numbers packets and adds those of before, as many as the peer's datagrams hold."""

    def __init__(self, *, redundancy: int = REDUNDANCY, most: int = MOST_DATAGRAM) -> None:
        self._most = max(most, 32)
        self._next = 0
        self._sent: deque[bytes] = deque(maxlen=max(redundancy, 0))
        """The newest first."""

    def send(self, ifp: bytes) -> bytes:
        """The datagram for the next IFP packet."""
        room = self._most - 2 - len(_field(ifp)) - 2
        secondary = []
        for each in self._sent:
            room -= len(_field(each))
            if room < 0:
                break
            secondary.append(each)
        data = build(Datagram(self._next, ifp, tuple(secondary)))
        self._next = (self._next + 1) % SEQUENCES
        self._sent.appendleft(ifp)
        return data


class UdptlReceiver:
    """Gives each IFP packet once and in order; what no datagram brought is a gap in the numbers."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """received, malformed, late (or doubled), recovered, lost."""
        self._expected: int | None = None

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """The packets that a datagram adds, each with its number; nothing for a bad one."""
        try:
            datagram = parse(data)
        except UdptlError:
            self.counts["malformed"] += 1
            return []
        if len(datagram.primary) > MOST_IFP:
            self.counts["malformed"] += 1
            return []
        self.counts["received"] += 1
        expected = datagram.sequence if self._expected is None else self._expected
        ahead = (datagram.sequence - expected) % SEQUENCES
        if ahead >= STRAY:
            self.counts["late"] += 1
            return []
        new = datagram.secondary[:ahead][::-1]
        found = [
            ((datagram.sequence - len(new) + place) % SEQUENCES, ifp)
            for place, ifp in enumerate(new)
            if 0 < len(ifp) <= MOST_IFP
        ]
        self.counts["recovered"] += len(found)
        self.counts["lost"] += ahead - len(found)
        self._expected = (datagram.sequence + 1) % SEQUENCES
        if datagram.primary:
            found.append((datagram.sequence, datagram.primary))
        return found
