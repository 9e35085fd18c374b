"""How long the parser takes: ``python -m cython_ext.sip_wire.bench``.

Prints microseconds of processor time a message for both implementations and their ratio.
The message is an INVITE of 831 bytes with a session description.
"""

import sys
import time
from collections.abc import Callable
from typing import Final

from cython_ext.sip_wire import _sip_wire, oracle

_HEAD: Final = (
    "INVITE sip:5551000@203.0.113.7:5060 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.51.100.20:5060;rport;branch=z9hG4bKPj3c0f9ad1b5c84f1a\r\n"
    "Max-Forwards: 70\r\n"
    'From: "Chen Li" <sip:2145551212@carrier.example>;tag=7f0c1d9b5e\r\n'
    "To: <sip:5551000@203.0.113.7>\r\n"
    "Contact: <sip:2145551212@198.51.100.20:5060;transport=udp>\r\n"
    "Call-ID: 9d1b7c20-55aa-4e0f-8a51-2f6c7d1b0e44\r\n"
    "CSeq: 24817 INVITE\r\n"
    "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK, REFER, NOTIFY\r\n"
    "Supported: replaces, 100rel, timer, norefersub\r\n"
    "Session-Expires: 1800\r\n"
    "User-Agent: Carrier-Gateway/4.2\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: {length}\r\n\r\n"
)
_BODY: Final = (
    "v=0\r\no=- 3900000001 3900000001 IN IP4 198.51.100.20\r\ns=call\r\n"
    "c=IN IP4 198.51.100.20\r\nt=0 0\r\nm=audio 17384 RTP/AVP 8 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
)
ROUNDS: Final = 40_000
_SIZE: Final = 831


def message() -> bytes:
    """Return the INVITE, filled up to its size with one more session attribute."""
    bare = len(_HEAD.format(length=100)) + len(_BODY)
    body = _BODY + "a=x-pad:" + "0" * (_SIZE - bare - 10) + "\r\n"
    return (_HEAD.format(length=len(body)) + body).encode()


def microseconds(work: Callable[[bytes], object], rounds: int) -> float:
    """Return the best of five passes, in microseconds of processor time a round."""
    data = message()
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        for _ in range(rounds):
            work(data)
        best = min(best, (time.process_time() - begin) / rounds * 1e6)
    return best


def _touch(parse: Callable[[bytes], _sip_wire.Message | oracle.Message], data: bytes) -> object:
    found = parse(data)
    return (found.call_id, found.from_tag, found.to_tag, found.cseq, found.top_via, found.method)


def main() -> None:
    """Measure both implementations and write the table."""
    rows = (
        ("parse", _sip_wire.parse, oracle.parse),
        (
            "parse and read",
            lambda data: _touch(_sip_wire.parse, data),
            lambda data: _touch(oracle.parse, data),
        ),
    )
    sys.stdout.write(f"{len(message())} bytes\n{'':16}compiled us  oracle us  ratio\n")
    for name, compiled, plain in rows:
        quick = microseconds(compiled, ROUNDS)
        slow = microseconds(plain, ROUNDS // 20)
        sys.stdout.write(f"{name:16}{quick:11.2f}{slow:11.1f}{slow / quick:7.1f}\n")


if __name__ == "__main__":
    main()
