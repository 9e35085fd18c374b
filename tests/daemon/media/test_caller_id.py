"""Caller identity by FSK and fax tones over the link."""

import asyncio

import numpy as np
import pytest

from cython_ext import dsp
from daemon.link import messages as told
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from drivers.api import PortId
from tests.daemon.media.test_rooms import Dial
from tests.fakes.rtp_phone import RtpPhone

# MDMF of the reference sheet: 21 March 14:05, 2145551212, DOE JOHN.
MDMF = bytes.fromhex("80200108303332313134303502 0A32313435353531323132 0708444F45204A4F484E89")
ETSI = bytes.fromhex("801A110101010830333231313430350 20B303230373934363030303081".replace(" ", ""))


async def caller_heard(link: MediaLink) -> told.CallerHeard:
    async with asyncio.timeout(60):
        async for event in link.events():
            if isinstance(event, told.CallerHeard):
                return event
    raise AssertionError("the link was closed")


@pytest.mark.parametrize(("standard", "message"), [("bell202", MDMF), ("v23", ETSI)])
async def test_identity_is_sent_and_read(
    link: MediaLink, dial: Dial, standard: str, message: bytes
) -> None:
    (sends, station), (hears, line) = await dial("PCMA"), await dial("PCMU")
    await link.play_caller(sends, 5, message, standard=standard)
    sent = await whole_message(station)
    await link.hear_caller(hears, on=True)
    listening = asyncio.create_task(caller_heard(link))
    while not await said_without_gap(link, hears, line, sent) and not listening.done():
        continue
    heard = await listening
    assert (heard.port, heard.message) == (hears, message)
    await link.hear_caller(hears, on=False)


async def whole_message(station: RtpPhone) -> bytes:
    """What a telephone hears from the first sound to 200 ms of silence, and some silence before."""
    heard = bytes(3200)
    while not is_loud(heard) or is_loud(heard[-3200:]):
        heard += await station.hear(1)
    return heard


def is_loud(pcm: bytes) -> bool:
    return bool(np.abs(np.frombuffer(pcm, "<i2")).max() > 100)


async def said_without_gap(link: MediaLink, port: PortId, line: RtpPhone, pcm: bytes) -> bool:
    """Say something to a port, and whether the port heard it in one piece.

    The telephone keeps time in the loop of the test, the engine in a thread: on a busy machine
    they drift by more than a jitter buffer holds. The engine counts that.
    """
    before = await link.counters(port)
    line.say(pcm)
    await line.hear(len(pcm) // 320 + 20)
    after = await link.counters(port)
    return all(before[name] == after[name] for name in ("underruns", "dropped", "late", "lost"))


@pytest.mark.parametrize(
    ("standard", "message"),
    [("bell103", MDMF), ("v23", MDMF[:-1]), ("v23", b""), ("v23", bytes(300))],
)
async def test_what_is_no_identity_is_refused(
    link: MediaLink, dial: Dial, standard: str, message: bytes
) -> None:
    port, _ = await dial()
    with pytest.raises(MediaRefused) as refused:
        await link.play_caller(port, 5, message, standard=standard)
    assert refused.value.code == "bad-argument"


@pytest.mark.parametrize(("hz", "tone"), [(1100.0, "cng"), (2100.0, "ced")])
async def test_fax_machines_are_noticed_once(
    link: MediaLink, dial: Dial, hz: float, tone: str
) -> None:
    port, phone = await dial()
    await link.watch_fax(port, on=True)
    noticing = asyncio.create_task(tone_noticed(link))
    sound = dsp.ToneGenerator([hz], -12.0).generate(8000)
    while not await said_without_gap(link, port, phone, sound) and not noticing.done():
        continue
    assert await noticing == [(port, tone)]
    await link.watch_fax(port, on=False)


async def tone_noticed(link: MediaLink) -> list[tuple[PortId, str]]:
    found = []
    async with asyncio.timeout(60):
        async for event in link.events():
            if isinstance(event, told.FaxTone):
                found.append((event.port, event.tone))
                break
    return found
