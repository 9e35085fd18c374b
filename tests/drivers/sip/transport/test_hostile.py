"""What strangers send on every transport: counted, ended with a reason, nothing raised."""

import asyncio
import random
import socket

import pytest

from drivers.api import LineId
from drivers.events import Ringing
from drivers.sip.streams.tls import Certificate
from tests.drivers.sip.transport.conftest import LOOPBACK_OFFER, StreamPeer, counted, header, until
from tests.fakes.sip_bench import request

SCAN = request("OPTIONS", headers=(("User-Agent", "friendly-scanner"),), via="127.0.0.1:5062")


def dgram() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


async def test_scanner_gets_silence_and_a_ban_in_the_file(open_driver, tmp_path) -> None:
    running = await open_driver("udp:127.0.0.1:0", trunks=(), bans_file="sip-bans.nft")
    with dgram() as sock:
        target = ("127.0.0.1", running.driver.port)
        sock.sendto(SCAN, target)
        await until(running, "scanner_dropped")
        sock.sendto(request("OPTIONS"), target)
        await until(running, "banned_dropped")
        with pytest.raises(BlockingIOError):
            sock.recv(2000)
    file = tmp_path / "sip-bans.nft"
    async with asyncio.timeout(5):
        while not (tmp_path / "sip-bans.nft.changed").exists():
            await asyncio.sleep(0.005)
    assert "add element inet hookflash sip_banned_v4 { 127.0.0.1 timeout 600s }" in file.read_text()
    assert counted(running, "sources_banned_now") == 1


async def test_banned_source_may_not_connect(open_driver) -> None:
    running = await open_driver("udp:127.0.0.1:0", "tcp:127.0.0.1:0", trunks=())
    with dgram() as sock:
        sock.sendto(SCAN, ("127.0.0.1", running.driver.port))
        await until(running, "sources_banned")
    peer = await StreamPeer.connect(running.driver.border.transports.places[1][2])
    assert await peer.is_closed()
    await until(running, "connection_refused")
    await peer.close()


async def test_scanner_over_tcp_loses_the_connection(open_driver) -> None:
    running = await open_driver("tcp:127.0.0.1:0", trunks=())
    peer = await StreamPeer.connect(running.driver.port)
    await peer.write(SCAN)
    assert await peer.is_closed()
    await until(running, "tcp_closed")
    await peer.close()


async def test_wrong_passwords_are_banned_and_a_registered_phone_is_not(open_driver) -> None:
    running = await open_driver("tcp:127.0.0.1:0", trunks=(), ban_after=4)
    phone = await StreamPeer.connect(running.driver.port)
    assert (await phone.register()).startswith("SIP/2.0 200")
    for number in range(6):  # its neighbour behind the same NAT has a wrong password
        other = await StreamPeer.connect(running.driver.port)
        other.call_id = f"other-{number}"
        assert (await other.register(password="guess")).startswith("SIP/2.0 401")
        await other.close()
    assert counted(running, "auth_wrong") == 6
    assert counted(running, "sources_banned") == 0
    await phone.register(expires=0, cseq=5)
    last = await StreamPeer.connect(running.driver.port)
    answers = []
    for number in range(4):
        last.call_id = f"last-{number}"
        answers.append((await last.register(password="guess"))[:11])
    # One account alone is refused there; the source is heard until several names fail.
    assert answers == ["SIP/2.0 401"] * 3 + ["SIP/2.0 503"]
    assert [entry.name for entry in running.driver.border.banned()] == ["2001 from 127.0.0.1"]
    await last.request("REGISTER", user="none")
    asked = header(await last.until("SIP/2.0 401"), "WWW-Authenticate")
    assert counted(running, "sources_banned") == 0
    for number in range(5):
        proof = last.proof(asked, "REGISTER", "none").replace('"2001"', f'"none-{number}"')
        last.call_id = f"none-{number}"
        await last.request("REGISTER", user="none", headers=(f"Authorization: {proof}",))
        await last.until("SIP/2.0 401")
    await until(running, "sources_banned")
    await last.request("OPTIONS")
    assert await last.is_closed()
    for one in (phone, last):
        await one.close()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("transport", ["tcp", "tls", "ws"])
