"""Codecs beyond G.711 over the link; ffmpeg is the independent coder of G.722."""

import asyncio
import itertools
import socket
import struct
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cython_ext import dsp
from daemon.link.client import MediaLink
from daemon.link.messages import DigitDetected
from drivers.api import PortId, RtpAddress, RtpFormat
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
TONE = dsp.ToneGenerator([1000.0], -10.0).generate(16_000)


class Peer:
    """Sends given payloads, one for each that it receives."""

    def __init__(self, payload_type: int, clock: int = 160) -> None:
        self.payload_type, self.clock = payload_type, clock
        self.sequence, self.timestamp = 0, 0
        self.heard: list[bytes] = []
        self.timestamps: list[int] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self.address = RtpAddress(*self.socket.getsockname())

    def send(self, to: RtpAddress, payload: bytes, *, payload_type: int | None = None) -> None:
        kind = self.payload_type if payload_type is None else payload_type
        head = struct.pack("!BBHII", 0x80, kind, self.sequence, self.timestamp, 99)
        self.sequence += 1
        self.timestamp += self.clock
        self.socket.sendto(head + payload, (to.host, to.port))

    async def receive(self) -> bytes:
        packet = await asyncio.get_running_loop().sock_recv(self.socket, 2048)
        self.heard.append(packet[12:])
        self.timestamps.append(struct.unpack_from("!I", packet, 4)[0])
        return packet


async def dial_peer(link: MediaLink, peer: Peer, fmt: RtpFormat) -> tuple[PortId, RtpAddress]:
    port, address = await link.open_rtp()
    await link.connect_rtp(port, peer.address, fmt)
    return port, address


def ffmpeg(given: bytes, source: list[str], wanted: list[str]) -> bytes:
    words = ["ffmpeg", "-v", "error", *source, "-i", "-", *wanted, "-"]
    return subprocess.run(words, input=given, capture_output=True, check=True).stdout


def steps_of(timestamps: list[int]) -> set[int]:
    return {b - a & 0xFFFFFFFF for a, b in itertools.pairwise(timestamps)}


PCM = ["-f", "s16le", "-ar", "8000", "-ac", "1"]
G722 = ["-f", "g722"]


async def test_g722_is_heard_and_spoken_as_ffmpeg_does(link: MediaLink, dial: Dial) -> None:
    spoken = ffmpeg(TONE, PCM, ["-ar", "16000", "-c:a", "g722", "-f", "g722"])
    peer = Peer(9)
    wide, at_wide = await dial_peer(link, peer, RtpFormat(payload_type=9, codec="G722"))
    narrow, phone = await dial("PCMA")
    await link.bridge(1, wide, narrow)
    phone.say(TONE)
    hears = asyncio.create_task(phone.hear(80))
    for number in range(80):
        peer.send(at_wide, spoken[number * 160 : number * 160 + 160])
        assert len(await peer.receive()) == 172
    at_phone = await hears
    assert -11 < dsp.goertzel(at_phone[16_000:24_000], 8000, 1000.0) < -9
    back = ffmpeg(b"".join(peer.heard[20:]), G722, PCM)
    assert -11 < dsp.goertzel(back[8000:16_000], 8000, 1000.0) < -9
    assert dsp.level(back[8000:16_000]) == pytest.approx(-10, abs=1)
    assert steps_of(peer.timestamps) == {160}


@pytest.mark.parametrize(
    ("codec", "kind", "size", "step"),
    [("G722", 9, 160, 160), ("L16", 97, 320, 160), ("OPUS", 111, 61, 960)],
)
async def test_two_of_one_codec_pass_payload_untouched(
    link: MediaLink, codec: str, kind: int, size: int, step: int
) -> None:
    left, right = Peer(kind, step), Peer(kind, step)
    fmt = RtpFormat(payload_type=kind, codec=codec)
    a, at_left = await dial_peer(link, left, fmt)
    b, _ = await dial_peer(link, right, fmt)
    await link.bridge(1, a, b)
    if codec == "OPUS":  # is never made here, so it must begin by itself
        left.send(at_left, bytes(size))
        left.send(at_left, bytes(size))
    else:
        await right.receive()
    for number in range(1, 30):
        left.send(at_left, bytes([number]) * size)
        await right.receive()
    passed = [payload for payload in right.heard if payload == payload[:1] * size]
    assert [payload[0] for payload in passed if payload[0]][-10:] == list(
        range(passed[-1][0] - 9, passed[-1][0] + 1)
    )
    assert steps_of(right.timestamps[5:]) == {step}


async def test_linear_audio_is_transcoded(link: MediaLink, dial: Dial) -> None:
    peer = Peer(97)
    a, at_a = await dial_peer(link, peer, RtpFormat(payload_type=97, codec="L16"))
    b, phone = await dial("PCMU")
    await link.bridge(1, a, b)
    phone.say(TONE)
    hears = asyncio.create_task(phone.hear(50))
    for number in range(50):
        frame = TONE[number * 320 : number * 320 + 320]
        peer.send(at_a, struct.pack("!160h", *struct.unpack("<160h", frame)))
        await peer.receive()
    assert -11 < dsp.goertzel((await hears)[8000:], 8000, 1000.0) < -9
    swapped = b"".join(
        struct.pack("<160h", *struct.unpack("!160h", payload)) for payload in peer.heard[25:]
    )
    assert -11 < dsp.goertzel(swapped, 8000, 1000.0) < -9


async def test_comfort_noise_is_as_loud_as_asked_for(
    link: MediaLink, site: Path, dial: Dial
) -> None:
    peer = Peer(8)
    a, at_a = await dial_peer(link, peer, RtpFormat())
    b, phone = await dial()
    await link.bridge(1, a, b)
    for _ in range(10):
        peer.send(at_a, bytes([0xD5]) * 160)
        await peer.receive()
    peer.send(at_a, b"\x28", payload_type=13)  # -40 dBov
    quiet = dsp.level((await phone.hear(40))[-6400:])
    assert quiet == pytest.approx(-40 + 6.15, abs=1.5)  # 0 dBov is 6.15 dBm0 (G.711)
    for _ in range(25):
        peer.send(at_a, bytes([0xD5]) * 160)
        await phone.hear(1)
    assert dsp.level(await phone.hear(3)) < -50


async def test_keys_beside_opus_are_timed_by_its_clock(link: MediaLink) -> None:
    peer = Peer(111, clock=0)  # packets of one key have one timestamp
    fmt = RtpFormat(payload_type=111, codec="OPUS", dtmf_payload_type=110)
    _, at = await dial_peer(link, peer, fmt)
    for duration in range(960, 4800, 960):  # 20 ms at 48 kHz
        peer.send(at, struct.pack("!BBH", 5, 10, duration), payload_type=110)
    for _ in range(3):
        peer.send(at, struct.pack("!BBH", 5, 0x8A, 4800), payload_type=110)
    async with asyncio.timeout(10):
        async for event in link.events():
            if isinstance(event, DigitDetected):
                assert (event.key, event.duration_ms, event.source) == ("5", 100, "rfc4733")
                return
    raise AssertionError("the link was closed")
