"""Drivers on any listeners, and a peer that speaks by hand over a stream."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from drivers.events import LineEvent, Ringing
from drivers.sip.auth import credentials
from drivers.sip.options import SipOptions, TrunkOptions
from tests.fakes.authority import Authority
from tests.fakes.sip_bench import OFFER

PEER_LIMIT_S = 10.0  # for a peer to connect, to be read, and to see its connection end
LOOPBACK_OFFER = OFFER.replace(b"192.0.2.9", b"127.0.0.1")
EVERY_LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The loop of the product; the conformance suite runs the same transports on asyncio's."""
    return uvloop.EventLoopPolicy()


OpenDriver = Callable[..., Awaitable]


@pytest.fixture
async def open_driver(make_running, tmp_path: Path) -> AsyncIterator[OpenDriver]:
    """Opens a driver on the named listeners; ``trunk`` and ``options`` change the usual ones."""
    opened = []

    async def start(*listen: str, trunk=None, **options):
        fields = {"name": "carrier", "addresses": EVERY_LOOPBACK, "max_calls": 40, **(trunk or {})}
        trunks = options.pop("trunks", (TrunkOptions(**fields),))
        made = make_running(SipOptions(listen=listen, trunks=trunks, **options), folder=tmp_path)
        opened.append(await made.open())
        return made

    yield start
    for one in opened:
        await one.close()


def answering(running):
    """Answers every call."""

    async def react(event: LineEvent) -> None:
        if isinstance(event, Ringing):
            await running.driver.line(event.line).answer()

    return react


def counted(running, name: str) -> int:
    return running.driver.counters().get(name, 0)


async def until(running, name: str, count: int = 1) -> None:
    """Wait until a counter has this value."""
    async with asyncio.timeout(10):
        while counted(running, name) < count:
            await asyncio.sleep(0.005)


class Peer:
    """Speaks SIP by hand; what carries the messages is the subclass's."""

    transport = "TCP"
    contact = "<sip:2001@127.0.0.1:5099;transport=tcp>"

    def __init__(self) -> None:
        self._branches = itertools.count(1)
        self.call_id = f"hand-{id(self)}"

    async def write(self, data: bytes) -> None:
        raise NotImplementedError

    async def read(self) -> str:
        """The next message."""
        raise NotImplementedError

    async def request(self, method: str, *, cseq: int = 1, to_tag: str = "", user: str = "1000",
                      headers: tuple[str, ...] = (), body: bytes = b"") -> None:  # fmt: skip
        tag = f";tag={to_tag}" if to_tag else ""
        lines = [
            f"{method} sip:{user}@pbx.test SIP/2.0",
            f"Via: SIP/2.0/{self.transport} df7jal23ls0d.invalid;"
            f"branch=z9hG4bKhand{id(self)}{next(self._branches)};rport",
            "Max-Forwards: 70",
            "From: <sip:2001@pbx.test>;tag=hand",
            f"To: <sip:{user}@pbx.test>{tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: {self.contact}",
            *headers,
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        await self.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def respond(self, request: str, status: int, body: bytes = b"") -> None:
        kept = [
            line
            for line in request.partition("\r\n\r\n")[0].split("\r\n")
            if line.partition(":")[0] in ("Via", "From", "Call-ID", "CSeq", "Record-Route")
        ]
        to = header(request, "To")
        if "tag=" not in to:
            to += ";tag=callee"
        lines = [f"SIP/2.0 {status} Whatever", *kept, f"To: {to}", f"Contact: {self.contact}"]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        await self.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def until(self, start: str) -> str:
        """The next message that begins so."""
        async with asyncio.timeout(5):
            while not (text := await self.read()).startswith(start):
                pass
        return text

    async def register(self, *, expires: int = 300, cseq: int = 1, password: str = "s3cret",
                       headers: tuple[str, ...] = ()) -> str:  # fmt: skip
        """Register station 2001; the final response."""
        more = (f"Expires: {expires}", *headers)
        await self.request("REGISTER", cseq=cseq, user="2001", headers=more)
        asked = header(await self.until("SIP/2.0 401"), "WWW-Authenticate")
        proof = f"Authorization: {self.proof(asked, 'REGISTER', '2001', password)}"
        await self.request("REGISTER", cseq=cseq + 1, user="2001", headers=(*more, proof))
        return await self.until("SIP/2.0 ")

    async def call(self) -> str:
        """Call and acknowledge, as a station with credentials; the 200."""
        await self.request("INVITE", body=LOOPBACK_OFFER)
        cseq = 1
        while (reply := await self.until("SIP/2.0 ")).startswith("SIP/2.0 1"):
            pass
        if reply.startswith("SIP/2.0 407"):
            asked = header(reply, "Proxy-Authenticate")
            proof = f"Proxy-Authorization: {self.proof(asked, 'INVITE', '1000')}"
            cseq = 2
            await self.request("INVITE", cseq=cseq, headers=(proof,), body=LOOPBACK_OFFER)
            reply = await self.until("SIP/2.0 200")
        assert reply.startswith("SIP/2.0 200"), reply
        await self.request("ACK", cseq=cseq, to_tag=tag_of(reply))
        return reply

    def proof(self, asked: str, method: str, user: str, password: str = "s3cret") -> str:
        """The answer to a challenge."""
        uri = f"sip:{user}@pbx.test"
        value = credentials(
            [asked], user="2001", password=password, method=method, uri=uri, cnonce="0a4f113b"
        )
        assert value is not None
        return value

    async def hang_up(self, ok: str, cseq: int = 3) -> None:
        await self.request("BYE", cseq=cseq, to_tag=tag_of(ok))
        await self.until("SIP/2.0 200")


class StreamPeer(Peer):
    """A peer on TCP or TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self.reader = reader
        self.writer = writer
        if writer.get_extra_info("ssl_object") is not None:
            self.transport = "TLS"

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1", **tls) -> "StreamPeer":
        async with asyncio.timeout(PEER_LIMIT_S):
            return cls(*await asyncio.open_connection(host, port, **tls))

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(PEER_LIMIT_S):
            await self.writer.drain()

    async def read(self) -> str:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        body = await self.reader.readexactly(int(header(head, "Content-Length")))
        return head + body.decode()

    async def is_closed(self) -> bool:
        """Wait for the driver to end the connection; False when it sends something instead."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read(1) == b""
            except OSError:
                return True

    async def close(self) -> None:
        self.writer.close()
        async with asyncio.timeout(PEER_LIMIT_S):
            with contextlib.suppress(OSError):
                await self.writer.wait_closed()


def header(text: str, name: str) -> str:
    """The first value of a header."""
    return text.partition(f"\r\n{name}: ")[2].partition("\r\n")[0]


def tag_of(text: str) -> str:
    return header(text, "To").partition("tag=")[2]
