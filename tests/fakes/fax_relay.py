"""A UDP relay between two T.38 ends on loopback that loses, doubles and swaps by count."""

from typing import Any

from tests.fakes.udp_way import UdpWay


class Relay(UdpWay):
    """Takes datagrams of one end and hands them to the other; deterministic."""

    def __init__(self, to: tuple[str, int]) -> None:
        super().__init__(to)
        self._held: bytes | None = None
        self._count = 0
        self.lost = self.doubled = self.swapped = 0

    @classmethod
    async def between(cls, one: tuple[str, int], other: tuple[str, int]) -> tuple["Relay", "Relay"]:
        """Two relays: who sends to the first is heard by ``one`` from the second's address."""
        here, there = cls(one), cls(other)
        await here.join(there)
        return here, there

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """From the end that knows this relay as its peer: on to the other one."""
        self._count += 1
        match self._count % 20:
            case 7 | 8:
                self.lost += 1
            case 13:
                self.doubled += 1
                self._pass(data)
                self._pass(data)
            case 17:
                self.swapped += 1
                self._held = data
            case _:
                self._pass(data)
                if self._held is not None:
                    self._pass(self._held)
                    self._held = None
