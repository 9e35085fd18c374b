"""The benchmark's own called party: ``python -m drivers.sip.bench.answering``.

A process of its own. It says the port of its UDP socket, answers every INVITE with 180 and 200
and every BYE with 200, and ends with its standard input. A repeated request is answered again.
"""

import asyncio
import re
import sys
from typing import Final

import uvloop

_ECHOED: Final = re.compile(rb"\r\n((?:Via|From|Call-ID|CSeq): [^\r]*)(?=\r\n)")
_TO: Final = re.compile(rb"\r\n(To: [^\r]*)(?=\r\n)")
_AUDIO: Final = (
    b"v=0\r\no=- 7 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


class CalledParty(asyncio.DatagramProtocol):
    """Answers whoever calls."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; uvloop's is no DatagramTransport by class."""
        self._transport = transport  # type: ignore[assignment]
        self._port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one request."""
        for answer in answers(data, self._port):
            if self._transport is not None:
                self._transport.sendto(answer, addr)


def answers(request: bytes, port: int) -> list[bytes]:
    """What a request is answered with by who listens at ``port`` of the loopback."""
    if request.startswith(b"INVITE "):
        return [
            _response(b"180 Ringing", request, b"", port),
            _response(b"200 OK", request, _AUDIO, port),
        ]
    return [_response(b"200 OK", request, b"", port)] if request.startswith(b"BYE ") else []


def _response(status: bytes, request: bytes, body: bytes, port: int) -> bytes:
    head = request.partition(b"\r\n\r\n")[0] + b"\r\n"
    to = _TO.search(head)
    lines = [b"SIP/2.0 " + status, *_ECHOED.findall(head)]
    if to is not None:
        lines.append(to[1] if b";tag=" in to[1] else to[1] + b";tag=called")
    if not request.startswith(b"BYE "):
        lines.append(b"Contact: <sip:called@127.0.0.1:%d>" % port)
    if body:
        lines.append(b"Content-Type: application/sdp")
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def _main() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(CalledParty, local_addr=("127.0.0.1", 0))
    sys.stdout.write(f"{transport.get_extra_info('sockname')[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    transport.close()


if __name__ == "__main__":
    uvloop.run(_main())
