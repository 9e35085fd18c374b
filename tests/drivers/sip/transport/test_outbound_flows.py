"""RFC 5626: keep-alives on UDP and connections, telephones known by their instance."""

import asyncio
import ipaddress
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.events import Answered, Released, StationDown, StationUp
from drivers.sip.transport.keep_alive import COOKIE, answer
from tests.drivers.sip.transport.conftest import StreamPeer, answering, counted, header, until
from tests.fakes.sip_bench import request

TRANSACTION = b"transaction!"
BINDING = struct.pack("!HHI12s", 1, 0, COOKIE, TRANSACTION)
INSTANCE = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>";reg-id=1'


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_stun_tells_the_telephone_its_address(host: str) -> None:
    reply = answer(BINDING, host, 32853)
    assert reply is not None
    kind, length, cookie, transaction = struct.unpack_from("!HHI12s", reply)
    assert (kind, cookie, transaction) == (0x0101, COOKIE, TRANSACTION)
    assert length == len(reply) - 20
    attribute, size, _, family, port = struct.unpack_from("!HHBBH", reply, 20)
    assert (attribute, size) == (0x0020, len(reply) - 24)
    assert port ^ (COOKIE >> 16) == 32853
    mask = struct.pack("!I", COOKIE) + TRANSACTION
    packed = bytes(a ^ b for a, b in zip(reply[28:], mask, strict=False))
    assert ipaddress.ip_address(packed) == ipaddress.ip_address(host)
    assert family == (1 if ":" not in host else 2)


def test_stun_vector_of_the_specification() -> None:
    # RFC 5769 2.2: the XOR-MAPPED-ADDRESS of 192.0.2.1 port 32853 in its sample response.
    transaction = bytes.fromhex("b7e7a701bc34d686fa87dfae")
    sample = struct.pack("!HHI12s", 1, 0, COOKIE, transaction)
    reply = answer(sample, "192.0.2.1", 32853)
    assert reply is not None
    assert reply[20:] == bytes.fromhex("002000080001a147e112a643")


def test_software_attribute_is_ignored_and_an_unknown_demand_is_not_answered() -> None:
    software = struct.pack("!HH4s", 0x8022, 3, b"abc\0")
    head = struct.pack("!HHI12s", 1, len(software), COOKIE, TRANSACTION)
    assert answer(head + software, "192.0.2.7", 5060)
    demand = struct.pack("!HH4s", 0x0006, 4, b"user")
    assert answer(head + demand, "192.0.2.7", 5060) is None


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b"\n"])
def test_line_ends_and_zero_bytes_are_keep_alives(data: bytes) -> None:
    assert answer(data, "192.0.2.7", 5060) == b""


@given(st.binary(max_size=60))
def test_no_bytes_raise_and_sip_is_never_one(data: bytes) -> None:
    reply = answer(data, "192.0.2.7", 5060)
    assert reply is None or len(reply) in (0, 32)
    assert answer(request("OPTIONS"), "192.0.2.7", 5060) is None


async def test_keep_alives_on_udp_are_no_offence(open_driver) -> None:
    running = await open_driver("udp:127.0.0.1:0", trunks=(), ban_after=3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", running.driver.port))
        sock.setblocking(False)
        for _ in range(5):
            sock.send(b"\r\n\r\n")
            sock.send(b"\0\0\0\0")
        sock.send(BINDING)
        async with asyncio.timeout(5):
            reply = await asyncio.get_running_loop().sock_recv(sock, 100)
    assert reply == answer(BINDING, *sock_name(reply))
    assert counted(running, "keep_alives") == 11
    assert counted(running, "sources_banned") == 0


def sock_name(reply: bytes) -> tuple[str, int]:
    """The address that a STUN answer tells."""
    return "127.0.0.1", struct.unpack_from("!H", reply, 26)[0] ^ (COOKIE >> 16)


class Outbound(StreamPeer):
    """A telephone whose Contact changes with each connection, but not its instance."""

    async def register_outbound(self, cseq: int = 1) -> str:
        local = self.writer.get_extra_info("sockname")
        self.contact = f"<sip:2001@127.0.0.1:{local[1]};transport=tcp>{INSTANCE}"
        return await self.register(cseq=cseq, headers=("Supported: path, outbound",))


async def test_telephone_is_told_to_keep_its_flow_alive_and_is_known_again(open_driver) -> None:
    running = await open_driver("tcp:127.0.0.1:0", trunks=())
    running.react = answering(running)
    phone = await Outbound.connect(running.driver.port)
    reply = await phone.register_outbound()
    assert (header(reply, "Require"), header(reply, "Flow-Timer")) == ("outbound", "120")
    phone.call_id += "-call"
    await phone.call()
    answered = await running.wait_for(Answered)

    # The network changed: a second connection, while we still believe in the first.
    again = await Outbound.connect(running.driver.port)
    await again.register_outbound(cseq=20)
    (record,) = running.driver.core.registrar.find_all("2001")
    assert record.contact.endswith(f":{again.writer.get_extra_info('sockname')[1]};transport=tcp")
    phone.writer.transport.abort()
    await until(running, "tcp_closed")
    assert running.driver.reachable("2001")  # the old connection took no registration with it
    await running.driver.line(answered.line).release()
    await again.respond(await again.until("BYE"), 200)
    await running.wait_for(Released)
    await again.close()


async def test_telephones_on_one_connection_leave_together(open_driver) -> None:
    running = await open_driver("tcp:127.0.0.1:0", trunks=())
    phone = await StreamPeer.connect(running.driver.port)
    await phone.register()
    phone.contact = "<sip:2001-second@127.0.0.1:5099;transport=tcp>"
    phone.call_id += "b"
    await phone.register()
    await running.wait_for(StationUp, 2)
    assert len(running.driver.core.registrar.find_all("2001")) == 2
    await phone.close()
    down = await running.wait_for(StationDown)
    assert down.reason == "connection lost"
    assert running.driver.core.registrar.find_all("2001") == []
