import asyncio
import random
import struct

from daemon.demo.phone import SILENCE, Session, Telephones
from daemon.demo.talking import Agent
from daemon.demo.tones import AGENTS, Ear


class Listener:
    def __init__(self, voices):
        self.ear = Ear(voices)
        self.enough = asyncio.Event()

    def speak(self):
        return b""

    def hear(self, pcm):
        self.ear.hear(pcm)
        if self.ear.pair is not None:
            self.enough.set()


class Wire:
    """Keeps what a session sends."""

    def __init__(self):
        self.sent = []

    def sendto(self, data, address):
        self.sent.append(data)

    def get_extra_info(self, name):
        return ("127.0.0.1", 4000)

    def close(self):
        return


def session():
    found, wire = Session(Listener(AGENTS), random.Random(1)), Wire()
    found.connection_made(wire)
    found.connect("127.0.0.1", 4002, 8, 101)
    return found, wire


async def test_one_telephone_hears_the_other():
    phones = Telephones("127.0.0.1")
    try:
        listener = Listener(AGENTS)
        one, other = await phones.open(Agent(11)), await phones.open(listener)
        one.connect(*other.address, 0, 101)
        async with asyncio.timeout(10):
            await listener.enough.wait()
        assert listener.ear.pair == 11
    finally:
        await phones.close()


async def test_audio_goes_on_in_steps_of_20_ms():
    found, wire = session()
    for _ in range(3):
        found.tick()
    heads = [struct.unpack("!BBHII", packet[:12]) for packet in wire.sent]
    assert [head[1] for head in heads] == [0x88, 8, 8]  # the first has the marker
    assert [head[2] - heads[0][2] for head in heads] == [0, 1, 2]
    assert [head[3] - heads[0][3] for head in heads] == [0, 160, 320]
    assert all(len(packet) == 172 for packet in wire.sent)


async def test_key_is_sent_as_rfc_4733_says():
    found, wire = session()
    found.tick()
    assert found.press("5") > 0.1
    for _ in range(10):
        found.tick()
    events = [packet for packet in wire.sent if packet[1] & 0x7F == 101]
    assert [packet[12:].hex() for packet in events] == [
        "050a00a0", "050a0140", "050a01e0", "050a0280", "058a0320", "058a0320", "058a0320",
    ]  # fmt: skip
    assert len({packet[4:8] for packet in events}) == 1  # one timestamp
    assert [packet[1] >> 7 for packet in events] == [1, 0, 0, 0, 0, 0, 0]


async def test_nothing_is_sent_before_the_other_side_is_known():
    found, wire = Session(Listener(AGENTS), random.Random(1)), Wire()
    found.connection_made(wire)
    found.tick()
    assert wire.sent == []


async def test_packets_that_are_no_rtp_are_ignored():
    found, _ = session()
    for data in (b"", b"\x80\x08", bytes(11), bytes(12), b"\x80\x65" + bytes(14)):
        found.datagram_received(data, ("127.0.0.1", 4002))
    assert len(SILENCE) == 320
    assert found.received == 1
