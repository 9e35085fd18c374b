"""Certificates, drivers on any listeners, and a peer that speaks by hand over a stream."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drivers.events import LineEvent, Ringing
from drivers.sip.auth import credentials
from drivers.sip.options import SipOptions, TrunkOptions
from tests.fakes.sip_bench import OFFER

LOOPBACK_OFFER = OFFER.replace(b"192.0.2.9", b"127.0.0.1")
EVERY_LOOPBACK = ("127.0.0.0/8", "::1/128")


class Authority:
    """Signs certificates for one test."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        self._from, self._until = now - dt.timedelta(hours=1), now + dt.timedelta(1)
        made = self._builder(self._subject, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file = self._write(f"{name}.pem", made.sign(self._key, hashes.SHA256()))

    def issue(self, file: str, *names: str) -> tuple[str, str]:
        """Files of a certificate with these DNS names, addresses or sip: URIs, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file)])
        shown = x509.SubjectAlternativeName([_general_name(name) for name in names])
        made = self._builder(subject, key.public_key()).add_extension(shown, critical=False)
        certificate = self._write(f"{file}.crt", made.sign(self._key, hashes.SHA256()))
        secret = self.folder / f"{file}.key"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, secret.name

    def client(self, *own: str) -> ssl.SSLContext:
        """What a peer brings that trusts this authority; ``own`` are its certificate and key."""
        context = ssl.create_default_context(cafile=str(self.folder / self.file))
        if own:
            context.load_cert_chain(*(self.folder / name for name in own))
        return context

    def _builder(self, subject: x509.Name, key) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._from)
            .not_valid_after(self._until)
        )

    def _write(self, name: str, certificate: x509.Certificate) -> str:
        data = certificate.public_bytes(serialization.Encoding.PEM)
        (self.folder / name).write_bytes(data)
        return name


def _general_name(name: str) -> x509.GeneralName:
    if name.startswith("sip:"):
        return x509.UniformResourceIdentifier(name)
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


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

    async def register(self, *, expires: int = 300, cseq: int = 1, password: str = "s3cret") -> str:
        """Register station 2001; the final response."""
        expiry = f"Expires: {expires}"
        await self.request("REGISTER", cseq=cseq, user="2001", headers=(expiry,))
        asked = header(await self.until("SIP/2.0 401"), "WWW-Authenticate")
        proof = f"Authorization: {self.proof(asked, 'REGISTER', '2001', password)}"
        await self.request("REGISTER", cseq=cseq + 1, user="2001", headers=(expiry, proof))
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
        return cls(*await asyncio.open_connection(host, port, **tls))

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
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
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


def header(text: str, name: str) -> str:
    """The first value of a header."""
    return text.partition(f"\r\n{name}: ")[2].partition("\r\n")[0]


def tag_of(text: str) -> str:
    return header(text, "To").partition("tag=")[2]
