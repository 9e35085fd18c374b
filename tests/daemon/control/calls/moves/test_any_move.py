"""Consulting, parking, picking up, dialling and crashes in any order: nobody is lost."""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.control.calls.moves.asking import ConsultRequest, ConsultStepRequest, ParkRequest
from daemon.control.calls.moves.tables import ConsultStep
from drivers.api import LineId
from drivers.events import Transferred
from tests.daemon.control.calls.test_any_story import (
    AT_REST,
    agent_leaves,
    all_pick_up,
    bob_pauses,
    caller_leaves,
    choose_queue,
    control_killed,
    decline,
    everybody_ready,
    everybody_talks_on,
    hear_out,
    hold,
    media_deaf_for_a_moment,
    moment,
    pick_up,
    retrieve,
    while_passes,
)
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.line import FakeLine, State
from tests.fakes.move_stories import OUTSIDE, TELEPHONES
from tests.fakes.sound_records import assert_identity

Action = Callable[[ControlRig], Awaitable[None]]
numbers = itertools.count()


async def arrive(rig: ControlRig) -> None:
    trunks = [rig.driver.line(name) for name in rig.driver.trunks]
    if any(line.state is State.IDLE for line in trunks[:-1]):
        await rig.call()


def named(name: str, act: Action) -> Action:
    """An action by a name that tells what it is."""
    act.__name__ = name
    return act


def asks(to: str) -> Action:
    async def act(rig: ControlRig) -> None:
        for call in tuple(rig.controller.calls):
            rig.controller.request(call, ConsultRequest(to=to, by="ann"))
        await rig.settle()

    return named(f"asks {to}", act)


def goes(step: ConsultStep) -> Action:
    async def act(rig: ControlRig) -> None:
        for call in tuple(rig.controller.calls):
            rig.controller.request(call, ConsultStepRequest(step=step))
        await rig.settle()

    return named(f"goes {step}", act)


def dials(station: str, number: str, more: str = "") -> Action:
    async def act(rig: ControlRig) -> None:
        line = rig.driver.line(LineId(f"station:{station}{more}"))
        if line.state is State.IDLE:
            await rig.dial(station, number, second=bool(more))

    return named(f"{station}{more} dials {number}", act)


async def parks(rig: ControlRig) -> None:
    for call in tuple(rig.controller.calls)[:1]:
        rig.controller.request(call, ParkRequest(slot="", by="2001"))
    await rig.settle()


async def outside_answers(rig: ControlRig) -> None:
    for line in lines(rig):
        if line.state is State.DIALLING and line.id.startswith("fake/"):
            await line.talk()
    await rig.settle()


async def telephone_joins(rig: ControlRig) -> None:
    one, other = (rig.driver.line(LineId(f"station:2001{more}")) for more in ("", "#2"))
    rig.driver.emit(Transferred(line=one.id, to="x", transfer="t", other=other.id))
    await rig.settle()


async def telephone_joins_the_other_way(rig: ControlRig) -> None:
    one, other = (rig.driver.line(LineId(f"station:2001{more}")) for more in ("", "#2"))
    rig.driver.emit(Transferred(line=other.id, to="x", transfer="t", other=one.id))
    await rig.settle()


async def telephone_parks(rig: ControlRig) -> None:
    line = rig.driver.telephone("2002")
    rig.driver.emit(Transferred(line=line.id, to="*5", transfer="t"))
    await rig.settle()


def hands_on(station: str, to: str) -> Action:
    async def act(rig: ControlRig) -> None:
        line = rig.driver.telephone(station)
        rig.driver.emit(Transferred(line=line.id, to=to, transfer="t"))
        await rig.settle()

    return named(f"{station} hands on to {to}", act)


async def second_line_hangs_up(rig: ControlRig) -> None:
    line = rig.driver.line(LineId("station:2001#2"))
    if line.state is not State.IDLE:
        await rig.hang_up(line)


async def two_in_conversation(rig: ControlRig) -> None:
    """All of it in one go: single actions come upon it too seldom."""
    for action in (everybody_ready, arrive, choose_queue, pick_up):
        await action(rig)


async def telephone_has_two_calls(rig: ControlRig) -> None:
    await two_in_conversation(rig)
    await dials("2001", OUTSIDE, "#2")(rig)
    await outside_answers(rig)


def lines(rig: ControlRig) -> list[FakeLine]:
    return [rig.driver.line(name) for name in rig.driver.names]


async def telephone_asks_the_queue(rig: ControlRig) -> None:
    await two_in_conversation(rig)
    await dials("2001", "200", "#2")(rig)


ACTIONS: tuple[Action, ...] = (
    *(two_in_conversation, two_in_conversation, telephone_has_two_calls),
    telephone_asks_the_queue,
    *(arrive, choose_queue, pick_up, all_pick_up, decline, agent_leaves, caller_leaves),
    *(hold, retrieve, hear_out, bob_pauses, everybody_ready),
    *(asks("2002"), asks("2001"), asks(OUTSIDE), outside_answers),
    *(goes(step) for step in ConsultStep if step is not ConsultStep.ANSWER),
    *(parks, telephone_parks, telephone_joins, telephone_joins_the_other_way),
    *(dials("2001", "2002"), dials("2001", "2002", "#2"), dials("2002", OUTSIDE)),
    *(dials("2001", "100", "#2"), dials("2001", "200", "#2")),
    *(dials("2002", "*51"), dials("2001", "*51"), dials("2002", "*8"), dials("2001", "*82002")),
    *(hands_on("2001", "2002"), hands_on("2002", OUTSIDE), hands_on("2002", "2001")),
    *(second_line_hangs_up, media_deaf_for_a_moment, control_killed, moment, while_passes),
)


@settings(max_examples=80)
@given(
    story=st.lists(st.sampled_from(ACTIONS), min_size=5, max_size=40),
    rule=st.sampled_from(("longest_idle", "ring_all")),
    rest=st.booleans(),
)
async def test_any_story_of_moves_ends_with_sound_records(
    story: list[Action], rule: str, rest: bool, tmp_path: Path
) -> None:
    queue = make_queue(strategy=rule, ring_step_s=1.0, wrap_up_s=3.0, max_wait_s=40.0)
    site = tmp_path / str(next(numbers))
    rig = ControlRig(site, queues=[queue], telephones=TELEPHONES)
    await rig.start()
    await rig.seat("ann", "bob")
    for action in story:
        await action(rig)
        if rest:
            await everybody_talks_on(rig)
        two = [both for both in rig.media.bridges.values() if len(both) != 2]
        assert two == []
    for _ in range(2):
        for line in lines(rig):
            if line.state is not State.IDLE:
                await rig.hang_up(line)
        await rig.later(60)
    assert rig.controller.calls == {}
    assert_identity(rig)
    assert [rig.state(login) for login in ("ann", "bob") if rig.state(login) not in AT_REST] == []
    assert all(view.visits.in_system == 0 for view in rig.engine.snapshot(rig.clock()).queues)
    assert (rig.media.bridges, rig.media.players, rig.media.recorders) == ({}, {}, {})
    assert [line.id for line in lines(rig) if line.state is not State.IDLE] == []
    assert {slot for slot, lit in rig.driver.lit.items() if lit} == set()
    await rig.crash()
