"""Digest with a peer that computes it by itself: each algorithm and quality, over TLS and WS."""

import hashlib
import re
import ssl

import pytest
from websockets.asyncio.client import connect

from drivers.sip.auth import hash_secret
from drivers.sip.options import StationAccount
from drivers.sip.streams.tls import Certificate
from tests.drivers.sip.transport.conftest import Peer, StreamPeer, header

REALM = "hookflash"
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_PARAMETER = re.compile(r'(\w[\w-]*)=(?:"([^"]*)"|([^,\s]*))')


class Digester:
    """RFC 7616 3.4 from its formulas, sharing nothing with the driver."""

    def __init__(self, algorithm: str, quality: str) -> None:
        self.algorithm = algorithm
        self.quality = quality

    def answer(self, asked: str, method: str, uri: str, password: str, body: bytes = b"") -> str:
        """The Authorization value for a challenge."""
        given = {name: quoted or plain for name, quoted, plain in _PARAMETER.findall(asked)}
        assert given["algorithm"] == self.algorithm
        assert self.quality in given["qop"].split(",")
        nonce, count, own = given["nonce"], "00000001", "f00d"
        of = self._hash
        changed = f":{of(body)}" if self.quality == "auth-int" else ""
        a1 = of(f"2001:{given['realm']}:{password}".encode())
        a2 = of(f"{method}:{uri}{changed}".encode())
        response = of(f"{a1}:{nonce}:{count}:{own}:{self.quality}:{a2}".encode())
        return (
            f'Digest username="2001", realm="{given["realm"]}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm={self.algorithm}, qop={self.quality}, '
            f'nc={count}, cnonce="{own}"'
        )

    def _hash(self, data: bytes) -> str:
        return HASHES[self.algorithm](data).hexdigest()


async def secure(port: int, context: ssl.SSLContext) -> Peer:
    return await StreamPeer.connect(port, ssl=context)


class Page(Peer):
    """A page's softphone: one message in each WebSocket message."""

    transport = "WSS"
    contact = "<sip:2001@df7jal23ls0d.invalid;transport=ws>"

    @classmethod
    async def open(cls, port: int, context: ssl.SSLContext) -> "Page":
        made = cls()
        url = f"wss://127.0.0.1:{port}/sip"
        made.socket = await connect(url, subprotocols=["sip"], ssl=context)
        return made

    async def write(self, data: bytes) -> None:
        await self.socket.send(data.decode())

    async def read(self) -> str:
        return str(await self.socket.recv())

    async def close(self) -> None:
        await self.socket.close()


@pytest.fixture
async def meet(open_driver, authority):
    """A driver that asks for one algorithm and quality, and a peer connected to it."""
    peers = []

    async def start(kind: str, algorithm: str, quality: str):
        certificate, key = authority.issue("pbx", "127.0.0.1")
        running = await open_driver(
            f"{kind}:127.0.0.1:0",
            certificates=(Certificate(certificate=certificate, private_key=key),),
            trunks=(),
            digest_algorithms=(algorithm,),
            digest_qop=(quality,),
        )
        md5, sha = (hash_secret("2001", REALM, "s3cret", algorithm=one) for one in HASHES)
        running.driver.set_stations([StationAccount("2001", md5, sha)])
        opener = secure if kind == "tls" else Page.open
        peers.append(await opener(running.driver.port, authority.client()))
        return running, peers[-1]

    yield start
    for one in peers:
        await one.close()


@pytest.mark.parametrize("kind", ["tls", "wss"])
@pytest.mark.parametrize("quality", ["auth", "auth-int"])
@pytest.mark.parametrize("algorithm", sorted(HASHES))
async def test_register_and_call_of_a_peer_with_its_own_digest(
    meet, kind: str, algorithm: str, quality: str
) -> None:
    running, peer = await meet(kind, algorithm, quality)
    digester = Digester(algorithm, quality)
    await peer.request("REGISTER", user="2001")
    asked = header(await peer.until("SIP/2.0 401"), "WWW-Authenticate")
    for password, status in (("wrong", 401), ("s3cret", 200)):
        value = digester.answer(asked, "REGISTER", "sip:2001@pbx.test", password)
        await peer.request(
            "REGISTER", cseq=status, user="2001", headers=(f"Authorization: {value}",)
        )
        reply = await peer.until("SIP/2.0 ")
        assert reply.startswith(f"SIP/2.0 {status}"), reply
        asked = header(reply, "WWW-Authenticate")
    assert running.driver.reachable("2001")


@pytest.mark.parametrize("changed", [False, True])
async def test_body_is_protected_by_auth_int(meet, changed: bool) -> None:
    """A body other than the one that was signed is refused (RFC 7616 3.4.3)."""
    _, peer = await meet("tls", "SHA-256", "auth-int")
    digester, uri = Digester("SHA-256", "auth-int"), "sip:1000@pbx.test"
    signed = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    signed += b"m=audio 4000 RTP/AVP 8\r\n"
    await peer.request("INVITE", body=signed)
    asked = header(await peer.until("SIP/2.0 407"), "Proxy-Authenticate")
    value = digester.answer(asked, "INVITE", uri, "s3cret", signed)
    sent = signed.replace(b"4000", b"4002") if changed else signed
    await peer.request("INVITE", cseq=2, headers=(f"Proxy-Authorization: {value}",), body=sent)
    reply = await peer.until("SIP/2.0 ")
    assert reply.startswith("SIP/2.0 407" if changed else "SIP/2.0 1"), reply
