"""rtpengine, a media relay of others with a T.38 gateway of its own, steered as proxies do it.

Its control protocol ("ng") is a dictionary in bencode behind a cookie, in a datagram on loopback.
"""

import asyncio
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.drivers.sip.interop.terminal import Terminal, needs

PACKAGE = "rtpengine-daemon"
ANSWER_S = 30.0
NAMES = {"flags_t38": "T.38"}

Value = str | int | list[str]


def encode(values: dict[str, Value]) -> bytes:
    """A dictionary in bencode, its keys in order."""
    parts = [_string(key) + _value(values[key]) for key in sorted(values)]
    return b"d" + b"".join(parts) + b"e"


def _value(value: Value) -> bytes:
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        return _string(value)
    return b"l" + b"".join(map(_string, value)) + b"e"


def _string(text: str) -> bytes:
    data = text.encode()
    return b"%d:" % len(data) + data


def text_at(reply: bytes, key: str) -> str:
    """The text under a key of an answer; nothing when it has no such key."""
    _, found, rest = reply.partition(_string(key))
    length, _, rest = rest.partition(b":")
    return rest[: int(length)].decode() if found else ""


class Rtpengine:
    """One process of it on loopback, without its kernel module, as any user may run it."""

    def __init__(self, folder: Path) -> None:
        self._terminal = Terminal(folder)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._asked = 0
        self._one_by_one = asyncio.Lock()
        self._place = ("127.0.0.1", 0)

    async def __aenter__(self) -> Self:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self._place = free.getsockname()
        await self._terminal.start(
            needs("rtpengine", PACKAGE),
            *("--config-file=none", "--foreground", "--log-stderr", "--table=-1"),
            *("--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{self._place[1]}"),
            *("--num-threads=1", "--media-num-threads=1", "--log-level=5"),
        )
        async with asyncio.timeout(30):
            while text_at(await self._once(0.2, command="ping"), "result") != "pong":
                pass  # it does not listen yet
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()
        await self._terminal.close()

    async def describe(self, command: str, **values: Value) -> str:
        """What it makes of a description, offered or answered."""
        async with self._one_by_one:
            reply = await self._once(command=command, **values)
        assert text_at(reply, "result") == "ok", (reply, self._terminal.printed[-2000:])
        return text_at(reply, "sdp")

    async def _once(self, patience_s: float = ANSWER_S, **values: Value) -> bytes:
        """Ask; nothing when no answer comes."""
        self._asked += 1
        cookie = b"%d " % self._asked
        named = {NAMES.get(key, key.replace("_", "-")): value for key, value in values.items()}
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(self._socket, cookie + encode(named), self._place)
        try:
            async with asyncio.timeout(patience_s):
                while not (data := await loop.sock_recv(self._socket, 65_536)).startswith(cookie):
                    pass
        except TimeoutError:
            return b""
        return data
