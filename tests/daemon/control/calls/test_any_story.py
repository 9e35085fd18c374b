"""Callers, agents and faults in any order: no call is lost and the records always agree."""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from acd_core.agent import AgentState
from acd_core.events import AgentPaused, AgentReady
from acd_core.ids import AgentId
from daemon.control.calls.call import NOBODY, NOTHING, Part
from daemon.control.calls.context import (
    HangUpRequest,
    HoldRequest,
    StopSupervisingRequest,
    SuperviseRequest,
)
from daemon.control.facade.directory import AgentInfo
from daemon.link.errors import MediaAway
from drivers.events import Cause
from tests.fakes.control_rig import AGENTS, ControlRig, make_queue
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_identity

STATIONS = ("2001", "2002")
SUES = "2003"
"""A supervisor's telephone, where no agent sits."""
AT_REST = (AgentState.READY, AgentState.PAUSED, AgentState.UNREACHABLE, AgentState.LOGGED_OUT)

numbers = itertools.count()


def callers(rig: ControlRig) -> list[FakeLine]:
    """Lines with a caller who has been answered."""
    lines = [rig.driver.line(name) for name in rig.driver.names]
    return [each for each in lines if each.id.startswith("fake/") and each.state is State.TALKING]


def phones(rig: ControlRig, state: State) -> list[FakeLine]:
    """Agents' telephones in a state."""
    found = [rig.driver.telephone(station) for station in STATIONS]
    return [phone for phone in found if phone.state is state]


async def arrive(rig: ControlRig) -> None:
    if len(callers(rig)) < 4:
        await rig.call()


async def choose_queue(rig: ControlRig) -> None:
    for line in callers(rig)[-1:]:
        await rig.press(line, "1")


async def choose_mailbox(rig: ControlRig) -> None:
    for line in callers(rig)[:1]:
        await rig.press(line, "2")


async def exit_queue(rig: ControlRig) -> None:
    for line in callers(rig)[:1]:
        await rig.press(line, "9")


async def hear_out(rig: ControlRig) -> None:
    for line in callers(rig):
        await rig.hear_out(line)


async def caller_leaves(rig: ControlRig) -> None:
    for line in callers(rig)[:1]:
        await rig.hang_up(line)


async def pick_up(rig: ControlRig) -> None:
    for phone in phones(rig, State.DIALLING)[:1]:
        await phone.talk()
        await rig.settle()


async def all_pick_up(rig: ControlRig) -> None:
    for phone in phones(rig, State.DIALLING):
        await phone.talk()
    await rig.settle()


async def decline(rig: ControlRig) -> None:
    for phone in phones(rig, State.DIALLING)[:1]:
        await phone.drop(Cause.BUSY)
        await rig.settle()


async def agent_leaves(rig: ControlRig) -> None:
    for phone in phones(rig, State.TALKING)[:1]:
        await rig.hang_up(phone)


async def agent_and_caller_leave_at_once(rig: ControlRig) -> None:
    for line in (*phones(rig, State.TALKING)[:1], *callers(rig)[:1]):
        await line.drop(Cause.NORMAL)
    await rig.settle()


async def hold(rig: ControlRig) -> None:
    for life in rig.controller.calls.values():
        life.tell(HoldRequest(on=True))
    await rig.settle()


async def retrieve(rig: ControlRig) -> None:
    for life in rig.controller.calls.values():
        life.tell(HoldRequest(on=False))
    await rig.settle()


async def supervisor_ends_one(rig: ControlRig) -> None:
    for life in tuple(rig.controller.calls.values())[:1]:
        life.tell(HangUpRequest(by="system"))
    await rig.settle()


async def supervisor_asks(rig: ControlRig) -> None:
    for part, call in zip(itertools.cycle(Part), tuple(rig.controller.calls), strict=False):
        rig.controller.request(call, SuperviseRequest(login="sue", station=SUES, part=part))
    await rig.settle()


async def supervisor_picks_up(rig: ControlRig) -> None:
    if rig.driver.telephone(SUES).state is State.DIALLING:
        await rig.answer(SUES)


async def conversation_is_supervised(rig: ControlRig) -> None:
    """All of it in one go: single actions come upon it too seldom."""
    for action in (arrive, choose_queue, all_pick_up, supervisor_asks, supervisor_picks_up):
        await action(rig)


async def supervisor_leaves(rig: ControlRig) -> None:
    if rig.driver.telephone(SUES).state is State.TALKING:
        await rig.hang_up(rig.driver.telephone(SUES))


async def supervisor_is_let_go(rig: ControlRig) -> None:
    for call in tuple(rig.controller.calls):
        rig.controller.request(call, StopSupervisingRequest())
    await rig.settle()


