"""What callers hear of us is as loud as it says: tones of all countries, beeps, keys, identity.

0 dBm0 is an rms of 15770 of 16-bit samples (ITU-T G.711, a sine of +3.14 dBm0 being the loudest
in A-law). The consent tone and the spectrum of FSK are for the C tests.
"""

import struct
from collections.abc import Awaitable, Callable
from math import log10

import pytest

from cython_ext import dsp
from daemon.control.flows.ivr_runner import BEEP_HZ
from daemon.link.client import MediaLink
from drivers.api import PortId
from drivers.tones import INTERNATIONAL, TONES, CountryTones
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
RMS_0_DBM0 = 15_770.0
FRAME = 320  # octets of 20 ms, 16 bits
SETTLES = 8  # frames until a new player is heard through the jitter of loopback
MEASURED = 10
MDMF = bytes.fromhex("80200108303332313134303502 0A32313435353531323132 0708444F45204A4F484E89")


def dbm0(pcm: bytes) -> float:
    """Level of all that sounds."""
    samples = [value for (value,) in struct.iter_unpack("<h", pcm)]
    power = sum(value * value for value in samples) / max(len(samples), 1)
    return 10 * log10(max(power, 1.0) / RMS_0_DBM0**2)


def all_pairs() -> list[tuple[float, float]]:
    """Every pair of frequencies that some country's callers hear."""
    sets: list[CountryTones] = [INTERNATIONAL, *TONES.values()]
    found = {
        tone.pair
        for each in sets
        for tone in (each.dial, each.ringback, each.busy, each.congestion)
    }
    return sorted(found)


async def test_tones_of_every_country_have_their_level(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    for player, pair in enumerate(all_pairs(), 1):
        await link.play_tone(port, player, [pair], [])
        pcm = (await phone.hear(SETTLES + MEASURED))[-MEASURED * FRAME :]
        both = [hertz for hertz in pair if hertz]
        for hertz in both:
            assert dsp.goertzel(pcm, 8000, hertz) == pytest.approx(-13.0, abs=0.7), pair
        # Frequencies that are near beat against each other: over 200 ms that is not half.
        assert dbm0(pcm) == pytest.approx(-13.0 + 10 * log10(len(both)), abs=1.5), pair


@pytest.mark.parametrize("level", [-3.0, -13.0, -25.0, -40.0])
async def test_a_beep_is_as_loud_as_it_was_asked_for(
    link: MediaLink, dial: Dial, level: float
) -> None:
    port, phone = await dial("PCMU")
    await link.play_tone(port, 1, [(BEEP_HZ, 0.0)], [], level_dbm0=level)
    pcm = (await phone.hear(SETTLES + MEASURED))[-MEASURED * FRAME :]
    assert dbm0(pcm) == pytest.approx(level, abs=0.3)


async def test_keys_as_tones_keep_the_limits_of_their_recommendation(
    link: MediaLink, dial: Dial
) -> None:
    """Q.23: two frequencies; each between -14 and -4 dBm0 is what networks ask of a sender."""
    port, phone = await dial(keys=None)
    await link.send_digits(port, "5")
    pcm = await phone.hear(20)
    frames = [pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME)]
    loudest = max(frames, key=dbm0)
    low, high = (dsp.goertzel(loudest, 8000, hertz) for hertz in (770.0, 1336.0))
    assert -14 <= low <= -4
    assert -14 <= high <= -4
    assert abs(high - low) <= 4  # twist


@pytest.mark.parametrize("level", [-14.0, -20.0])
async def test_identity_by_fsk_has_its_level(link: MediaLink, dial: Dial, level: float) -> None:
    port, phone = await dial()
    await link.play_caller(port, 1, MDMF, level_dbm0=level)
    pcm = await phone.hear(40)
    frames = [pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME)]
    sounding = [frame for frame in frames if dbm0(frame) > level - 6]
    assert len(sounding) > 20
    assert dbm0(b"".join(sounding[2:-2])) == pytest.approx(level, abs=0.5)
