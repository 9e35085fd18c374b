"""Calls that telephones and clicks begin: inside, outside, and what is passed on."""

from collections.abc import Awaitable, Callable

import pytest

from daemon.config import TelephoneOptions
from daemon.control.calls.call import Call, Direct, Leg, Phase
from daemon.control.calls.moves.tables import (
    DIRECT_TABLE,
    DirectState,
    DirectStep,
    IllegalMove,
    moved,
)
from drivers.api import LineId
from drivers.events import Cause, Transferred
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]
OUTSIDE = "5559000"
MAY = TelephoneOptions(allowed=("555",), max_outside=2, max_per_hour=3)


@pytest.fixture
async def town(make_rig: MakeRig) -> ControlRig:
    return await make_rig(telephones=MAY)


def target(rig: ControlRig) -> FakeLine:
    return rig.driver.line(rig.driver.dialled[-1].line)


async def click(rig: ControlRig, station: str, to: str) -> FakeLine:
    """What the facade does for somebody who clicks on a number."""
    now = rig.clock()
    line = rig.driver.telephone(station)
    rig.controller.start_call(
        Call(
            id=rig.ids(),
            started=now,
            since=now,
            caller=Leg(id=rig.ids(), line=line.id),
            phase=Phase.DIALLING,
            direction="out",
            ani=station,
            dnis=to,
            direct=Direct(station=station, to=to, state=DirectState.PHONE_RINGS),
        )
    )
    await rig.settle()
    return line


@pytest.mark.parametrize("state", DirectState)
@pytest.mark.parametrize("step", DirectStep)
def test_table_is_followed_or_refuses(state: DirectState, step: DirectStep) -> None:
    if (state, step) in DIRECT_TABLE:
        assert moved(DIRECT_TABLE, state, step) is DIRECT_TABLE[state, step]
    else:
        with pytest.raises(IllegalMove):
            moved(DIRECT_TABLE, state, step)


async def test_station_calls_another_one(town: ControlRig) -> None:
    await town.seat("ann", "bob")
    line = await town.dial("2001", "2002")
    assert (town.driver.dialled[-1].number, line.state) == ("2002", State.RINGING)
    assert town.state("ann") == "busy"
    colleague = await town.answer("2002")
    assert list(town.media.bridges.values()) == [frozenset((line.port, colleague.port))]
    assert (town.phase(line), town.state("bob")) == (Phase.OUTSIDE, "busy")
    await town.later(4)
    await town.hang_up(colleague)
    assert line.state is State.IDLE
    assert (town.state("ann"), town.state("bob")) == ("ready", "ready")
    (call,) = town.calls()
    assert (call.direction, call.outcome) == ("internal", "answered")
    assert_sound(town)


@pytest.mark.parametrize("cause", [Cause.BUSY, Cause.REJECTED, Cause.UNALLOCATED])
async def test_who_is_called_does_not_come(town: ControlRig, cause: Cause) -> None:
    line = await town.dial("2001", "2002")
    await target(town).drop(cause)
    await town.settle()
    assert (line.released_with, line.state) == ([cause], State.IDLE)
    assert_sound(town)


async def test_caller_gives_up(town: ControlRig) -> None:
    line = await town.dial("2001", "2002")
    await town.hang_up(line)
    assert target(town).state is State.IDLE
    assert_sound(town)


async def test_outside_only_where_allowed_and_not_too_often(town: ControlRig) -> None:
    line = await town.dial("2001", "4440000")
    assert line.released_with == [Cause.UNALLOCATED]
    for _ in range(3):
        line = await town.dial("2001", OUTSIDE)
        assert target(town).state is State.DIALLING
        await town.hang_up(line)
    line = await town.dial("2001", OUTSIDE)
    assert line.state is State.IDLE
    await town.later(3601)
    line = await town.dial("2001", OUTSIDE)
    assert target(town).state is State.DIALLING
    await town.hang_up(line)
    assert_sound(town)


async def test_nothing_outside_without_a_word_in_the_options(rig: ControlRig) -> None:
    line = await rig.dial("2001", OUTSIDE)
    assert (line.released_with, rig.driver.dialled) == ([Cause.UNALLOCATED], [])


