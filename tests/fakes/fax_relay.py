"""A UDP relay between two T.38 ends on loopback that loses, doubles and swaps by count."""

import asyncio
from typing import Any


class Relay(asyncio.DatagramProtocol):
    """Takes datagrams of one end and hands them to the other; deterministic."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        self._other: Relay | None = None
        self._transport: Any = None
        self._held: bytes | None = None
        self._count = 0
        self.lost = self.doubled = self.swapped = 0

    @classmethod
    async def between(cls, one: tuple[str, int], other: tuple[str, int]) -> tuple["Relay", "Relay"]:
        """Two relays: who sends to the first is heard by ``one`` from the second's address."""
        loop = asyncio.get_running_loop()
        made = []
        for to in (one, other):
            _, relay = await loop.create_datagram_endpoint(
                lambda to=to: cls(to),  # type: ignore[misc]
                local_addr=("127.0.0.1", 0),
            )
            made.append(relay)
        made[0]._other, made[1]._other = made[1], made[0]
        return made[0], made[1]

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

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

    def close(self) -> None:
        self._transport.close()

    def _pass(self, data: bytes) -> None:
        assert self._other is not None
        self._other._transport.sendto(data, self._to)
