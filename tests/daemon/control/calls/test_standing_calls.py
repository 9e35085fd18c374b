"""A call whose people talk waits without a task, keeps little, and wakes for whatever happens."""

import asyncio
import gc
import tracemalloc

from daemon.control.calls.call import Phase
from daemon.control.calls.context import CallPart, HangUpRequest
from daemon.control.calls.parts.on_demand import PARTS
from daemon.control.facade.directory import AgentInfo
from daemon.control.flows.ivr_runner import IvrRunner
from drivers.events import Held, Retrieved
from tests.daemon.control.calls.conftest import MakeRig
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine, State

FIRST = 8  # they make what is made once
CALLS = 40
MOST_BYTES = 7_000  # of control between driver and link, with what the fakes keep; it took 5,700
AGENTS = [
    AgentInfo(key=key, login=f"a{key}", name=f"Agent {key}", station=str(3000 + key))
    for key in range(1, FIRST + CALLS + 1)
]


def tasks_of(rig: ControlRig) -> set[str]:
    """Names of the tasks that calls have now."""
    names = {f"call {call}" for call in rig.controller.calls}
    return {task.get_name() for task in asyncio.all_tasks()} & names


async def talking(rig: ControlRig, number: int) -> tuple[FakeLine, FakeLine]:
    """One more conversation: lines of caller and agent."""
    line = rig.driver.ring(dnis="200", ani=f"0160000{number:04}")
    await rig.settle()
    (agent,) = rig.call_on(line).ringing
    return line, await rig.answer(str(3000 + agent))


async def a_quiet_while(rig: ControlRig) -> None:
    """What two seconds without an event are for the calls."""
    await rig.settle()
    for _ in range(2):
        rig.controller.quiet.look()
    await rig.settle()


def forget_seen(rig: ControlRig) -> None:
    """Let the fakes keep nothing of what they saw."""
    rig.book.written.clear()
    rig.driver.dialled.clear()
    rig.media.played.clear()
    for name in rig.driver.names:
        rig.driver.line(name).asked.clear()


async def test_memory_of_calls_that_stand(make_rig: MakeRig) -> None:
    rig = await make_rig(agents=AGENTS, trunks=FIRST + CALLS)
    await rig.seat(*(agent.login for agent in AGENTS))
    tracemalloc.start()
    try:
        for number in range(FIRST):
            await talking(rig, number)
        await a_quiet_while(rig)
        forget_seen(rig)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(FIRST, FIRST + CALLS):
            await talking(rig, number)
        await a_quiet_while(rig)
        forget_seen(rig)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(rig.controller.calls) == FIRST + CALLS
    assert (after - before) / CALLS < MOST_BYTES


async def test_a_call_that_talks_has_neither_a_task_nor_parts(make_rig: MakeRig) -> None:
    rig = await make_rig(agents=AGENTS[:1])
    await rig.seat("a1")
    line, _ = await talking(rig, 0)
    await a_quiet_while(rig)
    assert rig.call_on(line).phase is Phase.TALKING
    assert not tasks_of(rig)
    gc.collect()
    # By their very class: what other tests left behind may be a proxy of what is gone.
    call, held = rig.call_on(line), gc.get_objects()
    assert not [each for each in held if type(each) in PARTS.values() and each.call is call]
    ids = rig.controller.ids
    assert not [each for each in held if type(each) is IvrRunner and each._ids is ids]


async def test_whatever_happens_wakes_it_and_it_rests_again(make_rig: MakeRig) -> None:
    rig = await make_rig(agents=AGENTS[:1])
    await rig.seat("a1")
    line, station = await talking(rig, 0)
    await a_quiet_while(rig)
    call = rig.call_on(line)
    assert not tasks_of(rig)
    rig.driver.emit(Held(line=station.id))
    await rig.settle()
    assert call.phase is Phase.ON_HOLD
    rig.driver.emit(Retrieved(line=station.id))
    await rig.settle()
    assert call.phase is Phase.TALKING
    assert tasks_of(rig)
    await a_quiet_while(rig)
    assert not tasks_of(rig)
    rig.controller.request(call.id, HangUpRequest(by="agent"))
    await rig.settle()
    assert not rig.controller.calls
    assert (line.state, station.state) == (State.IDLE, State.IDLE)


async def test_what_happened_in_between_keeps_it_awake(make_rig: MakeRig) -> None:
    rig = await make_rig(agents=AGENTS[:1])
    await rig.seat("a1")
    line, station = await talking(rig, 0)
    rig.controller.quiet.look()
    rig.driver.emit(Held(line=station.id))
    rig.driver.emit(Retrieved(line=station.id))
    await rig.settle()
    rig.controller.quiet.look()
    await rig.settle()
    # It may rest by the look before; what is told as it grows tired is heard all the same.
    life = rig.controller.calls[rig.call_on(line).id]
    rig.controller.quiet.look()
    life.tell(HangUpRequest(by="agent"))
    await rig.settle()
    assert not rig.controller.calls


async def test_what_is_told_while_control_ends_is_heard_by_nobody(make_rig: MakeRig) -> None:
    rig = await make_rig(agents=AGENTS[:1])
    await rig.seat("a1")
    line, _ = await talking(rig, 0)
    await a_quiet_while(rig)
    life = rig.controller.calls[rig.call_on(line).id]
    await rig.crash()
    life.tell(HangUpRequest(by="agent"))
    await rig.settle()
    assert life.call.phase is Phase.TALKING


async def test_no_flow_outlives_control_when_its_call_rests(make_rig: MakeRig) -> None:
    rig = await make_rig()
    line = await rig.call()
    await rig.press(line, "4")
    await rig.driver.line(rig.driver.dialled[-1].line).talk()
    await a_quiet_while(rig)
    assert rig.phase(line) is Phase.OUTSIDE
    assert not tasks_of(rig)
    flow = f"flow of call {rig.call_on(line).id}"
    assert flow in {task.get_name() for task in asyncio.all_tasks()}
    await rig.crash()
    assert flow not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_part_that_knows_something_is_kept(make_rig: MakeRig) -> None:
    rig = await make_rig(agents=AGENTS[:1])
    await rig.seat("a1")
    line, _ = await talking(rig, 0)
    await a_quiet_while(rig)
    life = rig.controller.calls[rig.call_on(line).id]
    parts: list[CallPart] = [getattr(life, name) for name in PARTS]
    life.moves.consulting  # noqa: B018 - made by asking for it
    life.let_go()
    assert life.moves is parts[list(PARTS).index("moves")]
    assert life.visits is not parts[list(PARTS).index("visits")]
