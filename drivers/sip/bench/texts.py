"""The messages of the benchmark's callers, as plain templates."""

import os
import re
from typing import Final

RUN: Final = os.getpid()
"""In every Call-ID and branch: what an earlier run left behind must not absorb this one."""
CALLED: Final = "1000"
"""The number that is called."""
_NUMBER: Final = re.compile(rb"\r\nCall-ID: bench-%d-(\d+)\r\n" % RUN)
_TO: Final = re.compile(rb"\r\nTo: ([^\r]*)\r\n")
_AUDIO: Final = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)


def invite(number: int, transport: str) -> bytes:
    """The INVITE of a call."""
    more = f"Contact: <sip:bench@127.0.0.1:5099;transport={transport}>\r\n"
    more += "Content-Type: application/sdp\r\n"
    to = f"<sip:{CALLED}@127.0.0.1>"
    return _request("INVITE", number, transport, to=to, branch="i", cseq=1, more=more, body=_AUDIO)


def ack_of(number: int, transport: str, answer: bytes, *, success: bool) -> bytes:
    """The ACK of a final response."""
    branch = "a" if success else "i"
    return _request("ACK", number, transport, to=_to(answer), branch=branch, cseq=1)


def bye_of(number: int, transport: str, ok: bytes) -> bytes:
    """The BYE of a call that was answered so."""
    return _request("BYE", number, transport, to=_to(ok), branch="b", cseq=2)


def status_of(data: bytes) -> int:
    """Status of a response; 0 for anything else."""
    return int(data[8:11]) if data[:8] == b"SIP/2.0 " and data[8:11].isdigit() else 0


def number_of(data: bytes) -> int:
    """Which call a message belongs to; -1 for none of ours."""
    found = _NUMBER.search(data)
    return int(found[1]) if found else -1


def _to(answer: bytes) -> str:
    found = _TO.search(answer)
    return found[1].decode() if found else ""


def _request(
    method: str, number: int, transport: str, *, to: str, branch: str, cseq: int,
    more: str = "", body: str = "",
) -> bytes:  # fmt: skip
    return (
        f"{method} sip:{CALLED}@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport.upper()} 127.0.0.1:5099;rport;branch=z9hG4bK{RUN}x{number}{branch}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:5550100@127.0.0.1>;tag=f{number}\r\nTo: {to}\r\n"
        f"Call-ID: bench-{RUN}-{number}\r\nCSeq: {cseq} {method}\r\n"
        f"{more}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
