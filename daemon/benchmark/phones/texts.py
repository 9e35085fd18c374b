"""What the benchmark's telephones say: SIP by plain templates, no code of the driver in them."""

import hashlib
import os
import re
import struct
from collections.abc import Mapping
from typing import Final

RUN: Final = f"{os.getpid():x}"
"""In every Call-ID and branch: what an earlier run left behind must not absorb this one."""
HOST: Final = "127.0.0.1"
_LINE: Final = re.compile(r"^([A-Za-z-]+): *(.*)$", re.MULTILINE)
_AUDIO_AT: Final = re.compile(r"^m=audio (\d+) ", re.MULTILINE)
_KEYS: Final = "0123456789*#ABCD"
_DIGEST: Final = re.compile(r'(realm|nonce)="([^"]*)"')
KEY_PACKETS: Final = 5  # of 20 ms, and the last one twice more (RFC 4733 2.5.1.4)
KEY_TYPE: Final = 101


class Message:
    """A message that came in: first line, headers, body."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.decode("utf-8", "replace").replace("\r", "").partition("\n\n")
        self.first, _, rest = head.partition("\n")
        self.headers: dict[str, str] = {}
        self.vias: list[str] = []
        for name, value in _LINE.findall(rest):
            if name == "Via":
                self.vias.append(value)
            else:
                self.headers.setdefault(name, value)

    @property
    def status(self) -> int:
        """Status of a response; 0 for a request."""
        return int(self.first.split(" ", 2)[1]) if self.first.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Method of the request, or of the one that is answered."""
        return self.headers["CSeq"].split()[-1]

    @property
    def user(self) -> str:
        """User part of the request's address."""
        return self.first.split(" ")[1].removeprefix("sip:").partition("@")[0]

    @property
    def target(self) -> str:
        """Address in Contact."""
        return self.headers["Contact"].partition("<")[2].partition(">")[0]

    @property
    def audio_port(self) -> int:
        """Where the other side wants its audio; 0 when it does not say."""
        found = _AUDIO_AT.search(self.body)
        return int(found[1]) if found else 0


def audio(port: int) -> str:
    """An offer, and as good as an answer."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8 {KEY_TYPE}\r\na=rtpmap:8 PCMA/8000\r\n"
        f"a=rtpmap:{KEY_TYPE} telephone-event/8000\r\na=fmtp:{KEY_TYPE} 0-15\r\n"
    )


def request(
    method: str, target: str, *, call: str, cseq: int, sender: str, to: str, port: int,
    more: Mapping[str, str] | None = None, body: str = "",
) -> bytes:  # fmt: skip
    """A request; ``sender`` and ``to`` are From and To, ``port`` is ours."""
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: SIP/2.0/UDP {HOST}:{port};rport;branch=z9hG4bK{call}.{cseq}{method}",
        "Max-Forwards: 70",
        f"From: {sender}",
        f"To: {to}",
        f"Call-ID: {call}",
        f"CSeq: {cseq} {method}",
        *(f"{name}: {value}" for name, value in (more or {}).items()),
    ]
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def response(asked: Message, status: str, *, tag: str = "", contact: str = "", body: str = "") -> bytes:  # fmt: skip
    """A response; ``tag`` is put behind To when it has none."""
    to = asked.headers["To"]
    lines = [f"SIP/2.0 {status}", *(f"Via: {via}" for via in asked.vias)]
    lines += [f"From: {asked.headers['From']}"]
    lines += [f"To: {to}" if ";tag=" in to or not tag else f"To: {to};tag={tag}"]
    lines += [f"{name}: {asked.headers[name]}" for name in ("Call-ID", "CSeq")]
    if contact:
        lines.append(f"Contact: <{contact}>")
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def proof(challenge: str, *, user: str, password: str, method: str, uri: str) -> str:
    """Value of Authorization: digest with MD5 and qop auth (RFC 7616)."""
    told = dict(_DIGEST.findall(challenge))
    first = _md5(f"{user}:{told['realm']}:{password}")
    count, cnonce = "00000001", "0a4f113b"
    answer = _md5(f"{first}:{told['nonce']}:{count}:{cnonce}:auth:{_md5(f'{method}:{uri}')}")
    return (
        f'Digest username="{user}", realm="{told["realm"]}", nonce="{told["nonce"]}", '
        f'uri="{uri}", algorithm=MD5, qop=auth, nc={count}, cnonce="{cnonce}", response="{answer}"'
    )


def key_packets(key: str, *, sequence: int, timestamp: int, ssrc: int) -> list[bytes]:
    """The packets of one key, 20 ms apart."""
    packets = []
    for number in range(KEY_PACKETS + 2):
        ended = 0x80 if number >= KEY_PACKETS - 1 else 0
        duration = 160 * min(number + 1, KEY_PACKETS)
        marker = 0x80 if number == 0 else 0
        head = struct.pack(
            "!BBHII", 0x80, marker | KEY_TYPE, (sequence + number) & 0xFFFF, timestamp, ssrc
        )
        packets.append(head + struct.pack("!BBH", _KEYS.index(key), ended | 10, duration))
    return packets


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
