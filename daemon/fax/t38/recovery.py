"""Both ends of UDPTL: numbers packets, and makes up for those that were lost on the way.

No I/O. What a lost datagram carried comes with the next one: as a copy (redundancy), or out of
the parity of several packets when all but one of them are there (ITU-T T.38, clause 9.1.4).
Nothing waits: what the next datagram cannot make up for is a gap.
"""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from daemon.fax.t38.ifp import ifp_length
from daemon.fax.t38.udptl import (
    MOST_DATAGRAM,
    MOST_IFP,
    SEQUENCES,
    Datagram,
    UdptlError,
    build,
    parse,
)

REDUNDANCY: Final = 3  # packets of before in each datagram; covers three lost in a row
SPAN: Final = 3  # packets under one parity
ENTRIES: Final = 3  # parities in a datagram: they, too, cover three lost in a row
STRAY: Final = SEQUENCES // 2
REMEMBERED: Final = 128  # packets; parity of older ones is not used
HEAD: Final = 2  # octets: the number
RECOVERY_HEAD: Final = 4  # octets before the parities, at most; before the packets of before 2


class UdptlSender:
    """Numbers packets and adds what makes up for those before, as the peer's datagrams hold."""

    def __init__(
        self, *, redundancy: int = REDUNDANCY, parity: bool = False, most: int = MOST_DATAGRAM
    ) -> None:
        self._most = max(most, 32)
        self._next = 0
        self._parity = parity
        kept = SPAN * ENTRIES if parity else max(redundancy, 0)
        self._sent: deque[bytes] = deque(maxlen=kept)
        """The newest first."""

    @property
    def next_number(self) -> int:
        """The number of the next datagram."""
        return self._next

    def send(self, ifp: bytes) -> bytes:
        """The datagram for the next IFP packet."""
        room = self._most - HEAD - _field_length(ifp)
        datagram = self._with_parity(ifp, room) if self._parity else self._with_copies(ifp, room)
        data = build(datagram)
        self._next = (self._next + 1) % SEQUENCES
        self._sent.appendleft(ifp)
        return data

    def _with_copies(self, ifp: bytes, room: int) -> Datagram:
        room -= 2
        copies = []
        for each in self._sent:
            room -= _field_length(each)
            if room < 0:
                break
            copies.append(each)
        return Datagram(self._next, ifp, tuple(copies))

    def _with_parity(self, ifp: bytes, room: int) -> Datagram:
        """As many parities as there is room for, and as packets were sent already."""
        for entries in range(min(len(self._sent) // SPAN, ENTRIES), 0, -1):
            before = list(self._sent)[: SPAN * entries][::-1]
            parity = tuple(xor(before[place::entries]) for place in range(entries))
            if RECOVERY_HEAD + sum(map(_field_length, parity)) <= room:
                return Datagram(self._next, ifp, (), SPAN, parity)
        return Datagram(self._next, ifp)


class UdptlReceiver:
    """Gives each IFP packet once and in order; what no datagram brought is a gap in the numbers."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """received, malformed, late, repeated (as important ones are), recovered, of these by parity,
        lost; parity that was wrong, or of packets too far back."""
        self._expected: int | None = None
        """The next number, which goes on where the one on the wire begins anew."""
        self._known: dict[int, bytes] = {}
        """The last packets, whatever brought them."""

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
            number = expected + ahead - SEQUENCES
            self.counts["repeated" if number in self._known else "late"] += 1
            # Those behind it were given already; parity may still need it, if it is not too old.
            if number >= expected - REMEMBERED:
                self._learn(number, datagram.primary)
            return []
        number = expected + ahead
        self._known[number] = datagram.primary
        for place, copy in enumerate(datagram.secondary):
            if copy:
                self._learn(number - 1 - place, copy)
        if datagram.span:
            self._repair(number, datagram.span, datagram.parity)
        found = [
            (each % SEQUENCES, self._known[each])
            for each in range(max(expected, number - REMEMBERED), number)
            if self._known.get(each)
        ]
        self.counts["recovered"] += len(found)
        self.counts["lost"] += ahead - len(found)
        if datagram.primary:
            found.append((datagram.sequence, datagram.primary))
        self._expected = number + 1
        for old in [each for each in self._known if each <= number - REMEMBERED]:
            del self._known[old]
        return found

    def _learn(self, number: int, ifp: bytes) -> None:
        if len(ifp) <= MOST_IFP:
            self._known.setdefault(number, ifp)

    def _repair(self, number: int, span: int, parity: tuple[bytes, ...]) -> None:
        """Make each packet that alone is missing under its parity."""
        entries = len(parity)
        first = number - span * entries
        if span * entries > REMEMBERED:
            self.counts["parity_too_far"] += 1
            return
        for place, each in enumerate(parity):
            members = range(first + place, number, entries)
            missing = [member for member in members if member not in self._known]
            if len(missing) != 1:
                continue
            made = xor([each, *(self._known[other] for other in members if other != missing[0])])
            length = ifp_length(made)
            if length is None or length > MOST_IFP or any(made[length:]):
                self.counts["parity_wrong"] += 1
                continue
            self._known[missing[0]] = made[:length]
            self.counts["by_parity"] += self._expected is not None and missing[0] >= self._expected


def xor(packets: Iterable[bytes]) -> bytes:
    """The parity of packets: as long as the longest, the others as if zeros followed."""
    each = tuple(packets)
    longest = max(map(len, each), default=0)
    made = 0
    for packet in each:
        made ^= int.from_bytes(packet.ljust(longest, b"\0"), "big")
    return made.to_bytes(longest, "big")


def _field_length(content: bytes) -> int:
    """Octets of a field with its length."""
    return len(content) + (1 if len(content) < 0x80 else 2)
