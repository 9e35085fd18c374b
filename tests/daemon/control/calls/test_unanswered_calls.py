"""Calls that no agent takes: abandoned, refused, waiting too long, never let in."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from acd_core.agent import AgentState
from acd_core.call_queue import NoAgents
from acd_core.events import AgentLoggedOut
from acd_core.ids import AgentId
from daemon.control.calls.call import Phase
from drivers.errors import LineBusy
from drivers.events import Cause
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]


async def test_caller_gives_up_in_the_queue(rig: ControlRig) -> None:
    line = await rig.call_sales()
    assert rig.phase(line) is Phase.WAITING
    await rig.later(42)
    await rig.hang_up(line)
    [row], [visit] = rig.calls(), rig.visits()
    assert (row.outcome, row.ended_by, row.answered_ms) == ("abandoned", "caller", None)
    assert (visit.outcome, visit.offers) == ("abandoned", 0)
    assert rig.kinds(row) == [("ivr", "", 0), ("wait", "abandoned", 42)]
    assert_sound(rig)


async def test_call_ends_no_earlier_than_its_parts(make_rig: MakeRig) -> None:
    ticks = count()

    def running() -> float:
        return 1_790_000_000.0 + asyncio.get_running_loop().time() + next(ticks) / 1000

    rig = await make_rig(clock=running)
    line = await rig.call_sales()
    await rig.later(3)
    await rig.hang_up(line)
    [row] = rig.calls()
    ends = [segment.ended_ms or 0 for segment in rig.segments(row)]
    assert len(ends) == 2
    assert (row.ended_ms or 0) >= max(ends)


async def test_caller_gives_up_while_the_agents_station_rings(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    await rig.later(4)
    await rig.hang_up(line)
    phone = rig.driver.telephone("2001")
    assert phone.released_with == [Cause.NORMAL]
    assert rig.state("ann") is AgentState.READY
    assert rig.agent("ann").misses == 0
    [row] = rig.calls()
    assert rig.kinds(row) == [("ivr", "", 0), ("wait", "abandoned", 4), ("ring", "withdrawn", 4)]
    assert row.outcome == "abandoned"
    assert_sound(rig)


async def test_nobody_picks_up_and_the_next_agent_rings(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    rig.driver.progress("2001")
    await rig.seat("bob")
    await rig.later(10)
    assert [d.number for d in rig.driver.dialled] == ["2001", "2002"]
    assert rig.driver.telephone("2001").released_with == [Cause.NO_ANSWER]
    assert rig.state("ann") is AgentState.PAUSED
    assert rig.agent("ann").reason == "rona"
    await rig.later(3)
    await rig.answer("2002")
    await rig.later(1)
    await rig.hang_up(line)
    [row], [visit] = rig.calls(), rig.visits()
    assert rig.kinds(row) == [
        ("ivr", "", 0),
        ("wait", "answered", 13),
        ("ring", "no_answer", 10),
        ("ring", "answered", 3),
        ("talk", "", 1),
    ]
    assert (visit.offers, visit.agent_id, row.agent_id) == (2, 2, 2)
    assert_sound(rig)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (Cause.BUSY, "busy"),
        (Cause.REJECTED, "declined"),
        (Cause.NO_USER_RESPONDING, "unreachable"),
        (Cause.INTERWORKING, "failed"),
    ],
)
async def test_station_refuses_the_offer(rig: ControlRig, cause: Cause, reason: str) -> None:
    await rig.seat("ann", "bob")
    line = await rig.call_sales()
    await rig.driver.telephone("2001").drop(cause)
    await rig.settle()
    assert rig.agent("ann").reason == reason
    assert rig.driver.dialled[-1].number == "2002"
    await rig.answer("2002")
    await rig.hang_up(line)
    assert rig.kinds(rig.calls()[0])[1:3] == [("wait", "answered", 0), ("ring", "refused", 0)]
    assert_sound(rig)


async def test_station_that_is_gone_is_not_the_agents_fault(rig: ControlRig) -> None:
    await rig.seat("ann", "bob")
    rig.driver.registered.discard("2001")
    line = await rig.call_sales()
    assert rig.state("ann") is AgentState.UNREACHABLE
    assert rig.agent("ann").misses == 0
    assert [d.number for d in rig.driver.dialled] == ["2002"]
    rig.driver.register("2001")
    await rig.settle()
    assert rig.state("ann") is AgentState.READY
    await rig.hang_up(line)
    assert_sound(rig)


async def test_station_goes_away_while_it_rings(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    rig.driver.unregister("2001")
    await rig.settle()
    assert rig.state("ann") is AgentState.UNREACHABLE
    assert rig.phase(line) is Phase.WAITING
    assert rig.driver.telephone("2001").released_with == [Cause.NORMAL]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_station_that_is_in_use_is_waited_for_a_moment(rig: ControlRig) -> None:
    await rig.seat("ann")
    phone = rig.driver.telephone("2001")
    await phone.talk()
    line = await rig.call_sales()
    assert rig.driver.dialled == []
    await rig.later(0.5)
    await rig.hang_up(phone)
    await rig.later(0.1)
    assert [d.number for d in rig.driver.dialled] == ["2001"]
    await rig.answer("2001")
    await rig.hang_up(line)
    assert_sound(rig)


async def test_station_in_use_does_not_ring_for_a_caller_who_left(rig: ControlRig) -> None:
    await rig.seat("ann")
    phone = rig.driver.telephone("2001")
    await phone.talk()
    line = await rig.call_sales()
    await rig.later(0.5)
    await rig.hang_up(line)
    await rig.hang_up(phone)
    await rig.later(0.1)
    assert rig.driver.dialled == []
    assert rig.visits()[0].outcome == "abandoned"
    assert rig.state("ann") is AgentState.READY
    assert_sound(rig)


async def test_station_that_stays_in_use_is_a_missed_offer(rig: ControlRig) -> None:
    await rig.seat("ann", "bob")
    await rig.driver.telephone("2001").talk()
    line = await rig.call_sales()
    await rig.later(3)
    assert rig.agent("ann").reason == "busy"
    assert [d.number for d in rig.driver.dialled] == ["2002"]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_dial_that_fails_is_a_missed_offer(rig: ControlRig) -> None:
    await rig.seat("ann", "bob")
    rig.driver.telephone("2001").faults["dial"] = LineBusy("somebody was quicker")
    line = await rig.call_sales()
    assert [d.number for d in rig.driver.dialled] == ["2002"]
    await rig.answer("2002")
    await rig.hang_up(line)
    assert_sound(rig)


async def test_agent_hangs_up_in_the_moment_he_answers(rig: ControlRig) -> None:
    await rig.seat("ann", "bob")
    line = await rig.call_sales()
    phone = await rig.driver.pick_up("2001")
    await phone.drop(Cause.NORMAL)
    await rig.settle()
    assert rig.phase(line) is Phase.OFFERED
    assert [d.number for d in rig.driver.dialled] == ["2001", "2001"]
    assert rig.agent("ann").misses == 0
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_full_queue_refuses_and_the_flow_says_so(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(max_waiting=1)])
    first = await rig.call_sales(ani="1")
    second = await rig.call_sales(ani="2")
    assert rig.speech.said[-1] == "The queue is full"
    await rig.hear_out(second)
    await rig.hang_up(first)
    rows = rig.calls()
    assert [row.outcome for row in rows] == ["abandoned", "refused"]
    assert [visit.detail for visit in rig.visits()] == ["", "full"]
    assert_sound(rig)


async def test_full_queue_leads_to_its_own_flow(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(max_waiting=1, on_full="night")])
    first = await rig.call_sales()
    second = await rig.call_sales()
    assert rig.call_on(second).flow == "night"
    await rig.hear_out(second)
    await rig.hang_up(first)
    assert_sound(rig)


async def test_queue_without_agents_refuses(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(no_agents=NoAgents.REFUSE)])
    line = await rig.call_sales()
    assert rig.speech.said[-1] in ("All are busy", "The queue is full")
    await rig.hear_out(line)
    assert [(v.outcome, v.detail) for v in rig.visits()] == [("refused", "no_agents")]
    assert_sound(rig)


async def test_callers_leave_when_the_last_agent_goes(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(no_agents=NoAgents.LEAVE)])
    await rig.seat("ann")
    talking = await rig.call_sales()
    await rig.answer("2001")
    waiting = await rig.call_sales()
    rig.controller.acd.submit(AgentLoggedOut(agent=AgentId(1)))
    await rig.hang_up(talking)
    assert rig.state("ann") is AgentState.LOGGED_OUT
    assert rig.speech.said[-1] == "All are busy"
    await rig.hear_out(waiting)
    assert rig.visits()[-1].detail == "no_agents"
    assert_sound(rig)


async def test_too_long_a_wait_goes_on_in_the_flow(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(max_wait_s=30.0)])
    line = await rig.call_sales()
    await rig.later(29)
    assert rig.phase(line) is Phase.WAITING
    await rig.later(1)
    assert rig.speech.said[-1] == "All are busy"
    await rig.hear_out(line)
    [row], [visit] = rig.calls(), rig.visits()
    assert (row.outcome, visit.outcome, visit.detail) == ("timed_out", "timed_out", "max_wait")
    assert_sound(rig)


async def test_too_long_a_wait_leads_to_the_queues_flow_and_a_message(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(max_wait_s=30.0, on_timeout="overflow")])
    line = await rig.call_sales()
    await rig.later(30)
    assert rig.call_on(line).flow == "overflow"
    await rig.hear_out(line)
    await rig.hear_out(line)
    assert rig.call_on(line).recording is not None
    await rig.later(7)
    rig.media.end_record(line.port)
    await rig.settle()
    [row] = rig.calls()
    assert (row.outcome, row.flow, row.path) == (
        "voicemail",
        "overflow",
        ("sorry", "message", "end"),
    )
    assert rig.driver.lamps == [("2001", True)]
    assert_sound(rig)


async def test_offer_that_is_out_when_the_wait_ends_may_still_be_answered(
    make_rig: MakeRig,
) -> None:
    rig = await make_rig(queues=[make_queue(max_wait_s=5.0)])
    await rig.seat("ann")
    line = await rig.call_sales()
    await rig.later(6)
    assert rig.phase(line) is Phase.OFFERED
    await rig.later(5)
    assert rig.speech.said[-1] == "All are busy"
    await rig.hear_out(line)
    assert_sound(rig)


async def test_unknown_number_is_refused(rig: ControlRig) -> None:
    line = await rig.call("999")
    assert line.asked == ["release"]
    assert line.released_with == [Cause.UNALLOCATED]
    [row] = rig.calls()
    assert (row.outcome, row.cause, rig.kinds(row)) == ("failed", 1, [])
    assert_sound(rig)


async def test_closed_number_plays_its_closed_flow(rig: ControlRig) -> None:
    line = await rig.call("300")
    assert rig.speech.said == ["We are closed"]
    await rig.hear_out(line)
    assert rig.calls()[0].flow == "night"
    assert_sound(rig)


async def test_closed_number_without_flow_is_refused(rig: ControlRig) -> None:
    line = await rig.call("301")
    assert line.released_with == [Cause.NO_USER_RESPONDING]
    assert rig.calls()[0].outcome == "refused"
    assert_sound(rig)


async def test_call_beyond_the_limit_is_refused(make_rig: MakeRig) -> None:
    rig = await make_rig(max_calls=1)
    first = await rig.call()
    second = await rig.call()
    assert second.released_with == [Cause.CONGESTION]
    await rig.hang_up(first)
    third = await rig.call()
    assert "answer" in third.asked
    await rig.hang_up(third)
    assert [row.outcome for row in rig.calls()] == ["ivr_contained", "refused", "ivr_contained"]
    assert_sound(rig)


async def test_caller_hangs_up_before_we_answer(rig: ControlRig) -> None:
    line = rig.driver.ring()
    await line.drop(Cause.NORMAL)
    await rig.settle()
    [row] = rig.calls()
    assert (row.outcome, row.ended_by) == ("failed", "caller")
    assert_sound(rig)


async def test_withheld_number_is_kept_from_people_but_recorded(rig: ControlRig) -> None:
    line = await rig.call(ani="5550100", restricted=True)
    call = rig.call_on(line)
    assert (call.ani, call.ani_verbatim) == ("", "5550100")
    await rig.hang_up(line)
    assert rig.calls()[0].ani_verbatim == "5550100"
    assert_sound(rig)
