"""Opus on request over the link; libopus of FFmpeg, at 48 kHz, is the far end."""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from cython_ext import dsp
from daemon.link import messages as told
from daemon.link.client import MediaLink
from drivers.api import PortId, RtpAddress, RtpFormat
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
OPUS, RATE, FRAME = 111, 48_000, 960
TRANSCODED = RtpFormat(
    payload_type=OPUS, codec="OPUS", dtmf_payload_type=None, transcode=True, rtcp_mux=True
)


def sine(hz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    """A tone of -10 dBm0."""
    turns = np.arange(int(seconds * rate)) * hz / rate
    return (22_300 * 10**-0.5 * np.sin(2 * np.pi * turns)).astype("<i2")


def pair_of(first: float, second: float, seconds: float) -> np.ndarray:
    return sine(first, seconds) // 2 + sine(second, seconds) // 2


def coded(sound: np.ndarray) -> list[bytes]:
    """Packets of 20 ms, wide-band and as FFmpeg makes them."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
    encoder.bit_rate, encoder.time_base = 32_000, Fraction(1, RATE)
    encoder.open()
    packets = []
    for at in range(0, len(sound) - FRAME + 1, FRAME):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + FRAME], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, at
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def heard_from(packets: list[bytes]) -> bytes:
    """What packets hold, at 8 kHz."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = RATE, "mono"
    to_narrow = av.AudioResampler("s16", "mono", 8000)
    found = [
        narrow.to_ndarray().tobytes()
        for packet in packets
        for frame in decoder.decode(av.Packet(packet))
        for narrow in to_narrow.resample(frame)
    ]
    return b"".join(found)


class OpusPhone:
    """Sends one packet for each that it gets, so the engine's clock paces it."""

    def __init__(self) -> None:
        self.says: Iterator[bytes] = iter(())
        self.packets: list[bytes] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self._sequence, self._timestamp = 65_530, 4_294_960_000

    async def call(self, link: MediaLink, fmt: RtpFormat = TRANSCODED) -> PortId:
        port, self.peer = await link.open_rtp()
        await link.connect_rtp(port, RtpAddress(*self.socket.getsockname()), fmt)
        return port

    async def run(self, frames: int) -> bytes:
        """Talk for so long; what was heard meanwhile, at 8 kHz."""
        begun = len(self.packets)
        async with asyncio.timeout(10):
            while len(self.packets) < begun + frames:
                data = await asyncio.get_running_loop().sock_recv(self.socket, 2048)
                assert data[1] & 127 == OPUS
                self.packets.append(data[12:])
                self._speak()
        return heard_from(self.packets[begun:])

    def _speak(self) -> None:
        said = next(self.says, b"")
        head = struct.pack("!BBHII", 0x80, OPUS, self._sequence, self._timestamp, 99)
        self._sequence = self._sequence + 1 & 0xFFFF
        self._timestamp = self._timestamp + FRAME & 0xFFFFFFFF
        if said:
            self.socket.sendto(head + said, (self.peer.host, self.peer.port))


@pytest.fixture
def phone() -> Iterator[OpusPhone]:
    made = OpusPhone()
    yield made
    made.socket.close()


async def test_opus_talks_with_a_telephone_of_another_law(
    link: MediaLink, dial: Dial, phone: OpusPhone
) -> None:
    wide = await phone.call(link)
    narrow, other = await dial("PCMU")
    await link.bridge(1, wide, narrow)
    phone.says = iter(coded(sine(1000.0, 2.0)))
    other.say(sine(600.0, 2.0, 8000).tobytes())
    hears = asyncio.create_task(other.hear(60))
    at_opus, at_other = await phone.run(60), await hears
    assert -11 < dsp.goertzel(at_other[8000:16_000], 8000, 1000.0) < -9
    assert dsp.level(at_other[8000:16_000]) == pytest.approx(-10, abs=1)
    assert -11 < dsp.goertzel(at_opus[8000:16_000], 8000, 600.0) < -9
    assert dsp.level(at_opus[8000:16_000]) == pytest.approx(-10, abs=1)


async def test_opus_hears_prompts_and_is_recorded_and_heard_for_keys(
    link: MediaLink, phone: OpusPhone, site: Path
) -> None:
    (site / "prompt.s16").write_bytes(sine(800.0, 1.0, 8000).tobytes())
    port = await phone.call(link)
    await link.record(7, port, "recordings/opus.wav", stereo=True)
    tap = await link.tap(port, rate=16_000)
    phone.says = iter(coded(np.concatenate([sine(500, 0.6), pair_of(770, 1336, 0.3)])))
    await link.play(port, 3, ["prompt.s16"])
    heard = await phone.run(55)
    assert -11 < dsp.goertzel(heard[3200:9600], 8000, 800.0) < -9
    digit: told.DigitDetected | None = None
    async with asyncio.timeout(10):
        async for event in link.events():
            if isinstance(event, told.DigitDetected):
                digit = event
                break
    assert digit is not None
    assert (digit.key, digit.source) == ("5", "inband")
    await link.close(port)
    async with asyncio.timeout(10):
        async for event in link.events():
            if isinstance(event, told.RecordFinished):
                break
    sound, rate = soundfile.read(site / "recordings/opus.wav", dtype="int16")
    left = sound[2400:4000, 0].tobytes()
    assert rate == 8000
    assert -11.5 < dsp.goertzel(left, 8000, 500.0) < -8.5
    os.close(tap.eventfd)
    with open(tap.memfd, "rb") as memory:
        ring = memory.read(64 + 2 * tap.capacity)
    assert struct.unpack_from("<II", ring, 4) == (1, 16_000)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(ring, "<i2", 3200, 64 + 2 * 4800)))
    assert spectrum.argmax() * 16_000 / 3200 == pytest.approx(500, abs=5)