async def test_bad_bytes_are_counted_and_end_the_connection(
    open_driver, authority, transport: str, seed: int
) -> None:
    certificate, key = authority.issue("pbx", "127.0.0.1")
    running = await open_driver(
        f"{transport}:127.0.0.1:0",
        certificates=(Certificate(certificate=certificate, private_key=key),),
        ban_after=0,
    )
    rng = random.Random(seed)
    tls = {"ssl": authority.client()} if transport == "tls" else {}
    for number in range(5):
        peer = await StreamPeer.connect(running.driver.port, **tls)
        for _ in range(3):
            # Never a line end: an HTTP or SIP head that does not end is another test.
            data = bytes(rng.choice(range(0x80, 0x100)) for _ in range(rng.randrange(1, 2000)))
            peer.writer.write(data + b"\r\n\r\n")
        assert await peer.is_closed()
        await until(running, "stream_broken", number + 1)
        await peer.close()
    assert not any(isinstance(one, Ringing) for one in running.told)


async def test_connection_in_the_middle_of_a_message_is_no_loss_for_others(open_driver) -> None:
    running = await open_driver("tcp:127.0.0.1:0")
    half = await StreamPeer.connect(running.driver.port)
    half.writer.write(request("INVITE", body=LOOPBACK_OFFER)[:100])
    whole = await StreamPeer.connect(running.driver.port)
    for cut in (1, 50, 200):
        data = request("OPTIONS", branch=f"c{cut}", call_id=f"c{cut}")
        whole.writer.write(data[:cut])
        await whole.writer.drain()
        await whole.write(data[cut:])
        await whole.until("SIP/2.0 200")
    await half.close()
    await whole.write(b"\r\n\r\n")
    async with asyncio.timeout(5):
        assert await whole.reader.readexactly(2) == b"\r\n"
    await whole.close()


async def test_connections_of_one_source_are_limited(open_driver) -> None:
    running = await open_driver("tcp:127.0.0.1:0", connections_per_source=3)
    peers = [await StreamPeer.connect(running.driver.port) for _ in range(5)]
    await until(running, "connection_refused", 2)
    assert counted(running, "tcp_accepted") == 3
    for peer in peers:
        await peer.close()


async def test_peer_that_does_not_read_loses_its_connection(open_driver) -> None:
    running = await open_driver("tcp:127.0.0.1:0")
    peer = await StreamPeer.connect(running.driver.port)
    peer.writer.transport.pause_reading()
    # Each request is answered, and its Vias come back with it.
    vias = "".join(f"Via: SIP/2.0/TCP h{n};branch=z9hG4bK{n}\r\n" for n in range(400))
    for number in range(2000):
        data = request("OPTIONS", branch=f"b{number}", call_id=f"c{number}")
        peer.writer.write(data.replace(b"Max-F", vias.encode() + b"Max-F", 1))
        await asyncio.sleep(0)
        if counted(running, "tcp_closed"):
            break
    await until(running, "tcp_closed")
    peer.writer.transport.abort()


async def test_calls_over_the_limit_get_503_and_when_to_come_again(open_driver) -> None:
    running = await open_driver("udp:127.0.0.1:0", new_calls_per_s=5.0)
    with dgram() as sock:
        loop = asyncio.get_running_loop()
        place = f"127.0.0.1:{sock.getsockname()[1]}"
        for number in range(20):
            data = request("INVITE", branch=f"i{number}", call_id=f"i{number}", via=place,
                           body=LOOPBACK_OFFER)  # fmt: skip
            sock.sendto(data, ("127.0.0.1", running.driver.port))
        refused = []
        async with asyncio.timeout(5):
            while len(refused) < 17:
                text = (await loop.sock_recv(sock, 65536)).decode()
                if text.startswith("SIP/2.0 503"):
                    refused.append(text)
    assert all("\r\nRetry-After: " in text for text in refused)
    await until(running, "received_invite", 20)
    taken = len([one for one in running.told if isinstance(one, Ringing)])
    assert 1 <= taken <= 3
    assert counted(running, "calls_over_limit") + taken == 20


async def test_silent_connection_is_closed_although_another_one_has_long_to_wait(
    open_driver, monkeypatch
) -> None:
    monkeypatch.setattr("drivers.sip.streams.flows.SILENT_LIMIT", 0.1)
    taken: asyncio.Queue[StreamPeer] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.put_nowait(StreamPeer(reader, writer))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    running = await open_driver("tcp:127.0.0.1:0", trunk={"target": target, "transport": "tcp"})
    await running.driver.line(LineId("carrier/1")).dial("5551234")
    carrier = await taken.get()
    await carrier.until("INVITE")
    silent = await StreamPeer.connect(running.driver.port)
    assert await silent.is_closed()
    assert counted(running, "connection_first_message") == 1
    for one in (silent, carrier):
        await one.close()
    server.close()
