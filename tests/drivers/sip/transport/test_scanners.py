"""The tools of sipvicious and its kin: not one octet comes back, over any transport."""

import asyncio
import itertools
import socket

import pytest

from tests.drivers.sip.transport.conftest import StreamPeer, counted, until

# How the tools write their messages; what varies from run to run is of one run.
SVMAP = """\
OPTIONS sip:100@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.1.1:5060;branch=z9hG4bK-3405981341;rport
Max-Forwards: 70
To: "sipvicious"<sip:100@1.1.1.1>
From: "sipvicious"<sip:100@1.1.1.1>;tag=6337303030303031313363340132313132353730323938
User-Agent: friendly-scanner
Call-ID: 754291838402849202918291
Contact: sip:100@127.0.1.1:5060
CSeq: 1 OPTIONS
Accept: application/sdp
Content-Length: 0

"""
SVWAR = """\
REGISTER sip:127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.1.1:5061;branch=z9hG4bK-1912323;rport
Content-Length: 0
From: "3735" <sip:3735@127.0.0.1>; tag=3337333501363432
Accept: application/sdp
User-Agent: friendly-scanner
To: "3735" <sip:3735@127.0.0.1>
Contact: sip:123@1.1.1.1
CSeq: 1 REGISTER
Call-ID: 2519202928
Max-Forwards: 70

"""
SVCRACK = SVWAR.replace("Content-Length", 'Authorization: Digest username="3735",realm="hookflash",'
                        'nonce="1",uri="sip:127.0.0.1",response="0"\nContent-Length')  # fmt: skip
DISGUISED = SVMAP.replace("friendly-scanner", "Cisco-SIPGateway/IOS-12.x")
SIPCLI = """\
INVITE sip:00972592@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 203.0.113.5:5071;branch=z9hG4bK-1
From: <sip:1000@127.0.0.1>;tag=x
To: <sip:00972592@127.0.0.1>
Call-ID: 1
CSeq: 1 INVITE
Contact: <sip:1000@203.0.113.5:5071>
Max-Forwards: 70
user-agent:sipcli/v1.8
Content-Length: 0

"""
PATTERNS = {
    "svmap": SVMAP,
    "svwar": SVWAR,
    "svwar-invite": SVWAR.replace("REGISTER", "INVITE"),
    "svwar-options": SVWAR.replace("REGISTER", "OPTIONS"),
    "svcrack": SVCRACK,
    "disguised": DISGUISED,
    "sipcli": SIPCLI,
    "sundayddr": SVMAP.replace("friendly-scanner", "sundayddr").replace("sipvicious", "x"),
    "request": SVMAP.replace("friendly-scanner", "Friendly-Request").replace("sipvicious", "x"),
}
_hosts = itertools.count(50)


def sent(pattern: str) -> bytes:
    return PATTERNS[pattern].replace("\n", "\r\n").encode()


async def test_every_pattern_gets_silence_over_udp(open_driver) -> None:
    running = await open_driver("udp:127.0.0.1:0", trunks=())
    socks = []
    for number, pattern in enumerate(PATTERNS, 1):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((f"127.0.0.{next(_hosts)}", 0))
        sock.connect(("127.0.0.1", running.driver.port))
        sock.setblocking(False)
        socks.append(sock)
        sock.send(sent(pattern))
        await until(running, "scanner_dropped", number)
        sock.send(sent("svmap").replace(b"friendly-scanner", b"x").replace(b"sipvicious", b"x"))
        await until(running, "banned_dropped", number)  # the next one is not even looked at
    for sock in socks:
        with pytest.raises(BlockingIOError):
            sock.recv(2000)
        sock.close()
    assert {name for name in running.driver.counters() if name.startswith("sent_")} == set()
    assert counted(running, "sources_banned_now") == len(PATTERNS)


@pytest.mark.parametrize("pattern", ["svmap", "svcrack", "disguised"])
async def test_pattern_over_a_connection_ends_it_without_a_word(open_driver, pattern: str) -> None:
    running = await open_driver("tcp:127.0.0.1:0", trunks=())
    reader, writer = await asyncio.open_connection("127.0.0.1", running.driver.port)
    writer.write(sent(pattern).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP"))
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    again = await StreamPeer.connect(running.driver.port)
    assert await again.is_closed()
    await again.close()
