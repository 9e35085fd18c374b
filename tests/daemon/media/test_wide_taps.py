"""Taps of legs that speak more than a telephone does; ffmpeg is the far end and the judge."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from fractions import Fraction

import av
import numpy as np
import pytest

from daemon.link.client import MediaLink, Tap
from drivers.api import PortId, RtpFormat
from speech.link import tap as speech_tap
from tests.daemon.media.test_codecs import Peer, dial_peer, ffmpeg
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]

SECONDS, RATE, PEAK = 1.2, 16_000, 8000
FEW, ATTEMPTS = 3, 8
"""Gaps with which a median is still right; times that a thing is said at most."""
G722 = RtpFormat(payload_type=9, codec="G722")
OPUS = RtpFormat(
    payload_type=111, codec="OPUS", dtmf_payload_type=None, transcode=True, rtcp_mux=True
)
WIDE_PCM = ["-f", "s16le", "-ar", "16000", "-ac", "1"]


def tone(hz: float, rate: int = RATE) -> np.ndarray:
    turns = np.arange(int(SECONDS * rate)) * hz / rate
    samples: np.ndarray = np.rint(PEAK * np.sin(2 * np.pi * turns)).astype("<i2")
    return samples


def as_g722(sound: np.ndarray) -> list[bytes]:
    octets = ffmpeg(sound.tobytes(), WIDE_PCM, ["-c:a", "g722", "-f", "g722"])
    return [octets[at : at + 160] for at in range(0, len(octets) - 159, 160)]


def as_opus(hz: float) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.bit_rate, encoder.time_base = 32_000, Fraction(1, 48_000)
    encoder.open()
    sound = tone(hz, 48_000)
    packets = []
    for at in range(0, len(sound), 960):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + 960], "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, at
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def heard(tap: Tap) -> np.ndarray:
    written = int.from_bytes(os.pread(tap.memfd, 8, 16), "little")
    return np.frombuffer(os.pread(tap.memfd, 2 * written, 64), "<i2")


async def gaps(link: MediaLink, port: PortId) -> float:
    """Times that what a port hears was not what was said, in one piece.

    A far end keeps time in the loop of the test, the engine in a thread: on a busy machine they
    drift by more than a jitter buffer holds.
    """
    counted = await link.counters(port)
    return sum(counted[name] for name in ("underruns", "dropped", "late", "lost"))


async def taps_of(
    link: MediaLink, kind: RtpFormat, packets: list[bytes], *, clock: int
) -> tuple[np.ndarray, np.ndarray]:
    """What the taps of 16 and 8 kHz of a leg hold when it has said all packets."""
    for _ in range(ATTEMPTS):
        found, missed = await said_to_taps(link, kind, packets, clock=clock)
        if missed <= FEW:
            break
    return found


async def said_to_taps(
    link: MediaLink, kind: RtpFormat, packets: list[bytes], *, clock: int
) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """The same at the first attempt, and its gaps."""
    peer = Peer(kind.payload_type, clock)
    port, at_port = await dial_peer(link, peer, kind)
    taps = [await link.tap(port, rate=rate) for rate in (16_000, 8000)]
    try:
        for packet in packets:
            peer.send(at_port, packet)
            await asyncio.wait_for(peer.receive(), 2)
        wide, narrow = (heard(tap) for tap in taps)
        return (wide, narrow), await gaps(link, port)
    finally:
        for tap in taps:
            os.close(tap.memfd)
            os.close(tap.eventfd)
        peer.socket.close()


def usual(measure: Callable[..., float], sound: np.ndarray, rate: int, hz: float) -> float:
    """The median over tenths of a second: this process may be late with a packet."""
    tenth = rate // 10
    there = np.flatnonzero(np.abs(sound) > PEAK / 10)
    if there.size:  # without the silence from the tap's opening to the first packet
        sound = sound[there[0] :]
    parts = [sound[at : at + tenth] for at in range(tenth * 3, len(sound) - tenth, tenth)]
    return float(np.median([measure(part, rate, hz) for part in parts]))


def level(sound: np.ndarray, rate: int, hz: float) -> float:
    """dB against the tone that was sent."""
    turns = np.exp(-2j * np.pi * hz * np.arange(len(sound)) / rate)
    return float(20 * np.log10(2 * abs(np.mean(sound * turns)) / PEAK + 1e-9))


def distance(sound: np.ndarray, rate: int, hz: float) -> float:
    """dB between a tone and everything else."""
    power = (PEAK * 10 ** (level(sound, rate, hz) / 20)) ** 2 / 2
    return float(10 * np.log10(power / (np.mean(sound.astype(float) ** 2) - power)))


async def test_a_wide_tap_of_g722_holds_what_ffmpeg_decodes(link: MediaLink) -> None:
    packets = as_g722(tone(5000))
    wide, _ = await taps_of(link, G722, packets, clock=160)
    expected = ffmpeg(b"".join(packets), ["-f", "g722"], WIDE_PCM)
    # Frame by frame: where a packet of ours came late, what is made up stands in between.
    frames = [wide[at : at + 320].tobytes() for at in range(0, len(wide) - 319, 320)]
    sounding = [frame for frame in frames if any(frame)]
    places = [place for frame in sounding if (place := expected.find(frame)) >= 0]
    assert len(places) >= 0.8 * len(sounding) > 25
    assert places == sorted(places)


@pytest.mark.parametrize("codec", ["G722", "OPUS"])
async def test_a_tone_of_5_khz_is_in_the_wide_tap_and_not_in_the_other(
    link: MediaLink, codec: str
) -> None:
    kind, packets, clock = G722, as_g722(tone(5000)), 160
    if codec == "OPUS":
        kind, packets, clock = OPUS, as_opus(5000), 960
    wide, narrow = await taps_of(link, kind, packets, clock=clock)
    assert abs(usual(level, wide, RATE, 5000)) < 1
    assert usual(distance, wide, RATE, 5000) > 18
    assert usual(level, narrow, 8000, 3000) < -45


async def test_the_telephone_band_is_the_same_in_both(link: MediaLink) -> None:
    wide, narrow = await taps_of(link, G722, as_g722(tone(1000)), clock=160)
    assert abs(usual(level, wide, RATE, 1000)) < 0.3
    assert abs(usual(level, narrow, 8000, 1000)) < 0.3
    assert usual(distance, wide, RATE, 1000) > 35
    assert usual(distance, narrow, 8000, 1000) > 35


async def test_a_recogniser_gets_as_much_as_the_leg_has(link: MediaLink, dial: Dial) -> None:
    peer = Peer(9)
    wide, _ = await dial_peer(link, peer, G722)
    narrow, _ = await dial()
    for port, rate in ((wide, RATE), (narrow, 8000)):
        tap = await link.tap(port, rate=0)
        ring = speech_tap.Tap(tap.memfd, tap.eventfd, lookback=0, rate=None)
        assert ring.rate == rate
        assert not ring.closed
        await link.untap(port, rate=0)
        async with asyncio.timeout(2):
            while not ring.closed:
                await asyncio.sleep(0)
        ring.close()
    peer.socket.close()
