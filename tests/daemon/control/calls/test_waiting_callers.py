"""What callers hear while they wait: announcements between the music, and back to it."""

from collections.abc import Awaitable, Callable

from acd_core.queue_life.options import Announcements, Overflow
from daemon.control.calls.call import Phase
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


async def test_call_goes_on_in_another_queue(make_rig: MakeRig) -> None:
    away = Overflow(to=(2,), after_s=20.0)
    rig = await make_rig(queues=[make_queue(overflow=(away,)), make_queue(2, "help")])
    talking, agent = await rig.connect()
    line = await rig.call("200", ani="0305552")
    await rig.later(21)
    assert rig.phase(line) is Phase.WAITING
    assert rig.call_on(line).queue == 2
    first, second = rig.visits()[1:]
    assert (first.queue_id, first.outcome, first.detail) == (1, "overflowed", "waited")
    assert second.queue_id == 2
    assert second.entered_ms == first.left_ms
    await rig.hang_up(line)
    assert rig.visits()[2].outcome == "abandoned"
    await rig.hang_up(talking)
    assert agent.port is None
    assert_sound(rig)


async def test_a_refused_call_goes_on_at_once(make_rig: MakeRig) -> None:
    away = Overflow(to=(2,), when_refused=True)
    rig = await make_rig(
        queues=[make_queue(overflow=(away,), max_waiting=0), make_queue(2, "help")]
    )
    await rig.seat("ann")
    line = await rig.call("200")
    assert rig.phase(line) is Phase.OFFERED
    assert [(v.queue_id, v.outcome) for v in rig.visits()] == [(1, "overflowed"), (2, "")]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_a_closed_queue_says_so_to_the_flow(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(unattended=True)])
    await rig.seat("ann")
    line = await rig.call_sales()
    assert rig.speech.said[-1] == "The queue is full"
    [visit] = rig.visits()
    assert (visit.outcome, visit.detail) == ("refused", "unattended")
    await rig.hang_up(line)
    assert_sound(rig)
