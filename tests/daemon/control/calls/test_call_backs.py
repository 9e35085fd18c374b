"""Callers who hang up and keep their place: called when it is their turn, and where they stood."""

from collections.abc import Awaitable, Callable

import pytest

from acd_core.events import CallbackCancelled, encode
from acd_core.ids import CallId
from acd_core.queue_life.options import CallbackRules
from daemon.control.calls.call import Phase
from drivers.events import Cause
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]
RULES = CallbackRules(dial_ahead_s=30, ring_s=30, retry_s=300, grace_s=600)


async def keep_place(rig: ControlRig, ani: str = "0305551") -> FakeLine:
    """Somebody calls, waits, and wants to be called."""
    line = await rig.call("600", ani=ani)
    await rig.press(line, "5")
    assert rig.speech.said[-1] == "We will call you"
    await rig.hear_out(line)
    assert line.state is State.IDLE
    return line


async def come(rig: ControlRig, login: str) -> None:
    """An agent is ready, and turns are predicted, which takes a second at most."""
    await rig.seat(login)
    await rig.later(1.1)


def dialled(rig: ControlRig) -> list[str]:
    """Numbers of people that were called, stations left out."""
    return [call.number for call in rig.driver.dialled if str(call.line).startswith("fake/")]


@pytest.fixture
async def rig(make_rig: MakeRig) -> ControlRig:
    return await make_rig(queues=[make_queue(callback=RULES)])


async def test_caller_is_called_when_an_agent_is_there(rig: ControlRig) -> None:
    await keep_place(rig)
    [row], [visit] = rig.calls(), rig.visits()
    assert (row.outcome, visit.outcome) == ("callback_taken", "callback_taken")
    assert dialled(rig) == []
    await rig.later(60)
    await come(rig, "ann")
    assert dialled(rig) == ["0305551"]
    line = rig.driver.line(rig.driver.dialled[-1].line)
    await line.talk()
    await rig.settle()
    assert rig.speech.said[-1].startswith("This is the call you asked for.")
    await rig.press(line, "1")
    assert rig.phase(line) is Phase.OFFERED
    waiting = rig.engine.snapshot(rig.clock()).queues[0].waiting
    assert len(waiting) == 1
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(line)
    _, second = rig.calls()
    assert (second.direction, second.ani, second.outcome) == ("out", "0305551", "answered")
    assert rig.controller.places.kept == {}
    assert_sound(rig)


async def test_he_stands_where_he_stood(rig: ControlRig) -> None:
    await rig.seat("ann")
    first = await rig.call("200")
    agent = await rig.answer("2001")
    await keep_place(rig)
    later = await rig.call("200", ani="0305559")
    await rig.hang_up(agent)
    await rig.hang_up(first)
    await rig.later(1)
    # He was not there when the agent became free; now he comes, before any third caller.
    assert rig.phase(later) is Phase.OFFERED
    third = await rig.call("200", ani="0305560")
    assert dialled(rig) == ["0305551"]
    back = next(
        line for line in map(rig.driver.line, rig.driver.trunks) if line.state is State.DIALLING
    )
    await back.talk()
    await rig.settle()
    await rig.press(back, "1")
    waiting = rig.engine.snapshot(rig.clock()).queues[0].waiting
    order = [entry.ani for entry in waiting if entry.agent is None]
    assert order == ["0305551", "0305560"]
    for line in (back, later, third):
        await rig.hang_up(line)
    assert_sound(rig)


async def test_two_attempts_and_then_his_place_is_kept_a_while(rig: ControlRig) -> None:
    await keep_place(rig)
    await come(rig, "ann")
    for attempt in (1, 2):
        assert dialled(rig) == ["0305551"] * attempt
        line = rig.driver.line(rig.driver.dialled[-1].line)
        await line.drop(Cause.BUSY)
        await rig.later(301)
    assert dialled(rig) == ["0305551"] * 2
    assert len(rig.engine.snapshot(rig.clock()).queues[0].callbacks) == 1
    himself = await rig.call("200", ani="0305551")
    assert rig.phase(himself) is Phase.OFFERED
    assert rig.engine.snapshot(rig.clock()).queues[0].callbacks == ()
    await rig.hang_up(himself)
    assert_sound(rig)


async def test_nobody_answers_in_time(rig: ControlRig) -> None:
    await keep_place(rig)
    await come(rig, "ann")
    line = rig.driver.line(rig.driver.dialled[-1].line)
    await rig.later(31)
    assert line.state is State.IDLE
    await rig.later(300)
    assert len(dialled(rig)) == 2
    await rig.later(2000)
    assert rig.engine.snapshot(rig.clock()).queues[0].callbacks == ()
    assert rig.controller.places.kept == {}
    assert_sound(rig)


async def test_an_answering_machine_is_not_connected(rig: ControlRig) -> None:
    await keep_place(rig)
    await come(rig, "ann")
    line = rig.driver.line(rig.driver.dialled[-1].line)
    await line.talk()
    await rig.settle()
    for _ in range(3):
        await rig.hear_out(line)
        await rig.later(7)
    assert line.state is State.IDLE
    assert rig.state("ann") == "ready"
    assert_sound(rig)


async def test_place_survives_a_crash(rig: ControlRig) -> None:
    await keep_place(rig)
    await rig.again()
    assert [kept.number for kept in rig.controller.places.kept.values()] == ["0305551"]
    await come(rig, "ann")
    assert dialled(rig) == ["0305551"]
    line = rig.driver.line(rig.driver.dialled[-1].line)
    await line.talk()
    await rig.settle()
    await rig.press(line, "1")
    await rig.answer("2001")
    await rig.hang_up(line)
    assert rig.calls()[-1].outcome == "answered"


async def test_no_free_line_is_waited_for(rig: ControlRig) -> None:
    await keep_place(rig)
    blocking = [rig.driver.ring(dnis="100") for _ in rig.driver.trunks]
    await rig.settle()
    await come(rig, "ann")
    assert dialled(rig) == []
    await rig.hang_up(blocking[0])
    await rig.later(2)
    assert dialled(rig) == ["0305551"]
    for line in blocking[1:]:
        await rig.hang_up(line)


@pytest.mark.parametrize("ani", ["", "anonymous"])
async def test_without_a_number_he_stays_in_line(rig: ControlRig, ani: str) -> None:
    line = await rig.call("600", ani=ani)
    await rig.press(line, "5")
    assert rig.phase(line) is Phase.WAITING
    assert rig.speech.said[-1].startswith("We cannot call you back")
    await rig.hang_up(line)
    assert_sound(rig)


async def test_a_queue_without_call_backs_refuses(make_rig: MakeRig) -> None:
    rig = await make_rig()
    line = await rig.call("600", ani="0305551")
    await rig.press(line, "5")
    assert rig.phase(line) is Phase.WAITING
    assert rig.controller.places.kept == {}
    await rig.hang_up(line)
    assert_sound(rig)


async def test_a_place_that_the_engine_does_not_hold_is_forgotten(rig: ControlRig) -> None:
    await keep_place(rig)
    (place,) = rig.controller.places.kept
    # As after a kill between the engine's last word of the place and our note of it.
    rig.journal.append("acd", encode(CallbackCancelled(call=CallId(place))), rig.clock())
    await rig.again()
    assert rig.controller.places.kept == {}
    await rig.again()
    assert rig.controller.places.kept == {}
