"""A SIP core with a peer that writes its messages by hand, and the player of transcripts."""

import random
import re
from pathlib import Path

from cython_ext.sip_wire import Message, parse
from drivers.events import Cause
from drivers.sip.auth import hash_secret
from drivers.sip.core.call import Call
from drivers.sip.core.endpoint import SipCore
from drivers.sip.core.happenings import Happening, Offered
from drivers.sip.options import SipOptions, StationAccount, TrunkOptions
from drivers.sip.transport.address import Address

TRUNK = Address("192.0.2.9", 5060)
PHONE = Address("198.51.100.7", 5062)
OPTIONS = SipOptions(
    listen="192.0.2.1",
    realm="pbx.example",
    expires_spread_percent=0,
    trunks=(
        TrunkOptions(
            name="carrier", addresses=("192.0.2.9",), target="192.0.2.9:5060", number="4930"
        ),
    ),
)
OFFER = (
    b"v=0\r\no=peer 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


class Bench:
    """A core, its journal, and a peer that writes its messages by hand."""

    def __init__(
        self, options: SipOptions = OPTIONS, *, seed: int = 1, start: float = 1000.0
    ) -> None:
        self.journal: list[tuple[str, bytes]] = []
        self.now = start
        self.calls: list[Call] = []
        self.core = SipCore(
            options,
            host=str(options.listen),
            port=options.port,
            rng=random.Random(seed),
            journal=lambda kind, payload: self.journal.append((kind, payload)),
            secret=b"secret",
        )

    def with_station(self, name: str = "2001", password: str = "s3cret") -> "Bench":
        account = StationAccount(
            name,
            hash_secret(name, "pbx.example", password),
            hash_secret(name, "pbx.example", password, algorithm="SHA-256"),
        )
        self.core.set_stations([account])
        return self

    def send(self, data: bytes, source: tuple[str, int] | Address = TRUNK) -> list[Message]:
        """Let the core receive a datagram; returns what it sends at once."""
        self.core.receive(data, Address(*source), self.now)
        return self.out()

    def pass_time(self, seconds: float) -> list[Message]:
        self.now += seconds
        self.core.advance(self.now)
        return self.out()

    def out(self) -> list[Message]:
        return [parse(data) for data, _ in self.core.take_out()]

    def happened(self) -> list[Happening]:
        found = self.core.take_happenings()
        self.calls += [one.call for one in found if isinstance(one, Offered)]
        return found

    def names(self) -> list[str]:
        return [type(one).__name__ for one in self.happened()]

    def offer_call(self, *, call_id: str = "c1", branch: str = "b1", body: bytes = OFFER) -> Call:
        """An INVITE of the trunk, ringing at our side."""
        self.send(request("INVITE", call_id=call_id, branch=branch, body=body))
        self.happened()
        call = self.calls[-1]
        self.core.ring(call)
        self.out()
        return call

    def talk(self, *, call_id: str = "c1", branch: str = "b1", body: bytes = OFFER) -> Call:
        """An inbound call that stands."""
        call = self.offer_call(call_id=call_id, branch=branch, body=body)
        assert self.core.accept(call, "192.0.2.1", 6000)
        self.out()
        self.send(request("ACK", call_id=call_id, branch=branch + "ack", to_tag=call.local_tag))
        self.happened()
        return call

    def dial(self, *, tell: bool = True) -> tuple[Call, Message]:
        """An outbound call to the trunk; returns it with its INVITE."""
        call = self.core.dial_trunk("carrier", "0301234", line="carrier/1", ani="4930123")
        self.core.services.timers.now = self.now
        self.core.start(call, name="Desk", host="192.0.2.1", port=6002)
        (invite,) = self.out()
        return call, invite


def request(
    method: str,
    *,
    call_id: str = "c1",
    branch: str = "b1",
    cseq: int = 1,
    to_tag: str = "",
    from_tag: str = "peer",
    uri: str = "sip:1000@192.0.2.1",
    contact: str = "<sip:peer@192.0.2.9:5060>",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    via: str = "192.0.2.9:5060",
) -> bytes:
    """A request of the peer."""
    to = "<sip:1000@192.0.2.1>" + (f";tag={to_tag}" if to_tag else "")
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {via};branch=z9hG4bK{branch};rport",
        "Max-Forwards: 70",
        f"From: Ann <sip:030555@192.0.2.9>;tag={from_tag}",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        f"Contact: {contact}",
    ]
    lines += [f"{name}: {value}" for name, value in headers]
    if body and not any(name == "Content-Type" for name, _ in headers):
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def response(
    to: Message,
    status: int,
    *,
    tag: str = "far",
    headers: tuple[tuple[str, str], ...] = (("Contact", "<sip:far@192.0.2.9:5060>"),),
    body: bytes = b"",
) -> bytes:
    """The peer's response to a request of the core."""
    to_value = to.header("To") or ""
    if tag and not to.to_tag:
        to_value += f";tag={tag}"
    lines = [
        f"SIP/2.0 {status} Whatever",
        f"Via: {to.header('Via')}",
        f"From: {to.header('From')}",
        f"To: {to_value}",
        f"Call-ID: {to.call_id}",
        f"CSeq: {to.cseq.number} {to.cseq.method}",
    ]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Transcript:
    """Plays a text file of ``<`` and ``>`` lines against a core.

    ``<`` lines are a datagram to the core (Content-Length is filled in), ``>`` lines one
    datagram it must send now: the first line and each header line must match, ``$name``
    takes or compares a value, ``*`` is anything. ``do`` gives a command, ``wait`` lets time
    pass, ``told`` names what the driver must be told, ``quiet`` that nothing is sent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bench = Bench().with_station()
        self.names: dict[str, str] = {}
        self.sent: list[Message] = []
        self.told: list[str] = []

    def play(self) -> None:
        lines = self.path.read_text().splitlines()
        at = 0
        while at < len(lines):
            line = lines[at]
            word, _, rest = line.partition(" ")
            if word in {"<", ">"}:
                end = at
                while end < len(lines) and lines[end][:1] == word:
                    end += 1
                block = [text[2:] for text in lines[at:end]]
                self._in(block) if word == "<" else self._expect(block, at + 1)
                at = end
                continue
            at += 1
            if word == "do":
                self._do(rest.split())
            elif word == "wait":
                self.sent += self.bench.pass_time(float(rest))
            elif word == "told":
                self._hear()
                assert self.told[:1] == [rest], f"{self.path.name}:{at}: told {self.told}"
                self.told.pop(0)
            elif word == "quiet":
                assert not self.sent, f"{self.path.name}:{at}: sent {self.sent}"
            else:
                assert not line or line.startswith("#"), f"{self.path.name}:{at}: {line!r}"
        self._hear()
        assert not self.sent, f"{self.path.name}: sent {self.sent} at the end"
        assert not self.told, f"{self.path.name}: told {self.told} at the end"

    def _in(self, block: list[str]) -> None:
        text = "\r\n".join(block)
        for name, value in self.names.items():
            text = text.replace(f"${name}", value)
        head, blank, body = text.partition("\r\n\r\n")
        body = body + "\r\n" if blank and body else ""
        data = f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        self.sent += self.bench.send(data)

    def _expect(self, block: list[str], number: int) -> None:
        place = f"{self.path.name}:{number}"
        assert self.sent, f"{place}: nothing was sent"
        message = self.sent.pop(0)
        text = message.raw.decode()
        head, _, body = text.partition("\r\n\r\n")
        first, *headers = head.split("\r\n")
        self._match([first], block[0], place)
        for pattern in block[1:]:
            if pattern:
                self._match(headers + body.split("\r\n"), pattern, place)

    def _match(self, lines: list[str], pattern: str, place: str) -> None:
        parts = []
        for piece in re.split(r"(\$\w+|\*)", pattern):
            if piece == "*":
                parts.append(".*")
            elif piece[:1] == "$" and piece[1:] in self.names:
                parts.append(re.escape(self.names[piece[1:]]))
            elif piece[:1] == "$":
                parts.append(f"(?P<{piece[1:]}>[^;,>\\s]+)")
            else:
                parts.append(re.escape(piece))
        wanted = re.compile("".join(parts) + r"\Z")
        for line in lines:
            found = wanted.match(line)
            if found:
                self.names |= found.groupdict()
                return
        raise AssertionError(f"{place}: no {pattern!r} in {lines}")

    def _do(self, words: list[str]) -> None:
        self._hear()
        bench, core = self.bench, self.bench.core
        core.services.timers.now = bench.now
        if words[0] == "dial":
            call = core.dial_trunk("carrier", words[1], line="carrier/1", ani="4930123")
            bench.calls.append(call)
            core.start(call, name="", host="192.0.2.1", port=6000)
        else:
            call = bench.calls[-1]
            if words[0] == "ring":
                core.ring(call)
            elif words[0] == "accept":
                assert core.accept(call, "192.0.2.1", 6000)
            elif words[0] == "release":
                core.release(call, Cause[words[1]])
            elif words[0] in {"hold", "retrieve"}:
                core.set_hold(call, hold=words[0] == "hold")
            else:
                raise AssertionError(words)
        self.sent += bench.out()

    def _hear(self) -> None:
        for one in self.bench.happened():
            text = type(one).__name__
            for field in ("cause", "tone", "key", "held"):
                value = getattr(one, field, None)
                if value is not None:
                    text += f" {value.name if isinstance(value, Cause) else value}"
            self.told.append(text)
