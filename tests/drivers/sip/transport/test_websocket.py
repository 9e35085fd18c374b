"""SIP over WebSocket: the codec in any cut, and the `websockets` library as the client."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from drivers.events import Answered, Cause, Held, Released, Ringing, StationDown, StationUp
from drivers.sip.streams.tls import Certificate
from drivers.sip.streams.websocket import MAX_HANDSHAKE, WebSocketCodec
from tests.drivers.sip.transport.conftest import (
    LOOPBACK_OFFER,
    PEER_LIMIT_S,
    Peer,
    answering,
    counted,
    header,
    tag_of,
    until,
)
from tests.fakes.sip_bench import request

MESSAGE = request("OPTIONS")


def client(*, subprotocol: str = "sip", path: str = "/sip") -> ClientProtocol:
    """A client in mid-handshake; its request waits in ``data_to_send``."""
    made = ClientProtocol(parse_uri(f"ws://pbx.test{path}"), subprotocols=[subprotocol])
    made.send_request(made.connect())
    return made


def said(protocol: ClientProtocol) -> bytes:
    return b"".join(protocol.data_to_send())


def opened(codec: WebSocketCodec) -> ClientProtocol:
    made = client()
    assert codec.receive(said(made)) == []
    made.receive_data(codec.take_output())
    made.events_received()
    assert codec.is_open
    return made


def dialogue() -> bytes:
    """What a client sends: text, binary, ping, a message in three frames, an empty one."""
    random.seed(5)
    codec = WebSocketCodec()
    made = opened(codec)
    made.send_text(MESSAGE)
    made.send_binary(MESSAGE)
    made.send_ping(b"x")
    made.send_text(MESSAGE[:40], fin=False)
    made.send_continuation(MESSAGE[40:90], fin=False)
    made.send_ping(b"y")
    made.send_continuation(MESSAGE[90:], fin=True)
    made.send_text(b"")
    made.send_text(b"\r\n\r\n")
    return said(made)


FRAMES = dialogue()


@given(st.lists(st.integers(0, len(FRAMES)), max_size=10))
def test_messages_come_out_whole_in_any_cut(cuts: list[int]) -> None:
    codec = WebSocketCodec(path="/sip")
    opened(codec)
    places = sorted({0, *cuts, len(FRAMES)})
    found: list[bytes] = []
    for start, end in zip(places, places[1:], strict=False):  # noqa: RUF007
        found += codec.receive(FRAMES[start:end])
    assert found == [MESSAGE] * 3
    assert (codec.broken, codec.ended) == ("", False)
    assert codec.take_output().count(b"\x8a\x01") == 2  # both pings were answered


def test_byte_by_byte_from_the_handshake_on() -> None:
    made, codec = client(), WebSocketCodec(path="/sip")
    for byte in said(made):
        assert codec.receive(bytes([byte])) == []
    answer = codec.take_output()
    assert answer.startswith(b"HTTP/1.1 101")
    assert b"Sec-WebSocket-Protocol: sip\r\n" in answer
    found = [one for byte in FRAMES for one in codec.receive(bytes([byte]))]
    assert found == [MESSAGE] * 3


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise(data: bytes, in_handshake: bool) -> None:
    codec = WebSocketCodec()
    if not in_handshake:
        opened(codec)
    codec.receive(data)
    codec.take_output()
    codec.receive(data)


@pytest.mark.parametrize(
    ("handshake", "status"),
    [
        (said(client(path="/other")), b"404"),
        (said(client(subprotocol="chat")), b"400"),
        (b"GET /sip HTTP/1.1\r\nHost: pbx.test\r\nSec-WebSocket-Protocol: sip\r\n\r\n", b"426"),
    ],
)
def test_handshake_without_what_it_needs_is_refused(handshake: bytes, status: bytes) -> None:
    codec = WebSocketCodec(path="/sip")
    codec.receive(handshake)
    assert codec.take_output().startswith(b"HTTP/1.1 " + status)
    assert codec.broken == f"handshake refused with {status.decode()}"
    assert codec.receive(MESSAGE) == []


def test_page_of_another_origin_is_refused() -> None:
    codec = WebSocketCodec(origins=("https://console.test",))
    made = client()
    codec.receive(said(made).replace(b"\r\n\r\n", b"\r\nOrigin: https://evil.test\r\n\r\n"))
    assert codec.take_output().startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("data", [b"\x00" * 20, b"OPTIONS sip:a SIP/2.0\r\n\r\n"])
def test_what_is_no_handshake_ends_the_connection(data: bytes) -> None:
    codec = WebSocketCodec()
    codec.receive(data)
    codec.receive(b"\r\n\r\n")
    assert codec.broken


def test_handshake_that_never_ends_is_given_up() -> None:
    codec = WebSocketCodec()
    for _ in range(MAX_HANDSHAKE // 500 + 1):
        codec.receive(b"X" * 500)
    assert codec.broken


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.TEXT, b"x" * 200_000).serialize(mask=True),
        Frame(Opcode.TEXT, MESSAGE).serialize(mask=False),
        Frame(Opcode.CONT, MESSAGE).serialize(mask=True),
        b"\x83\x80mask",
    ],
)
def test_frame_that_is_too_long_or_wrong_ends_the_connection(frame: bytes) -> None:
    codec = WebSocketCodec()
    opened(codec)
    assert codec.receive(frame) == []
    assert codec.broken.startswith("WebSocket: ")
    assert codec.encode(MESSAGE) == b""


def test_goodbye_is_no_fault() -> None:
    codec = WebSocketCodec()
    made = opened(codec)
    made.send_close(1000)
    codec.receive(said(made))
    assert (codec.broken, codec.ended) == ("", True)


def test_our_goodbye_and_ping() -> None:
    codec = WebSocketCodec()
    assert (codec.ping(), codec.farewell(), codec.encode(MESSAGE)) == (b"", b"", b"")
    made = opened(codec)
    made.receive_data(codec.ping())
    codec.receive(said(made))
    assert codec.answers == 1
    made.receive_data(codec.encode(MESSAGE))
    made.receive_data(codec.encode(b"OPTIONS \xff"))
    frames = [event for event in made.events_received() if isinstance(event, Frame)]
    assert [(one.opcode, bytes(one.data)) for one in frames[-2:]] == [
        (Opcode.TEXT, MESSAGE),
        (Opcode.BINARY, b"OPTIONS \xff"),
    ]
    made.receive_data(codec.farewell())
    assert made.close_rcvd is not None
    assert made.close_rcvd.code == 1001


# Live, with the client of the library


class Browser(Peer):
    """A softphone in a browser, as far as SIP knows it."""

    transport = "WS"
    contact = "<sip:2001@df7jal23ls0d.invalid;transport=ws>"

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self.socket = socket

    @classmethod
    async def open(cls, port: int, scheme: str = "ws", **more) -> "Browser":
        uri = f"{scheme}://127.0.0.1:{port}/sip"
        async with asyncio.timeout(PEER_LIMIT_S):
            return cls(await connect(uri, subprotocols=["sip"], **more))

    async def write(self, data: bytes) -> None:
        async with asyncio.timeout(PEER_LIMIT_S):
            await self.socket.send(data.decode())

    async def read(self) -> str:
        text = await self.socket.recv()
        assert isinstance(text, str)
        return text

    async def close(self) -> None:
        async with asyncio.timeout(PEER_LIMIT_S):
            await self.socket.close()


async def test_browser_registers_calls_and_is_called_back(open_driver) -> None:
    running = await open_driver("ws:127.0.0.1:0", trunks=(), browsers=False)
    running.react = answering(running)
    phone = await Browser.open(running.driver.port)
    assert phone.socket.subprotocol == "sip"
    assert (await phone.register()).startswith("SIP/2.0 200")
    assert (await running.wait_for(StationUp)).station == "2001"
    phone.call_id += "-call"
    ok = await phone.call()
    assert header(ok, "Contact").startswith(f"<sip:127.0.0.1:{running.driver.port};transport=ws>")
    await running.wait_for(Answered)
    await phone.hang_up(ok)
    assert (await running.wait_for(Released)).cause is Cause.NORMAL

    line = running.driver.station_line("2001")
    await line.dial("", ani="5550100")
    invite = await phone.until("INVITE")
    assert header(invite, "Via").startswith(f"SIP/2.0/WS 127.0.0.1:{running.driver.port};")
    await phone.respond(invite, 200, LOOPBACK_OFFER)
    await phone.until("ACK")
    await running.wait_for(Answered, 2)
    await line.release()
    await phone.respond(await phone.until("BYE"), 200)
    await running.wait_for(Released, 2)
    await phone.close()
    assert (await running.wait_for(StationDown)).reason == "connection lost"


async def test_browser_over_secure_websocket(open_driver, authority) -> None:
    certificate, key = authority.issue("pbx", "127.0.0.1")
    running = await open_driver(
        "wss:127.0.0.1:0",
        certificates=(Certificate(certificate=certificate, private_key=key),),
        trunks=(),
    )
    phone = await Browser.open(running.driver.port, "wss", ssl=authority.client())
    phone.transport = "WSS"
    assert (await phone.register()).startswith("SIP/2.0 200")
    await phone.close()


async def test_call_goes_on_when_the_browser_comes_back(open_driver) -> None:
    running = await open_driver("ws:127.0.0.1:0", trunks=())
    running.react = answering(running)
    phone = await Browser.open(running.driver.port)
    await phone.register()
    phone.call_id += "-call"
    ok = await phone.call()
    answered = await running.wait_for(Answered)
    phone.socket.transport.abort()
    await running.wait_for(StationDown)
    assert not any(isinstance(one, Released) for one in running.told)

    again = await Browser.open(running.driver.port)
    await again.register(cseq=10)
    await running.wait_for(StationUp, 2)
    assert counted(running, "flow_found_again") == 1
    await running.driver.line(answered.line).hold()  # our request finds the new connection
    hold = await again.until("INVITE")
    assert tag_of(ok) in header(hold, "From")
    await again.respond(hold, 200, LOOPBACK_OFFER.replace(b"sendrecv", b"recvonly"))
    await again.until("ACK")
    await running.driver.line(answered.line).release()
    await again.respond(await again.until("BYE"), 200)
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    await again.close()


async def test_request_within_the_call_shows_the_new_connection_too(open_driver) -> None:
    running = await open_driver("ws:127.0.0.1:0", trunks=())
    running.react = answering(running)
    phone = await Browser.open(running.driver.port)
    await phone.register()
    phone.call_id += "-call"
    ok = await phone.call()
    answered = await running.wait_for(Answered)
    phone.socket.transport.abort()
    await until(running, "ws_closed")

    again = await Browser.open(running.driver.port)
    again.call_id = phone.call_id
    body = LOOPBACK_OFFER.replace(b"sendrecv", b"sendonly")
    await again.request("INVITE", cseq=7, to_tag=tag_of(ok), body=body)
    await again.until("SIP/2.0 200")
    await again.request("ACK", cseq=7, to_tag=tag_of(ok))
    await running.wait_for(Held)
    await running.driver.line(answered.line).release()
    await again.respond(await again.until("BYE"), 200)
    await running.wait_for(Released)
    await again.close()


async def test_wrong_path_and_missing_subprotocol_are_refused(open_driver) -> None:
    running = await open_driver("ws:127.0.0.1:0")
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://127.0.0.1:{running.driver.port}/chat", subprotocols=["sip"])
    assert caught.value.response.status_code == 404
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://127.0.0.1:{running.driver.port}/sip")
    assert caught.value.response.status_code == 400
    await until(running, "stream_broken", 2)


async def test_garbage_in_a_websocket_message_is_counted_and_the_phone_goes_on(
    open_driver,
) -> None:
    running = await open_driver("ws:127.0.0.1:0", trunks=(), ban_after=0)
    phone = await Browser.open(running.driver.port)
    await phone.socket.send(b"\x00\xff\x13")
    await phone.socket.send("hello")
    assert (await phone.register()).startswith("SIP/2.0 200")
    assert sum(n for name, n in running.driver.counters().items() if "malformed" in name) == 2
    await phone.close()


async def test_connection_that_says_nothing_after_its_handshake_is_told_goodbye(
    open_driver,
) -> None:
    running = await open_driver("ws:127.0.0.1:0")
    phone = await Browser.open(running.driver.port)
    streams = running.driver.border.transports.streams
    assert streams is not None
    streams.flows.advance(running.driver.clock() + 16)
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(5):
            await phone.read()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1001
    assert not any(isinstance(one, Ringing) for one in running.told)
