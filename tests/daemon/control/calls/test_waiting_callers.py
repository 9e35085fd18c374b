"""What callers hear while they wait: announcements between the music, and back to it."""

from collections.abc import Awaitable, Callable

from acd_core.queue_life.options import Announcements
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]

TOLD = Announcements(first_s=10, every_s=30, estimate=False)


def heard(rig: ControlRig, line: object) -> list[str]:
    """Everything that was played to a line, by its text; tones as such."""
    return [
        " ".join(rig.speech.texts.get(path, path) for path in play.files) or "tone"
        for play in rig.media.played
        if play.port == line.port  # type: ignore[attr-defined]
    ]


async def test_place_is_told_and_the_music_goes_on(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(announcements=TOLD)])
    first, second = await rig.call("200"), await rig.call("200")
    await rig.later(12)
    assert heard(rig, first) == ["tone", "You are next.", "tone"]
    assert heard(rig, second) == ["tone", "You are number 2 in the queue.", "tone"]
    await rig.hang_up(first)
    await rig.later(30)
    assert heard(rig, second)[-2:] == ["You are next.", "tone"]
    await rig.hang_up(second)
    assert_sound(rig)


async def test_nothing_is_announced_while_an_agent_talks(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(announcements=TOLD)])
    await rig.seat("ann")
    line = await rig.call("200")
    await rig.answer("2001")
    played = len(rig.media.played)
    await rig.later(120)
    assert len(rig.media.played) == played
    await rig.hang_up(line)
    assert_sound(rig)
