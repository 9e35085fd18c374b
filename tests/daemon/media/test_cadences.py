"""Call-progress tones of every country as callers hear them: each pulses as its table says."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from cython_ext import dsp
from daemon.link.client import MediaLink
from drivers.api import PortId
from drivers.tones import INTERNATIONAL, TONES, Tone
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
FRAME = 320  # octets of 20 ms
LISTENED = 320  # frames: the longest cadence goes round once, and begins again


def pulsing() -> list[Tone]:
    """What pulses in some country, each once."""
    sets = [INTERNATIONAL, *TONES.values()]
    found = {
        tone: None
        for each in sets
        for tone in (each.dial, each.ringback, each.busy, each.congestion)
        if tone.cadence_ms
    }
    return list(found)


def pulses(pcm: bytes) -> list[int]:
    """How long in ms it sounds, is silent, sounds and so on, from the first sound on."""
    frames = [pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME)]
    loud = [dsp.level(frame) > -30 for frame in frames]
    runs = [(sounds, 20 * len(list(run))) for sounds, run in itertools.groupby(loud)]
    return [length for _, length in runs[0 if runs[0][0] else 1 :]]


async def test_tones_of_every_country_keep_their_cadence(link: MediaLink, dial: Dial) -> None:
    tones = pulsing()
    phones = []
    for player, tone in enumerate(tones, 1):
        port, phone = await dial()
        phones.append(phone)
        await link.play_tone(port, player, [tone.pair], list(tone.steps_ms))
    await asyncio.gather(*(phone.hear(LISTENED) for phone in phones))
    for tone, phone in zip(tones, phones, strict=True):
        pcm = dsp.alaw_decode(b"".join(packet.payload for packet in phone.audio()))
        expected = itertools.cycle(tone.cadence_ms)
        whole = pulses(pcm)[:-1]  # the last one is cut
        assert len(whole) >= len(tone.cadence_ms), tone
        for measured, wanted in zip(whole, expected, strict=False):
            assert abs(measured - wanted) <= 40, (tone, whole)