async def test_hotlines_own_numbers_are_reached_inside(town: ControlRig) -> None:
    line = await town.dial("2001", "100")
    assert town.phase(line) is Phase.FLOW
    await town.hang_up(line)


async def test_early_media_reaches_the_telephone(town: ControlRig) -> None:
    line = await town.dial("2001", OUTSIDE)
    await town.driver.early(target(town))
    await town.settle()
    assert line.state is State.RINGING
    assert list(town.media.bridges.values()) == [frozenset((line.port, target(town).port))]
    await target(town).talk()
    await town.settle()
    assert town.phase(line) is Phase.OUTSIDE
    assert list(town.media.bridges.values()) == [frozenset((line.port, target(town).port))]
    await town.hang_up(line)
    assert_sound(town)


async def test_early_media_replaces_the_ringing_tone_of_a_flow(town: ControlRig) -> None:
    line = await town.call()
    await town.press(line, "4")
    await town.driver.early(target(town))
    await town.settle()
    assert list(town.media.bridges.values()) == [frozenset((line.port, target(town).port))]
    assert town.media.players == {}
    await target(town).drop(Cause.BUSY)
    await town.settle()
    assert (town.media.bridges, town.speech.said[-1]) == ({}, "All are busy")
    await town.hang_up(line)
    assert_sound(town)


async def test_click_rings_the_own_telephone_first(town: ControlRig) -> None:
    line = await click(town, "2001", OUTSIDE)
    assert [call.number for call in town.driver.dialled] == ["2001"]
    await line.talk()
    await town.settle()
    assert [call.number for call in town.driver.dialled] == ["2001", OUTSIDE]
    assert town.media.hears(line.port) == ()  # it rings
    await target(town).talk()
    await town.settle()
    assert list(town.media.bridges.values()) == [frozenset((line.port, target(town).port))]
    await town.hang_up(target(town))
    assert line.state is State.IDLE
    assert_sound(town)


async def test_click_ends_when_nobody_lifts_the_own_telephone(town: ControlRig) -> None:
    line = await click(town, "2001", OUTSIDE)
    await line.drop(Cause.NO_ANSWER)
    await town.settle()
    assert [call.number for call in town.driver.dialled] == ["2001"]
    assert_sound(town)


@pytest.mark.parametrize("answered", [True, False])
async def test_crash(town: ControlRig, answered: bool) -> None:
    line = await town.dial("2001", "2002")
    if answered:
        await town.answer("2002")
    await town.again()
    if answered:
        assert town.phase(line) is Phase.OUTSIDE
        await town.hang_up(line)
    await town.later(1)
    assert (line.state, town.driver.telephone("2002").state is State.TALKING) == (State.IDLE, False)
    assert town.controller.calls == {}


async def test_what_came_with_the_caller_goes_on_with_him(town: ControlRig) -> None:
    line = await town.call(
        ani="5550100",
        restricted=True,
        uui="6869;encoding=hex",
        headers={"X-Account": "7"},
        hops=17,
    )
    await town.press(line, "4")
    details = town.driver.dialled[-1].details
    assert (details.restricted, details.uui, details.hops) == (True, "6869;encoding=hex", 17)
    assert details.headers == {"X-Account": "7"}
    assert (details.redirecting, details.reason) == ("100", "cfu")
    await town.hang_up(line)


async def test_number_called_first_stays_the_first(town: ControlRig) -> None:
    line = await town.call(redirecting="5557777", reason="cfb")
    await town.press(line, "4")
    details = town.driver.dialled[-1].details
    assert (details.redirecting, details.reason) == ("5557777", "cfb")
    await town.hang_up(line)


async def test_call_that_goes_round_in_circles_goes_no_further(town: ControlRig) -> None:
    line = await town.call(hops=0)
    await town.press(line, "4")
    assert (town.driver.dialled, town.speech.said[-1]) == ([], "All are busy")
    await town.hang_up(line)
    line = await town.dial("2001", OUTSIDE)
    assert town.driver.dialled[-1].details.redirecting == ""
    await town.hang_up(line)


