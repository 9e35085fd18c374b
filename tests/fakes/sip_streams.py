"""The simulated carrier on TCP, TLS and WebSocket; the simulator itself knows UDP only."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Self

from websockets.asyncio.client import connect

from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.packets import Address

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE)


class StreamUserAgent(UserAgent):
    """Calls by connections of its own, and takes those of the driver (WebSocket: its own only)."""

    def __init__(
        self,
        user: str,
        *,
        transport: str,
        serving: ssl.SSLContext | None = None,
        calling: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(user, t1=0.5)
        self.transport = transport
        self._serving = serving
        self._calling = calling
        self._server: asyncio.Server | None = None
        self._links: dict[Address, Callable[[bytes], Awaitable[None]]] = {}
        self._writers: list[asyncio.StreamWriter] = []
        self._stack = contextlib.AsyncExitStack()

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        self._server = await asyncio.start_server(self._accepted, host, port, ssl=self._serving)
        self.address = self._server.sockets[0].getsockname()[:2]
        return self

    async def close(self) -> None:
        await super().close()
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        await self._stack.aclose()

    async def link(self, address: Address) -> None:
        """Connect to the driver, once."""
        if address in self._links:
            return
        if self.transport == "ws":
            url = f"ws://{address[0]}:{address[1]}/sip"
            socket = await self._stack.enter_async_context(connect(url, subprotocols=["sip"]))
            self._links[address] = lambda data: socket.send(data.decode())

            async def listen() -> None:
                async for text in socket:
                    self.datagram_received(text.encode(), address)

            self.start(listen())
            return
        reader, writer = await asyncio.open_connection(*address, ssl=self._calling)
        self.start(self._read(reader, writer, address))

    def via(self, branch: str = "") -> str:
        return super().via(branch).replace("/UDP ", f"/{self.transport.upper()} ")

    def contact(self) -> str:
        return super().contact().replace(">", f";transport={self.transport}>")

    def send_again(self, data: bytes, address: Address) -> bytes:
        send = self._links.get(address) or next(iter(self._links.values()), None)
        if send is not None:
            self.start(self._write(send, data))
        return data

    async def _write(self, send: Callable[[bytes], Awaitable[None]], data: bytes) -> None:
        with contextlib.suppress(OSError):
            await send(data)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._read(reader, writer, writer.get_extra_info("peername")[:2])

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address
    ) -> None:
        self._writers.append(writer)

        async def send(data: bytes) -> None:
            writer.write(data)

        self._links[address] = send
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = _LENGTH.search(head)
                body = await reader.readexactly(int(found[1]) if found else 0)
                self.datagram_received(head.lstrip() + body, address)
