"""Who hears whom: supervisors, conferences, hold, over the link."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cython_ext import dsp
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from drivers.api import PortId
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
TONE = dsp.ToneGenerator([1000.0], -10.0).generate(16000)


async def heard_by(*phones: RtpPhone) -> list[bool]:
    """Whether each hears the tone in what comes next."""
    await asyncio.gather(*(phone.hear(12) for phone in phones))
    pcm = await asyncio.gather(*(phone.hear(10) for phone in phones))
    return [dsp.goertzel(said, 8000, 1000.0) > -20 for said in pcm]


async def test_supervisor_listens_whispers_and_barges(link: MediaLink, dial: Dial) -> None:
    (a, caller), (b, agent), (c, supervisor) = await dial(), await dial("PCMU"), await dial()
    await link.bridge(1, a, b)
    await link.join(1, c, part="listens")
    supervisor.say(TONE)
    assert await heard_by(caller, agent) == [False, False]
    await link.join(1, c, part="whispers", agent=b)
    supervisor.say(TONE)
    assert await heard_by(caller, agent) == [False, True]
    await link.join(1, c)
    supervisor.say(TONE)
    assert await heard_by(caller, agent) == [True, True]
    await link.join(1, c, part="listens")
    caller.say(TONE)
    assert await heard_by(agent, supervisor) == [True, True]
    await link.leave(c)
    caller.say(TONE)
    assert await heard_by(agent, supervisor) == [True, False]
    with pytest.raises(MediaRefused) as refused:
        await link.join(1, c, part="whispers")
    assert refused.value.code == "bad-argument"


async def test_hold_and_back_and_a_conference_of_ten(link: MediaLink, dial: Dial) -> None:
    legs = [await dial() for _ in range(10)]
    for port, _ in legs:
        await link.join(1, port)
    speaker = legs[0][1]
    speaker.say(TONE)
    assert await heard_by(*(phone for _, phone in legs[1:])) == [True] * 9
    await link.leave(legs[1][0])
    speaker.say(TONE)
    assert await heard_by(legs[1][1], legs[2][1]) == [False, True]
    await link.join(1, legs[1][0])
    speaker.say(TONE)
    assert await heard_by(legs[1][1], legs[2][1]) == [True, True]
