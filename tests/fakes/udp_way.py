"""A way between two UDP ports of loopback, for what treats datagrams badly to build on."""

import asyncio
from typing import Any


class UdpWay(asyncio.DatagramProtocol):
    """Takes datagrams of one end; ``_pass`` hands them to the other end."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        self._other: UdpWay | None = None
        self._transport: Any = None

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    async def join(self, other: "UdpWay") -> None:
        """Who sends to us is heard by our ``to`` from the address of ``other``, and so back."""
        loop = asyncio.get_running_loop()
        for way in (self, other):
            await loop.create_datagram_endpoint(lambda way=way: way, local_addr=("127.0.0.1", 0))  # type: ignore[misc]
        self._other, other._other = other, self

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def close(self) -> None:
        self._transport.close()

    def _pass(self, data: bytes) -> None:
        if self._other is not None and not self._other._transport.is_closing():
            self._other._transport.sendto(data, self._to)
