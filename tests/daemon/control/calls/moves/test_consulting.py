"""Attended transfer from the desk: ask, go from one to the other, hand over, come back."""

import pytest

from daemon.control.calls.call import Phase
from daemon.control.calls.moves.asking import ConsultRequest, ConsultStepRequest
from daemon.control.calls.moves.tables import (
    CONSULT_TABLE,
    ConsultState,
    ConsultStep,
    IllegalMove,
    moved,
)
from daemon.link.errors import MediaRefused
from drivers.events import Cause
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

OUTSIDE = "5559000"


async def ask(rig: ControlRig, line: FakeLine, to: str = "2002") -> FakeLine:
    """The agent asks somebody; the line that rings for it."""
    rig.controller.request(rig.call_on(line).id, ConsultRequest(to=to, by="ann"))
    await rig.settle()
    return rig.driver.line(rig.driver.dialled[-1].line)


async def step(rig: ControlRig, line: FakeLine, step: ConsultStep) -> None:
    rig.controller.request(rig.call_on(line).id, ConsultStepRequest(step=step))
    await rig.settle()


def together(rig: ControlRig, *lines: FakeLine) -> bool:
    """Whether two hear each other, and nobody else hears anybody."""
    return list(rig.media.bridges.values()) == [frozenset(line.port for line in lines)]


@pytest.mark.parametrize("state", ConsultState)
@pytest.mark.parametrize("move", ConsultStep)
def test_table_is_followed_or_refuses(state: ConsultState, move: ConsultStep) -> None:
    if (state, move) in CONSULT_TABLE:
        assert moved(CONSULT_TABLE, state, move) is CONSULT_TABLE[state, move]
    else:
        with pytest.raises(IllegalMove):
            moved(CONSULT_TABLE, state, move)


def test_every_state_is_reached_and_only_over_is_a_trap() -> None:
    assert set(CONSULT_TABLE.values()) | {ConsultState.RINGS} == set(ConsultState)
    traps = set(ConsultState) - {before for before, _ in CONSULT_TABLE}
    assert traps == {ConsultState.OVER}