async def test_agent_hands_on_with_referred_by_and_replaces(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    asked = Transferred(
        line=agent.id, to=OUTSIDE, transfer="t", replaces="a;to-tag=b;from-tag=c",
        referred_by="<sip:2001@here>",
    )  # fmt: skip
    rig.driver.emit(asked)
    await rig.settle()
    details = rig.driver.dialled[-1].details
    assert (details.replaces, details.referred_by) == (asked.replaces, asked.referred_by)
    await rig.hang_up(line)


async def test_telephone_in_two_calls_joins_them(town: ControlRig) -> None:
    line, agent = await town.connect()
    town.driver.hold(agent, on=True)
    second = await town.dial("2001", OUTSIDE, second=True)
    outside = target(town)
    await outside.talk()
    await town.settle()
    assert second.state is State.TALKING
    await town.later(5)
    town.driver.emit(Transferred(line=agent.id, to="x", transfer="t1", other=second.id))
    await town.settle()
    assert town.driver.transfers == [("t1", None)]
    assert list(town.media.bridges.values()) == [frozenset((line.port, outside.port))]
    assert (agent.state, second.state) == (State.IDLE, State.IDLE)
    assert (town.state("ann"), town.phase(line)) == ("ready", Phase.OUTSIDE)
    await town.hang_up(outside)
    await town.hang_up(line)
    assert_sound(town)
    (moved,) = [row for row in town.segments(town.calls()[0]) if row.kind == "outside"]
    assert moved.detail == {"by": "ann", "to": OUTSIDE, "way": "attended"}


async def test_telephone_names_its_calls_the_other_way_round(town: ControlRig) -> None:
    line, agent = await town.connect()
    second = await town.dial("2001", "2002", second=True)
    colleague = await town.answer("2002")
    town.driver.emit(Transferred(line=second.id, to="x", transfer="t1", other=agent.id))
    await town.settle()
    assert list(town.media.bridges.values()) == [frozenset((line.port, colleague.port))]
    await town.hang_up(line)
    assert_sound(town)


async def test_telephone_joins_before_the_answer(town: ControlRig) -> None:
    line, agent = await town.connect()
    second = await town.dial("2001", "2002", second=True)
    town.driver.emit(Transferred(line=agent.id, to="x", transfer="t1", other=second.id))
    await town.settle()
    assert (town.driver.transfers, second.state) == ([], State.IDLE)
    colleague = await town.answer("2002")
    assert town.driver.transfers == [("t1", None)]
    assert list(town.media.bridges.values()) == [frozenset((line.port, colleague.port))]
    await town.hang_up(line)
    assert_sound(town)


async def test_telephone_joins_two_whom_it_called(town: ControlRig) -> None:
    first = await town.dial("2001", OUTSIDE)
    one = target(town)
    await one.talk()
    await town.settle()
    second = await town.dial("2001", "2002", second=True)
    two = await town.answer("2002")
    town.driver.emit(Transferred(line=first.id, to="x", transfer="t1", other=second.id))
    await town.settle()
    assert list(town.media.bridges.values()) == [frozenset((one.port, two.port))]
    assert (first.state, second.state) == (State.IDLE, State.IDLE)
    assert town.driver.transfers == [("t1", None)]
    await town.hang_up(two)
    assert one.state is State.IDLE
    assert_sound(town)


async def test_transfer_with_a_call_that_is_gone_is_refused(town: ControlRig) -> None:
    line, agent = await town.connect()
    nowhere = LineId("station:2001#2")
    town.driver.emit(Transferred(line=agent.id, to="x", transfer="t1", other=nowhere))
    await town.settle()
    assert town.driver.transfers == [("t1", Cause.NO_ROUTE)]
    assert town.phase(line) is Phase.TALKING
    await town.hang_up(line)
    assert_sound(town)


async def test_joined_callers_survive_a_crash(town: ControlRig) -> None:
    line, agent = await town.connect()
    second = await town.dial("2001", "2002", second=True)
    colleague = await town.answer("2002")
    town.driver.emit(Transferred(line=agent.id, to="x", transfer="t1", other=second.id))
    await town.settle()
    await town.again()
    assert town.phase(line) is Phase.OUTSIDE
    await town.hang_up(colleague)
    await town.hang_up(line)
    assert_sound(town)


async def test_no_new_calls_inside_while_the_hotline_drains(town: ControlRig) -> None:
    line, agent = await town.connect()
    town.driver.emit(Transferred(line=agent.id, to="*5", transfer="t1"))
    await town.settle()
    town.controller.draining = True
    refused = await town.dial("2002", OUTSIDE)
    assert refused.released_with == [Cause.CONGESTION]
    # Who is here already is not left alone.
    taking = await town.dial("2002", "*51")
    assert list(town.media.bridges.values()) == [frozenset((line.port, taking.port))]
    await town.hang_up(line)
    assert_sound(town)


async def test_colleague_hands_the_caller_on_again(town: ControlRig) -> None:
    line, agent = await town.connect()
    town.driver.emit(Transferred(line=agent.id, to="2002", transfer="t1"))
    await town.settle()
    colleague = await town.answer("2002")
    town.driver.emit(Transferred(line=colleague.id, to=OUTSIDE, transfer="t2"))
    await town.settle()
    assert (colleague.state, town.media.hears(line.port)) == (State.IDLE, ())  # it rings
    await target(town).talk()
    await town.settle()
    assert town.driver.transfers == [("t1", None), ("t2", None)]
    assert list(town.media.bridges.values()) == [frozenset((line.port, target(town).port))]
    await town.hang_up(line)
    assert_sound(town)
    ways = [row.detail for row in town.segments(town.calls()[0]) if row.kind == "outside"]
    assert [(way["by"], way["to"]) for way in ways] == [("ann", "2002"), ("2002", OUTSIDE)]


@pytest.mark.parametrize("cause", [Cause.BUSY, Cause.NO_ANSWER])
async def test_caller_whom_nobody_takes_hears_the_rest_of_the_flow(
    town: ControlRig, cause: Cause
) -> None:
    line, agent = await town.connect()
    town.driver.emit(Transferred(line=agent.id, to="2002", transfer="t1"))
    await town.settle()
    colleague = await town.answer("2002")
    town.driver.emit(Transferred(line=colleague.id, to=OUTSIDE, transfer="t2"))
    await town.settle()
    await target(town).drop(cause)
    await town.settle()
    assert town.driver.transfers[-1] == ("t2", cause)
    assert town.speech.said[-1] == "Thank you"
    await town.hang_up(line)
    assert_sound(town)


@pytest.mark.parametrize("who", ["caller", "called"])
async def test_either_of_two_inside_hands_the_other_one_on(town: ControlRig, who: str) -> None:
    caller = await town.dial("2001", "2002")
    called = await town.answer("2002")
    leaves, stays = (caller, called) if who == "caller" else (called, caller)
    town.driver.emit(Transferred(line=leaves.id, to=OUTSIDE, transfer="t"))
    await town.settle()
    assert leaves.state is State.IDLE
    await target(town).talk()
    await town.settle()
    assert list(town.media.bridges.values()) == [frozenset((stays.port, target(town).port))]
    assert town.driver.transfers == [("t", None)]
    await town.hang_up(target(town))
    assert stays.state is State.IDLE
    assert_sound(town)


async def test_what_cannot_be_rung_leaves_the_two_together(town: ControlRig) -> None:
    caller = await town.dial("2001", "2002")
    called = await town.answer("2002")
    town.driver.emit(Transferred(line=called.id, to="sip:x@y", transfer="t"))
    await town.settle()
    assert town.driver.transfers == [("t", Cause.NO_ROUTE)]
    assert list(town.media.bridges.values()) == [frozenset((caller.port, called.port))]
    await town.hang_up(caller)
    assert_sound(town)


async def test_nobody_is_handed_on_to_numbers_that_may_not_be_called(town: ControlRig) -> None:
    caller = await town.dial("2001", "2002")
    called = await town.answer("2002")
    town.driver.emit(Transferred(line=called.id, to="0900123456", transfer="t"))
    await town.settle()
    assert town.driver.transfers == [("t", Cause.REJECTED)]
    assert list(town.media.bridges.values()) == [frozenset((caller.port, called.port))]
    await town.hang_up(caller)
    assert_sound(town)
