"""SIP and SDP as text, as little as a plain phone needs; nothing of it is the driver's."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

NAMES: Final = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
    "c": "content-type",
}  # fmt: skip
CODECS: Final = {8: "PCMA", 0: "PCMU"}
Address = tuple[str, int]
MIRROR: Final = {"sendonly": "recvonly", "recvonly": "sendonly"}


@dataclass(frozen=True)
class Packet:
    """One SIP message as text: start line, headers with names in lower case, body."""

    first: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Split a datagram; anything goes, what is missing is empty."""
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        first, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        pairs = (line.partition(":")[::2] for line in lines)
        named = ((name.strip().lower(), value.strip()) for name, value in pairs)
        return cls(first, tuple((NAMES.get(name, name), value) for name, value in named), body)

    def get(self, name: str) -> str:
        """The first header of a name, empty when there is none."""
        return next((value for found, value in self.headers if found == name), "")

    def all(self, name: str) -> list[str]:
        """Every header line of a name."""
        return [value for found, value in self.headers if found == name]

    @property
    def status(self) -> int:
        """The status of a response, 0 for a request."""
        match = re.match(r"SIP/2\.0 (\d{3})", self.first)
        return int(match[1]) if match else 0

    @property
    def method(self) -> str:
        """The method of the request, or of the request that is answered."""
        return self.get("cseq").partition(" ")[2].strip()

    @property
    def number(self) -> int:
        """The number in CSeq."""
        match = re.match(r"\d{1,10}\b", self.get("cseq"))
        return int(match[0]) if match else 0

    @property
    def branch(self) -> str:
        """The branch of the top Via."""
        return parameter(self.get("via"), "branch")


@dataclass(frozen=True)
class Media:
    """One side of the audio: where it listens and what it wants."""

    host: str
    port: int
    payload_type: int = 8
    dtmf_payload_type: int | None = 101
    direction: str = "sendrecv"

    def offer(self, version: int) -> str:
        """An offer of A-law, mu-law and keys, the preferred one first."""
        order = [self.payload_type, *(code for code in CODECS if code != self.payload_type)]
        return self._describe(order, version)

    def answer(self, offered: "Media", version: int) -> tuple["Media", str]:
        """What we take of an offer, as a value and as text."""
        taken = replace(
            self,
            payload_type=offered.payload_type,
            dtmf_payload_type=offered.dtmf_payload_type,
            direction=MIRROR.get(offered.direction, offered.direction),
        )
        return taken, taken._describe([taken.payload_type], version)

    def _describe(self, order: Sequence[int], version: int) -> str:
        dtmf = self.dtmf_payload_type
        lines = [
            "v=0", f"o=- 1 {version} IN IP4 {self.host}", "s=-", f"c=IN IP4 {self.host}", "t=0 0",
            f"m=audio {self.port} RTP/AVP {' '.join(map(str, order))}{f' {dtmf}' if dtmf else ''}",
            *(f"a=rtpmap:{code} {CODECS[code]}/8000" for code in order),
        ]  # fmt: skip
        if dtmf:
            lines += [f"a=rtpmap:{dtmf} telephone-event/8000", f"a=fmtp:{dtmf} 0-15"]
        return "\r\n".join([*lines, "a=ptime:20", f"a={self.direction}", ""])

    @classmethod
    def read(cls, body: str) -> "Media | None":
        """The audio of a session description; None when we cannot take part in it."""
        audio = re.search(r"^m=audio (\d+) RTP/AVP ([\d ]+)", body, re.MULTILINE)
        host = re.search(r"^c=IN IP4 (\S+)", body, re.MULTILINE)
        if audio is None or host is None:
            return None
        payload = next((int(code) for code in audio[2].split() if int(code) in CODECS), None)
        if payload is None:
            return None
        dtmf = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", body, re.MULTILINE)
        found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", body, re.MULTILINE)
        return cls(
            host[1], int(audio[1]), payload, int(dtmf[1]) if dtmf else None,
            found[1] if found else "sendrecv",
        )  # fmt: skip


def parameter(value: str, name: str) -> str:
    """A header parameter behind the address, empty when there is none."""
    match = re.search(rf";\s*{name}\s*=\s*([^;,\s]+)", value.rpartition(">")[2] or value)
    return match[1] if match else ""


def uri_of(value: str) -> str:
    """The URI of a name-addr."""
    match = re.search(r"<([^>]*)>", value)
    return match[1] if match else value.partition(";")[0].strip()


def digest(challenge: str, *, user: str, password: str, method: str, uri: str, cnonce: str) -> str:
    """Credentials that answer a challenge (RFC 7616), MD5 or SHA-256, with or without qop."""
    pattern = r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))'
    given = {
        name.lower(): quoted or plain for name, quoted, plain in re.findall(pattern, challenge)
    }
    algorithm = given.get("algorithm", "MD5").upper()
    kind = "sha256" if algorithm == "SHA-256" else "md5"

    def hashed(*parts: str) -> str:
        return hashlib.new(kind, ":".join(parts).encode()).hexdigest()

    one, two = hashed(user, given["realm"], password), hashed(method, uri)
    qop = "auth" in given.get("qop", "").split(",")
    middle = ["00000001", cnonce, "auth"] if qop else []
    response = hashed(one, given["nonce"], *middle, two)
    extra = f', qop=auth, nc=00000001, cnonce="{cnonce}"' if qop else ""
    opaque = f', opaque="{given["opaque"]}"' if "opaque" in given else ""
    return (
        f'Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
        f'uri="{uri}", response="{response}", algorithm={algorithm}{extra}{opaque}'
    )
