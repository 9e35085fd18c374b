"""Wide-band legs where others are narrow: in rooms, recordings and prompts; ffmpeg codes and judges.

Many tones at once measure a band in one run; each is found where it was, or folded.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from daemon.link import messages as told
from daemon.link.client import MediaLink
from drivers.api import PortId, RtpAddress
from tests.daemon.media.test_codecs import Peer, dial_peer, ffmpeg
from tests.daemon.media.test_wide_taps import ATTEMPTS, FEW, G722, RATE, WIDE_PCM, as_g722, gaps
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
TELEPHONE = (300, 900, 1700, 2500, 3000, 3400)
ABOVE = (4600, 4900, 5300, 6100, 6900)
PEAK = 2000


def chord(pitches: tuple[int, ...], rate: int, seconds: float = 1.4) -> np.ndarray:
    turns = np.arange(int(seconds * rate)) / rate
    # Phases apart, so that the peaks of all do not meet.
    parts = [np.sin(2 * np.pi * hz * turns + at * at) for at, hz in enumerate(pitches)]
    sound: np.ndarray = np.rint(PEAK * np.sum(parts, axis=0)).astype("<i2")
    return sound


def level(sound: np.ndarray, rate: int, hz: float) -> float:
    """dB against one tone of a chord; the median of tenths of a second, of which the first go."""
    tenth = rate // 10  # this process may be late with a packet: what is made up is no tone
    turns = np.exp(-2j * np.pi * hz * np.arange(tenth) / rate) * np.hanning(tenth) * 2
    parts = [sound[at : at + tenth] for at in range(tenth * 3, len(sound) - tenth, tenth)]
    found = [20 * np.log10(2 * abs(np.mean(part * turns)) / PEAK + 1e-9) for part in parts]
    return float(np.median(found))


def is_clean(narrow: np.ndarray, packets: list[bytes]) -> bool:
    """Whether nothing from above is folded down beyond what ffmpeg's own 16 kHz hold there.

    The two bits of the higher band do not take away all that is folded in the lower one.
    """
    own = np.frombuffer(ffmpeg(b"".join(packets), ["-f", "g722"], WIDE_PCM), "<i2")
    return all(
        level(narrow, 8000, 8000 - hz) < max(-40.0, level(own, RATE, 8000 - hz) + 2) for hz in ABOVE
    )


async def speak(peer: Peer, to: RtpAddress, packets: list[bytes]) -> None:
    for packet in packets:
        peer.send(to, packet)
        await asyncio.wait_for(peer.receive(), 2)


async def recorded_whole(
    link: MediaLink, site: Path, port: PortId, says: Callable[[], Awaitable[None]]
) -> np.ndarray:
    """What a recording holds of a party who says something, said again after too many gaps."""
    for attempt in range(ATTEMPTS):
        name, before = f"recordings/{port}-{attempt}.wav", await gaps(link, port)
        await link.record(9, port, name, stereo=True)
        await says()
        missed = await gaps(link, port) - before
        caller, _ = await recorded(link, site / name)
        (site / name).unlink()
        if missed <= FEW:
            break
    return caller


async def recorded(link: MediaLink, path: Path) -> np.ndarray:
    """The samples of a recording that ends now, a row a side."""
    await link.stop_record(9)
    async with asyncio.timeout(5):
        async for event in link.events():
            if isinstance(event, told.RecordFinished):
                break
    return np.frombuffer(path.read_bytes()[44:], "<i2").reshape(-1, 2).T


@pytest.mark.parametrize("pitches", [TELEPHONE, ABOVE])
async def test_a_recording_holds_the_telephone_band_and_nothing_folded_into_it(
    link: MediaLink, site: Path, pitches: tuple[int, ...]
) -> None:
    peer = Peer(9)
    port, at = await dial_peer(link, peer, G722)
    packets = as_g722(chord(pitches, RATE))
    caller = await recorded_whole(link, site, port, lambda: speak(peer, at, packets))
    if pitches == TELEPHONE:
        assert max(abs(level(caller, 8000, hz)) for hz in pitches) < 0.5
    else:
        assert is_clean(caller, packets)
    peer.socket.close()


async def test_a_prompt_sounds_in_its_own_band_only(link: MediaLink, site: Path) -> None:
    (site / "chord.s16").write_bytes(chord(TELEPHONE, 8000).tobytes())
    peer = Peer(9)
    port, at = await dial_peer(link, peer, G722)
    await link.play(port, 1, ["chord.s16"])
    await speak(peer, at, [bytes(160)] * 65)
    heard = np.frombuffer(ffmpeg(b"".join(peer.heard), ["-f", "g722"], WIDE_PCM), "<i2")
    assert max(abs(level(heard, RATE, hz)) for hz in TELEPHONE) < 0.5
    assert max(level(heard, RATE, 8000 - hz) for hz in TELEPHONE) < -40
    peer.socket.close()


async def test_two_who_are_recorded_and_overheard_hear_each_other_wide(
    link: MediaLink, dial: Dial, site: Path
) -> None:
    left, right = Peer(9), Peer(9)
    a, at_left = await dial_peer(link, left, G722)
    b, _ = await dial_peer(link, right, G722)
    boss, phone = await dial()
    for port in (a, b):
        await link.join(1, port)
    await link.join(1, boss, part="listens")
    packets = as_g722(chord(ABOVE, RATE) // 2 + chord((1000,), RATE))
    overheard = b""

    async def says() -> None:
        nonlocal overheard
        for peer in (left, right):
            empty(peer)
        hears = asyncio.create_task(phone.hear(len(packets)))
        receives = asyncio.create_task(listen(right, len(packets)))
        await speak(left, at_left, packets)
        await receives
        overheard = await hears

    caller = await recorded_whole(link, site, a, says)
    sent = set(packets)
    assert sum(payload in sent for payload in right.heard) > len(packets) * 0.6  # as they came
    wide = np.frombuffer(ffmpeg(b"".join(right.heard), ["-f", "g722"], WIDE_PCM), "<i2")
    assert level(wide, RATE, 4900) > -8
    for narrow in (caller, np.frombuffer(overheard, "<i2")):
        assert abs(level(narrow, 8000, 1000)) < 0.5
        assert is_clean(narrow, packets)
    for peer in (left, right):
        peer.socket.close()


def empty(peer: Peer) -> None:
    """Forget what it heard, and what waits for it."""
    with contextlib.suppress(BlockingIOError):
        while peer.socket.recv(2048):
            continue
    peer.heard.clear()


async def listen(peer: Peer, packets: int) -> None:
    for _ in range(packets):
        await asyncio.wait_for(peer.receive(), 2)
