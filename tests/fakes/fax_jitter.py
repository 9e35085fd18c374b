"""A UDP way between two RTP ports whose delay changes from packet to packet."""

import asyncio
import random
from typing import Any

from tests.fakes.udp_way import UdpWay


class Jittery(UdpWay):
    """Holds each packet for up to twice ``most_s``, as a line of +- ``most_s`` does."""

    def __init__(self, to: tuple[str, int], *, most_s: float, seed: int) -> None:
        super().__init__(to)
        self._most_s = most_s
        self._random = random.Random(seed)
        self.passed = self.swapped = 0
        self._due = 0.0

    @classmethod
    async def between(
        cls, one: tuple[str, int], other: tuple[str, int], *, most_s: float
    ) -> tuple["Jittery", "Jittery"]:
        """Two: who sends to the first is heard by ``one`` from the second's address."""
        here, there = cls(one, most_s=most_s, seed=0), cls(other, most_s=most_s, seed=1)
        await here.join(there)
        return here, there

    def datagram_received(self, data: bytes, addr: Any) -> None:
        loop, delay = asyncio.get_running_loop(), self._random.random() * 2 * self._most_s
        self.passed += 1
        self.swapped += loop.time() + delay < self._due
        self._due = loop.time() + delay
        loop.call_later(delay, self._pass, data)
