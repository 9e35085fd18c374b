"""What wakes a call that rests: told at once, told while control ends, told of what it left."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from acd_core.agent import AgentState
from daemon.control.calls.call import Phase
from daemon.control.calls.context import (
    CallPart,
    HangUpRequest,
    HoldRequest,
    PauseRecordingRequest,
)
from daemon.control.calls.parts.on_demand import PARTS
from daemon.store.rows import RecordingRow
from drivers.events import Cause, Released, Transferred
from tests.daemon.control.calls.test_any_story import everybody_talks_on
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]


def living(rig: ControlRig) -> list[str]:
    """Names of the tasks of calls."""
    names = {f"call {call}" for call in rig.controller.calls}
    return [each.get_name() for each in asyncio.all_tasks() if each.get_name() in names]


async def resting(rig: ControlRig) -> tuple[FakeLine, FakeLine]:
    """A conversation in which nothing happens: lines of caller and agent."""
    line, agent = await rig.connect()
    await everybody_talks_on(rig)
    assert rig.phase(line) is Phase.TALKING
    assert not living(rig)
    return line, agent


async def test_all_that_is_told_at_once_is_handled_in_order_by_one_task(rig: ControlRig) -> None:
    line, _ = await resting(rig)
    call = rig.call_on(line)
    for on in (True, False, True):
        rig.controller.request(call.id, HoldRequest(on=on))
    assert living(rig) == [f"call {call.id}"]
    await rig.settle()
    assert call.phase is Phase.ON_HOLD
    held = [kind for kind, *_ in rig.kinds(rig.calls()[0])].count("hold")
    assert held == 2
    await rig.hang_up(line)
    assert_sound(rig)


async def test_both_sides_hang_up_at_once(rig: ControlRig) -> None:
    line, agent = await resting(rig)
    for each in (agent, line):
        await each.drop(Cause.NORMAL)
    rig.controller.request(rig.call_on(line).id, HangUpRequest(by="system"))
    await rig.settle()
    assert (line.state, agent.state) == (State.IDLE, State.IDLE)
    assert rig.calls()[0].outcome == "answered"
    assert_sound(rig)


async def test_recording_is_paused_goes_on_after_media_restarted_and_ends(rig: ControlRig) -> None:
    line, _ = await resting(rig)
    call = rig.call_on(line)
    done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    rig.controller.request(call.id, PauseRecordingRequest(on=True, done=done))
    assert await done
    await everybody_talks_on(rig)
    first = call.recording
    rig.media.restart()
    await rig.settle()
    assert first is not None
    assert call.recording is not None
    assert call.recording.id != first.id
    assert set(rig.media.pauses) == {call.recording.id}
    await everybody_talks_on(rig)
    assert not living(rig)
    await rig.hang_up(line)
    assert len(rig.book.newest(RecordingRow)) == 2
    assert_sound(rig)


async def test_agents_leg_without_keys_ends_the_conversation(rig: ControlRig) -> None:
    line, agent = await resting(rig)
    assert agent.port is not None
    rig.media.keys_by_dtls(agent.port, "closed", "")
    await rig.settle()
    assert agent.released_with
    await rig.hang_up(line)
    await rig.later(20)
    assert rig.state("ann") is AgentState.READY
    assert_sound(rig)


async def test_keys_and_tones_in_a_conversation_are_not_the_flows(rig: ControlRig) -> None:
    line, _ = await resting(rig)
    for _ in range(3):
        await rig.press(line, "19#")
        await everybody_talks_on(rig)
        assert rig.phase(line) is Phase.TALKING
        assert not living(rig)
    await rig.hang_up(line)
    assert_sound(rig)


@pytest.mark.parametrize("kind", PARTS.values(), ids=PARTS)
def test_a_part_with_a_memory_says_when_it_may_be_let_go(kind: type[CallPart]) -> None:
    own = [name for each in kind.__mro__ for name in getattr(each, "__slots__", ())]
    remembers = "__dict__" in dir(kind) or len(own) > len(CallPart.__slots__)
    assert remembers == (kind.is_spare is not CallPart.is_spare)


async def test_two_calls_that_rest_become_one(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    second = await rig.dial("2001", "2002", second=True)
    colleague = await rig.answer("2002")
    await everybody_talks_on(rig)
    assert len(rig.controller.calls) == 2
    assert not living(rig)
    rig.driver.emit(Transferred(line=agent.id, to="x", transfer="t", other=second.id))
    await rig.settle()
    assert list(rig.media.bridges.values()) == [frozenset((line.port, colleague.port))]
    await everybody_talks_on(rig)
    assert len(rig.controller.calls) == 1
    assert not living(rig)
    await rig.hang_up(colleague)
    await rig.hear_out(line)
    assert line.state is State.IDLE
    assert_sound(rig)


async def test_a_call_that_rested_goes_on_after_a_kill_and_rests_again(rig: ControlRig) -> None:
    line, agent = await resting(rig)
    await rig.again()
    assert rig.phase(line) is Phase.TALKING
    await everybody_talks_on(rig)
    assert not living(rig)
    await rig.hang_up(agent)
    await rig.hear_out(line)
    assert line.state is State.IDLE
    assert_sound(rig)


@pytest.mark.parametrize("turns", range(6))
async def test_what_is_told_while_control_ends_is_found_by_the_next_one(
    rig: ControlRig, turns: int
) -> None:
    line, agent = await resting(rig)
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    life = rig.controller.calls[rig.call_on(line).id]
    assert rig._running is not None
    rig._running.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    life.tell(Released(line=agent.id, cause=Cause.NORMAL))
    life.tell(HangUpRequest(by="system"))
    await rig.again()
    assert faults == []
    for each in (line, agent):
        if each.state is not State.IDLE:
            await rig.hang_up(each)
    await rig.later(20)
    assert rig.state("ann") is AgentState.READY
    assert_sound(rig)