async def test_agent_asks_goes_to_and_fro_and_hands_over(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    colleague = await ask(rig, line)
    assert (rig.phase(line), rig.state("ann")) == (Phase.ON_HOLD, "on_hold")
    assert rig.media.hears(agent.port) == ()
    await colleague.talk()
    await rig.settle()
    assert together(rig, agent, colleague)
    await step(rig, line, ConsultStep.SWAP)
    assert together(rig, agent, line)
    assert (rig.phase(line), rig.state("ann")) == (Phase.TALKING, "talking")
    await step(rig, line, ConsultStep.SWAP)
    assert together(rig, agent, colleague)
    await rig.later(3)
    await step(rig, line, ConsultStep.COMPLETE)
    assert together(rig, line, colleague)
    assert (rig.phase(line), agent.state) == (Phase.OUTSIDE, State.IDLE)
    assert rig.state("ann") == "ready"
    await rig.later(2)
    await rig.hang_up(line)
    assert colleague.state is State.IDLE
    assert_sound(rig)
    (consult,) = [row for row in rig.segments(rig.calls()[0]) if row.kind == "consult"]
    assert consult.detail == {"by": "ann", "to": "2002"}
    (outside,) = [row for row in rig.segments(rig.calls()[0]) if row.kind == "outside"]
    assert outside.detail == {"by": "ann", "to": "2002", "way": "attended"}


async def test_agent_goes_back_to_the_caller(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    target = await ask(rig, line, OUTSIDE)
    await target.talk()
    await rig.settle()
    await step(rig, line, ConsultStep.CANCEL)
    assert together(rig, agent, line)
    assert (target.state, rig.phase(line)) == (State.IDLE, Phase.TALKING)
    await rig.hang_up(line)
    assert_sound(rig)


@pytest.mark.parametrize("cause", [Cause.BUSY, Cause.REJECTED, Cause.CONGESTION])
async def test_target_does_not_come(rig: ControlRig, cause: Cause) -> None:
    line, agent = await rig.connect()
    target = await ask(rig, line)
    await target.drop(cause)
    await rig.settle()
    assert together(rig, agent, line)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_target_that_rings_too_long_is_given_up(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    target = await ask(rig, line)
    await rig.later(61)
    assert (target.state, rig.phase(line)) == (State.IDLE, Phase.TALKING)
    await rig.hang_up(agent)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_target_hangs_up_while_the_agent_is_with_the_caller(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    target = await ask(rig, line)
    await target.talk()
    await rig.settle()
    await step(rig, line, ConsultStep.SWAP)
    await rig.hang_up(target)
    assert together(rig, agent, line)
    assert rig.call_on(line).consult is None
    await rig.hang_up(line)
    assert_sound(rig)


@pytest.mark.parametrize("answered", [True, False])
async def test_agent_hands_over_by_hanging_up(rig: ControlRig, answered: bool) -> None:
    line, agent = await rig.connect()
    target = await ask(rig, line)
    if answered:
        await target.talk()
        await rig.settle()
    await rig.hang_up(agent)
    if not answered:
        assert rig.phase(line) is Phase.FLOW
        await target.talk()
        await rig.settle()
    assert together(rig, line, target)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_handed_over_before_the_answer(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    target = await ask(rig, line)
    await step(rig, line, ConsultStep.COMPLETE)
    assert (agent.state, target.state) == (State.IDLE, State.DIALLING)
    await target.talk()
    await rig.settle()
    assert together(rig, line, target)
    await rig.hang_up(target)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_caller_leaves_meanwhile(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    target = await ask(rig, line)
    await target.talk()
    await rig.settle()
    await rig.hang_up(line)
    assert (agent.state, target.state) == (State.IDLE, State.IDLE)
    assert_sound(rig)


async def test_media_cannot_join_agent_and_target(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    target = await ask(rig, line)
    rig.media.faults["bridge"] = MediaRefused("full", "no bridge is free")
    await target.talk()
    for _ in range(3):
        await rig.settle()
    rig.media.faults.clear()
    assert target.state is State.IDLE
    # Nor can it join agent and caller again: nobody is left on a dead line.
    assert (agent.state, line.state) == (State.IDLE, State.IDLE)
    assert rig.controller.calls == {}


async def test_asked_twice_or_for_nobody_changes_nothing(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    for nobody in ("", "sip:x@y", "2001"):
        await ask(rig, line, nobody)
        assert rig.phase(line) is Phase.TALKING
    await ask(rig, line)
    dialled = len(rig.driver.dialled)
    await ask(rig, line, OUTSIDE)
    assert len(rig.driver.dialled) == dialled
    await rig.hang_up(line)
    assert_sound(rig)


async def test_all_three_talk_and_the_agent_leaves(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    guest = await ask(rig, line)
    await guest.talk()
    await rig.settle()
    await step(rig, line, ConsultStep.JOIN)
    bridge = rig.call_on(line).bridge
    assert together(rig, agent, line)
    assert rig.media.parts[guest.port] == (bridge, "talks", None)  # type: ignore[index]
    assert rig.state("bob") == "logged_out"
    # A fourth one comes, and hold parts all until the agent is back.
    second = await ask(rig, line, OUTSIDE)
    await second.talk()
    await rig.settle()
    await step(rig, line, ConsultStep.JOIN)
    assert len(rig.media.parts) == 2
    assert {part[0] for part in rig.media.parts.values()} == {rig.call_on(line).bridge}
    await rig.hang_up(agent)
    assert together(rig, line, guest)
    assert set(rig.media.parts) == {second.port}
    await rig.hang_up(guest)
    assert together(rig, line, second)
    await rig.hang_up(line)
    assert second.state is State.IDLE
    assert_sound(rig)


async def test_guest_leaves_first(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    guest = await ask(rig, line)
    await guest.talk()
    await rig.settle()
    await step(rig, line, ConsultStep.JOIN)
    await rig.hang_up(guest)
    assert together(rig, agent, line)
    await rig.hang_up(agent)
    await rig.hang_up(line)
    assert_sound(rig)


@pytest.mark.parametrize("swapped", [True, False])
async def test_consultation_survives_a_crash(rig: ControlRig, swapped: bool) -> None:
    line, agent = await rig.connect()
    target = await ask(rig, line)
    await target.talk()
    await rig.settle()
    if swapped:
        await step(rig, line, ConsultStep.SWAP)
    await rig.again()
    assert together(rig, agent, line if swapped else target)
    await step(rig, line, ConsultStep.COMPLETE)
    assert together(rig, line, target)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_conference_survives_a_crash(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    guest = await ask(rig, line)
    await guest.talk()
    await rig.settle()
    await step(rig, line, ConsultStep.JOIN)
    await rig.again()
    assert guest.state is State.TALKING
    await rig.hang_up(agent)
    assert together(rig, line, guest)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_ringing_target_is_forgotten_by_a_crash(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    await ask(rig, line)
    await rig.again()
    assert together(rig, agent, line)
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(line)
    assert_sound(rig)
