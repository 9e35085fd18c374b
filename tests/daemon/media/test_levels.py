"""Automatic level and speaker events over the link; how exact levels are is for the C tests."""

import asyncio
import random
import struct
from collections.abc import Awaitable, Callable

from daemon.link.client import MediaLink
from daemon.link.messages import SpeakerChanged
from drivers.api import PortId
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]


def syllables(frames: int, *, peak: int) -> bytes:
    """Noise of 160 ms, and 80 ms nearly without."""
    chance = random.Random(5)
    loud = [peak if at // 160 % 12 < 8 else peak // 20 for at in range(frames * 160)]
    return struct.pack(f"<{len(loud)}h", *(chance.randint(-most, most) for most in loud))


async def changes(link: MediaLink, count: int) -> list[SpeakerChanged]:
    found: list[SpeakerChanged] = []
    async for event in link.events():
        if isinstance(event, SpeakerChanged):
            found.append(event)
        if len(found) == count:
            break
    return found


def power(pcm: bytes) -> float:
    samples = [value for (value,) in struct.iter_unpack("<h", pcm)]
    return float(sum(value * value for value in samples)) / len(samples)


async def test_who_speaks_is_told_once_and_heard_louder(link: MediaLink, dial: Dial) -> None:
    (a, quiet), (b, other), (c, third) = await dial(), await dial(), await dial()
    for port in (a, b, c):
        await link.join(7, port)
    await link.attend(a, level=True, speaker=True)
    quiet.say(syllables(150, peak=800))
    heard = await third.hear(140)
    assert power(heard[-12_800:]) > 1.6 * power(heard[6_400:19_200])
    async with asyncio.timeout(5):
        first, last = await changes(link, 2)
    assert [(told.port, told.bridge, told.speaks) for told in (first, last)] == [
        (a, 7, True),
        (a, 7, False),
    ]
    assert len(other.packets) > 100


async def test_nobody_is_attended_unasked(link: MediaLink, dial: Dial) -> None:
    (a, talker), (b, listener) = await dial(), await dial()
    await link.bridge(7, a, b)
    await link.attend(b, level=False, speaker=True)
    talker.say(syllables(60, peak=4000))
    await listener.hear(40)
    listener.say(syllables(60, peak=4000))
    async with asyncio.timeout(5):
        (told,) = await changes(link, 1)
    assert told.port == b
