"""Callers who are connected with somebody beyond the queues, by a flow or by an agent."""

from collections.abc import Awaitable, Callable

import pytest

from daemon.control.calls.call import Phase
from drivers.errors import LinkLost
from drivers.events import Cause, Transferred
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]
OUTSIDE = "5559000"


def target(rig: ControlRig) -> FakeLine:
    """The line on which the target was rung."""
    return rig.driver.line(rig.driver.dialled[-1].line)


def kinds(rig: ControlRig) -> list[tuple[str, str]]:
    """Kind and result of each segment of the first call."""
    return [(row.kind, row.result) for row in rig.segments(rig.calls()[0])]


async def test_flow_connects_its_caller(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "4")
    assert (rig.driver.dialled[-1].number, rig.phase(line)) == (OUTSIDE, Phase.FLOW)
    assert rig.media.hears(line.port) == ()  # the ringing tone
    await target(rig).talk()
    await rig.settle()
    assert rig.phase(line) is Phase.OUTSIDE
    assert list(rig.media.bridges.values()) == [frozenset((line.port, target(rig).port))]
    await rig.later(7)
    await rig.hang_up(target(rig))
    assert line.state is State.IDLE  # the node leads to the end
    assert rig.calls()[0].outcome == "transferred_out"
    assert kinds(rig) == [
        ("ivr", "answered"),
        ("transfer", "answered"),
        ("outside", ""),
        ("ivr", ""),
    ]
    assert_sound(rig)


@pytest.mark.parametrize(
    ("cause", "result"),
    [(Cause.BUSY, "busy"), (Cause.NO_ANSWER, "no_answer"), (Cause.CONGESTION, "failed")],
)
async def test_flow_goes_on_when_nobody_takes_the_call(
    rig: ControlRig, cause: Cause, result: str
) -> None:
    line = await rig.call()
    await rig.press(line, "4")
    await target(rig).drop(cause)
    await rig.settle()
    assert rig.speech.said[-1] == "All are busy"
    assert ("transfer", result) in kinds(rig)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_target_rings_as_long_as_the_flow_says(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "4")
    await rig.later(31)
    assert target(rig).state is State.IDLE
    assert rig.speech.said[-1] == "All are busy"
    await rig.hang_up(line)
    assert_sound(rig)


async def test_no_line_is_free(rig: ControlRig) -> None:
    line = await rig.call()
    for _ in rig.driver.trunks[1:]:
        rig.driver.ring()
    await rig.settle()
    await rig.press(line, "4")
    assert rig.speech.said[-1] == "All are busy"
    assert rig.driver.dialled == []


async def test_dialling_fails_at_once(rig: ControlRig) -> None:
    line = await rig.call()
    rig.driver.line(rig.driver.trunks[1]).faults["dial"] = LinkLost("no carrier")
    await rig.press(line, "4")
    assert rig.speech.said[-1] == "All are busy"
    await rig.hang_up(line)
    assert_sound(rig)


async def test_caller_leaves_while_it_rings(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "4")
    await rig.hang_up(line)
    assert target(rig).state is State.IDLE
    assert_sound(rig)


async def test_caller_leaves_while_they_talk(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "4")
    await target(rig).talk()
    await rig.settle()
    await rig.hang_up(line)
    assert target(rig).state is State.IDLE
    assert_sound(rig)


async def test_conversation_outside_survives_a_crash(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "4")
    await target(rig).talk()
    await rig.settle()
    outside = target(rig)
    await rig.again()
    assert rig.phase(line) is Phase.OUTSIDE
    await rig.hang_up(outside)
    assert line.state is State.IDLE
    assert_sound(rig)


async def test_ringing_target_is_rung_again_after_a_crash(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "4")
    await rig.again()
    assert [call.number for call in rig.driver.dialled] == [OUTSIDE, OUTSIDE]
    await target(rig).talk()
    await rig.settle()
    assert rig.phase(line) is Phase.OUTSIDE
    await rig.hang_up(line)


async def test_agent_hands_the_caller_on(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    rig.driver.emit(Transferred(line=agent.id, to=OUTSIDE, transfer="t1"))
    await rig.settle()
    assert rig.phase(line) is Phase.TALKING
    await target(rig).talk()
    await rig.settle()
    assert rig.driver.transfers == [("t1", None)]
    assert (rig.phase(line), rig.state("ann")) == (Phase.OUTSIDE, "ready")
    assert list(rig.media.bridges.values()) == [frozenset((line.port, target(rig).port))]
    assert agent.state is State.IDLE
    await rig.hang_up(line)
    assert rig.calls()[0].outcome == "answered"
    assert_sound(rig)


async def test_agent_keeps_the_caller_when_the_target_is_busy(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    rig.driver.emit(Transferred(line=agent.id, to=OUTSIDE, transfer="t1"))
    await rig.settle()
    await target(rig).drop(Cause.BUSY)
    await rig.settle()
    assert rig.driver.transfers == [("t1", Cause.BUSY)]
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(agent)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_agent_hands_on_to_a_colleague_at_a_station(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    rig.driver.emit(Transferred(line=agent.id, to="2002", transfer="t1"))
    await rig.settle()
    colleague = await rig.answer("2002")
    assert rig.phase(line) is Phase.OUTSIDE
    await rig.hang_up(colleague)
    assert rig.phase(line) is Phase.FLOW
    await rig.hang_up(line)
    assert_sound(rig)


async def test_agent_hangs_up_before_the_target_answers(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    rig.driver.emit(Transferred(line=agent.id, to=OUTSIDE, transfer="t1"))
    await rig.settle()
    await rig.hang_up(agent)
    assert (rig.phase(line), rig.media.hears(line.port)) == (Phase.FLOW, ())
    await target(rig).talk()
    await rig.settle()
    assert rig.phase(line) is Phase.OUTSIDE
    await rig.hang_up(line)
    assert_sound(rig)


@pytest.mark.parametrize("to", ["", "sip:evil@example.org", "0" * 40])
async def test_what_nobody_can_dial_is_refused(rig: ControlRig, to: str) -> None:
    line, agent = await rig.connect()
    before = len(rig.driver.dialled)
    rig.driver.emit(Transferred(line=agent.id, to=to, transfer="t1"))
    await rig.settle()
    assert (len(rig.driver.dialled), rig.driver.transfers) == (before, [("t1", Cause.NO_ROUTE)])
    await rig.hang_up(line)
    assert_sound(rig)
