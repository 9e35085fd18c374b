"""Caller identity by FSK and fax tones over the link."""

import asyncio

import pytest

from cython_ext import dsp
from daemon.link import messages as told
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from tests.daemon.media.test_rooms import Dial

# MDMF of the reference sheet: 21 March 14:05, 2145551212, DOE JOHN.
MDMF = bytes.fromhex("80200108303332313134303502 0A32313435353531323132 0708444F45204A4F484E89")
ETSI = bytes.fromhex("801A110101010830333231313430350 20B303230373934363030303081".replace(" ", ""))


async def caller_heard(link: MediaLink) -> told.CallerHeard:
    async with asyncio.timeout(10):
        async for event in link.events():
            if isinstance(event, told.CallerHeard):
                return event
    raise AssertionError("the link was closed")


@pytest.mark.parametrize(("standard", "message"), [("bell202", MDMF), ("v23", ETSI)])
async def test_identity_is_sent_and_read(
    link: MediaLink, dial: Dial, standard: str, message: bytes
) -> None:
    (sends, station), (hears, line) = await dial("PCMA"), await dial("PCMU")
    await link.hear_caller(hears, on=True)
    await link.play_caller(sends, 5, message, standard=standard)
    line.say(await station.hear(60))
    await line.hear(70)
    heard = await caller_heard(link)
    assert (heard.port, heard.message) == (hears, message)
    await link.hear_caller(hears, on=False)


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
    phone.say(dsp.ToneGenerator([hz], -12.0).generate(8000))
    await phone.hear(60)
    found = []
    async with asyncio.timeout(10):
        async for event in link.events():
            found.append(event)
            if isinstance(event, told.FaxTone):
                break
    assert [(event.port, event.tone) for event in found if isinstance(event, told.FaxTone)] == [
        (port, tone)
    ]
    await link.watch_fax(port, on=False)
