"""A UDP way between two RTP ports whose delay changes from packet to packet."""

import asyncio
import random
from typing import Any


class Jittery(asyncio.DatagramProtocol):
    """Holds each packet for up to twice ``most_s``, as a line of +- ``most_s`` does."""

    def __init__(self, to: tuple[str, int], *, most_s: float, seed: int) -> None:
        self._to = to
        self._most_s = most_s
        self._random = random.Random(seed)
        self._transport: Any = None
        self._other: Jittery | None = None
        self.passed = self.swapped = 0
        self._due = 0.0

    @classmethod
    async def between(
        cls, one: tuple[str, int], other: tuple[str, int], *, most_s: float
    ) -> tuple["Jittery", "Jittery"]:
        """Two: who sends to the first is heard by ``one`` from the second's address."""
        loop, made = asyncio.get_running_loop(), []
        for seed, to in enumerate((one, other)):
            _, way = await loop.create_datagram_endpoint(
                lambda to=to, seed=seed: cls(to, most_s=most_s, seed=seed),  # type: ignore[misc]
                local_addr=("127.0.0.1", 0),
            )
            made.append(way)
        made[0]._other, made[1]._other = made[1], made[0]
        return made[0], made[1]

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        loop, delay = asyncio.get_running_loop(), self._random.random() * 2 * self._most_s
        self.passed += 1
        self.swapped += loop.time() + delay < self._due
        self._due = loop.time() + delay
        loop.call_later(delay, self._pass, data)

    def close(self) -> None:
        self._transport.close()

    def _pass(self, data: bytes) -> None:
        if self._other is not None and not self._other._transport.is_closing():
            self._other._transport.sendto(data, self._to)