async def telephone_lost_and_back(rig: ControlRig) -> None:
    rig.driver.unregister("2001")
    await rig.settle()
    rig.driver.register("2001")
    await rig.settle()


async def bob_pauses(rig: ControlRig) -> None:
    rig.controller.acd.submit(AgentPaused(agent=AgentId(2), reason="lunch"))
    await rig.settle()


async def everybody_ready(rig: ControlRig) -> None:
    for key in (1, 2):
        rig.controller.acd.submit(AgentReady(agent=AgentId(key)))
    await rig.settle()


async def media_deaf_for_a_moment(rig: ControlRig) -> None:
    for name in ("bridge", "unbridge", "join", "play", "record"):
        rig.media.faults[name] = MediaAway("no answer")
    await pick_up(rig)
    rig.media.faults.clear()


async def media_restarts(rig: ControlRig) -> None:
    rig.media.restart()
    await rig.settle()


async def media_restarts_and_somebody_has_a_port(rig: ControlRig) -> None:
    rig.media.restart(lost=sorted(rig.media.ports)[:1])
    await rig.settle()


async def control_killed(rig: ControlRig) -> None:
    await rig.again()


async def everybody_talks_on(rig: ControlRig) -> None:
    """What two seconds without an event are for calls in a conversation: they rest."""
    for _ in range(2):
        rig.controller.quiet.look()
    await rig.settle()


async def moment(rig: ControlRig) -> None:
    await rig.later(1)


async def while_passes(rig: ControlRig) -> None:
    await rig.later(12)


def assert_in_a_conversation_or_free(rig: ControlRig) -> None:
    """A supervisor's line is in use by the one call that he is in, or not at all."""
    phone = rig.driver.telephone(SUES)
    his = [life.call for life in rig.controller.calls.values() if life.call.supervision]
    assert len(his) == (phone.state is not State.IDLE)
    for call in his:
        assert call.connected
        assert call.supervision is not None
        joined = rig.media.parts.get(phone.port, (0, "", None))[0] if phone.port else 0
        assert joined == (call.bridge if phone.state is State.TALKING else 0)


ACTIONS: tuple[Callable[[ControlRig], Awaitable[None]], ...] = (
    arrive,
    arrive,
    choose_queue,
    choose_queue,
    choose_mailbox,
    exit_queue,
    hear_out,
    caller_leaves,
    pick_up,
    pick_up,
    all_pick_up,
    decline,
    agent_leaves,
    agent_and_caller_leave_at_once,
    hold,
    retrieve,
    supervisor_ends_one,
    supervisor_asks,
    supervisor_picks_up,
    conversation_is_supervised,
    conversation_is_supervised,
    supervisor_leaves,
    supervisor_is_let_go,
    telephone_lost_and_back,
    bob_pauses,
    everybody_ready,
    media_deaf_for_a_moment,
    media_restarts,
    media_restarts_and_somebody_has_a_port,
    control_killed,
    moment,
    while_passes,
)


@settings(max_examples=90)
@given(
    story=st.lists(st.sampled_from(ACTIONS), min_size=5, max_size=40),
    rule=st.sampled_from(("longest_idle", "ring_all", "ring_progressively")),
    rest=st.booleans(),
)
async def test_any_story_ends_with_sound_records(
    story: list[Callable[[ControlRig], Awaitable[None]]], rule: str, rest: bool, tmp_path: Path
) -> None:
    queue = make_queue(
        strategy=rule,
        ring_step_s=1.0,
        wrap_up_s=3.0,
        max_wait_s=40.0,
        max_waiting=3,
        on_timeout="overflow",
    )
    sue = AgentInfo(key=3, login="sue", name="Sue", station=SUES)
    rig = ControlRig(tmp_path / str(next(numbers)), queues=[queue], agents=(*AGENTS, sue))
    await rig.start()
    await rig.seat("ann", "bob")
    for action in story:
        await action(rig)
        if rest:
            await everybody_talks_on(rig)
        assert_in_a_conversation_or_free(rig)
    for line in callers(rig):
        await rig.hang_up(line)
    await rig.later(60)
    assert rig.controller.calls == {}
    assert (NOTHING, NOBODY) == ({}, {})  # all calls share them
    assert_identity(rig)
    assert [rig.state(login) for login in ("ann", "bob") if rig.state(login) not in AT_REST] == []
    assert all(view.visits.in_system == 0 for view in rig.engine.snapshot(rig.clock()).queues)
    assert rig.media.bridges == {}
    assert rig.media.recorders == {}
    assert rig.driver.telephone(SUES).state is State.IDLE
    await rig.crash()
