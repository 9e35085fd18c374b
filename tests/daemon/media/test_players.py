"""Players that are moved, slowed, sent round and kept in step, over the link; tones tell where."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from cython_ext import dsp
from daemon.link import messages as told
from daemon.link.client import MediaLink
from daemon.media.app import MediaProcess
from drivers.api import PortId
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
PITCHES = (400, 600, 800, 1000, 1200, 1400)


def stairs(path: Path) -> str:
    """A prompt of 3 s in which each half second has a tone of its own."""
    path.write_bytes(b"".join(dsp.ToneGenerator([hz], -10.0).generate(4000) for hz in PITCHES))
    return path.name


async def pitch(phone: RtpPhone) -> int:
    """The tone of the next 60 ms."""
    heard = await phone.hear(3)
    return max(PITCHES, key=lambda hz: dsp.goertzel(heard, 8000, hz))


async def finished(link: MediaLink) -> told.PlayFinished:
    async with asyncio.timeout(10):
        async for event in link.events():
            if isinstance(event, told.PlayFinished):
                return event
    raise AssertionError("the link was closed")


async def test_a_prompt_is_moved_and_told_how_often(
    link: MediaLink, dial: Dial, site: Path
) -> None:
    port, phone = await dial()
    await link.play(port, 1, [stairs(site / "stairs.s16")], start_ms=2050)
    await phone.hear(2)
    assert await pitch(phone) == 1200
    await link.seek_play(1, 550)
    await phone.hear(2)
    assert await pitch(phone) == 600
    await link.seek_play(1, 500, relative=True)
    await phone.hear(2)
    assert await pitch(phone) == 800
    await link.set_repeat(1, 2)
    await link.seek_play(1, 2980)
    await phone.hear(4)
    assert await pitch(phone) == 400  # the second round
    await link.set_repeat(1, 1)
    await link.seek_play(1, 60_000)
    assert (await finished(link)).reason == "finished"
    await link.seek_play(1, 0)  # it has ended, which is no fault


async def test_speed_changes_how_long_it_takes_and_not_the_pitch(
    link: MediaLink, dial: Dial, site: Path
) -> None:
    port, phone = await dial()
    await phone.hear(1)
    await link.play(port, 1, [stairs(site / "stairs.s16")], speed=2.0)
    begun = len(phone.audio())
    await phone.hear(26)  # 0.5 s: a second of it
    assert await pitch(phone) == 800
    await link.set_speed(1, 1.0)
    await phone.hear(4)
    assert await pitch(phone) in (800, 1000)
    await link.set_speed(1, 2.0)
    assert (await finished(link)).reason == "finished"
    assert 75 <= len(phone.audio()) - begun <= 90


async def test_music_is_in_step_for_all_from_one_mapping(
    link: MediaLink, media: MediaProcess, dial: Dial, site: Path
) -> None:
    name = stairs(site / "music.s16")
    first, one = await dial()
    second, other = await dial()
    await link.play(first, 1, [name], in_step=True)
    await one.hear(13)
    await link.play(second, 2, [name], in_step=True)
    await other.hear(20)
    early = b"".join(packet.payload for packet in one.audio())
    late = b"".join(packet.payload for packet in other.audio())
    piece = late[-960:-320]
    at = early.rfind(piece)
    assert at > 0  # the same samples, at the same time but for what is on its way
    assert abs((len(early) - at) - (len(late) - late.rfind(piece))) <= 480
    counters = await link.counters()
    assert (counters["cached_prompts"], counters["cached_bytes"]) == (1, 48_000)
