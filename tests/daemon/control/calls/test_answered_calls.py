"""Calls that an agent takes, from first ring to last release, with exact records."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from acd_core.agent import AgentState
from daemon.control.calls.call import Phase
from daemon.control.calls.context import HangUpRequest, HoldRequest
from daemon.store.rows import RecordingRow, SegmentRow, StreamRow
from drivers.events import Cause, Released
from tests.fakes.control_rig import START, ControlRig, make_queue
from tests.fakes.line import State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]


@pytest.mark.parametrize("restricted", [False, True])
async def test_an_agents_telephone_is_told_that_a_number_is_withheld(
    rig: ControlRig, *, restricted: bool
) -> None:
    await rig.seat("ann")
    await rig.call_sales(ani="5550100", restricted=restricted)
    [rung] = rig.driver.dialled
    shown = "" if restricted else "5550100"
    assert (rung.ani, rung.details.restricted) == (shown, restricted)


async def test_call_is_answered_and_the_caller_ends_it(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call(ani="5550100", name="Mr Brown")
    assert rig.phase(line) is Phase.FLOW
    assert rig.media.hears(line.port)
    await rig.later(3)
    await rig.press(line, "1")
    assert rig.phase(line) is Phase.OFFERED
    assert [(d.number, d.ani, d.name) for d in rig.driver.dialled] == [
        ("2001", "5550100", "Mr Brown")
    ]
    rig.driver.progress("2001")
    await rig.settle()
    assert rig.state("ann") is AgentState.RINGING
    await rig.later(2)
    phone = await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING
    assert rig.media.bridged == [frozenset((line.port, phone.port))]
    assert rig.media.hears(line.port) == ()
    assert rig.state("ann") is AgentState.TALKING
    await rig.later(30)
    await rig.hang_up(line)
    assert rig.state("ann") is AgentState.READY
    assert_sound(rig)
    [row] = rig.calls()
    assert rig.kinds(row) == [("ivr", "", 3), ("wait", "answered", 2), ("ring", "answered", 2),
                              ("talk", "", 30)]  # fmt: skip
    assert (row.outcome, row.ended_by, row.agent_id, row.queue_id) == ("answered", "caller", 1, 1)
    assert row.started_ms == START * 1000
    assert row.answered_ms == (START + 5) * 1000
    assert row.ended_ms == (START + 35) * 1000
    assert row.path == ("menu", "sales")
    assert row.data["choice"] == "sales"
    [visit] = rig.visits()
    assert (visit.outcome, visit.offers, visit.talk_ms, visit.agent_id) == (
        "answered",
        1,
        30_000,
        1,
    )
    assert phone.released_with == [Cause.NORMAL]


async def test_conversation_is_recorded_in_stereo_on_the_callers_leg(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    [recorder] = rig.media.recorded
    assert (recorder.port, recorder.stereo) == (line.port, True)
    await rig.later(8)
    await rig.hang_up(line)
    [row] = rig.book.newest(RecordingRow)
    assert (row.kind, row.duration_ms, row.agent_id, row.queue_id) == ("call", 8000, 1, 1)
    assert row.path == recorder.path
    assert row.path.startswith("recordings/2026/")
    assert_sound(rig)


@pytest.mark.parametrize("every", [0.0, 15.0])
async def test_queue_says_how_often_a_tone_tells_of_the_recording(
    make_rig: MakeRig, every: float
) -> None:
    rig = await make_rig(queues=[make_queue(record_tone_s=every)])
    await rig.connect()
    assert [recorder.tone_s for recorder in rig.media.recorded] == [every]


async def test_agent_hangs_up_and_the_flow_goes_on_to_its_end(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    await rig.later(20)
    await rig.hang_up(phone)
    assert rig.phase(line) is Phase.FLOW
    assert rig.speech.said[-1] == "Thank you"
    assert rig.media.hears(line.port)
    assert rig.media.bridges == {}
    await rig.later(2)
    await rig.hear_out(line)
    assert_sound(rig)
    [row] = rig.calls()
    assert [kind for kind, _, _ in rig.kinds(row)] == ["ivr", "wait", "ring", "talk", "ivr"]
    assert (row.outcome, row.ended_by) == ("answered", "agent")
    assert line.released_with == [Cause.NORMAL]


async def test_nobody_runs_the_flow_of_a_caller_who_talks_until_the_agent_is_done(
    rig: ControlRig,
) -> None:
    def running() -> int:
        return sum(task.get_name().startswith("flow ") for task in asyncio.all_tasks())

    line = await rig.call()
    assert running() == 1
    await rig.hang_up(line)
    line, station = await rig.connect()
    assert running() == 0
    await rig.press(line, "1")  # says nothing to anybody, also not later
    assert rig.phase(line) is Phase.TALKING
    assert running() == 0
    await rig.hang_up(station)
    assert running() == 1
    assert rig.speech.said[-1] == "Thank you"
    await rig.hear_out(line)
    assert running() == 0
    assert rig.calls()[-1].ended_by == "agent"


async def test_bridge_ends_with_the_port_of_the_agent_and_a_boards_port_is_parted(
    rig: ControlRig,
) -> None:
    asked: list[int] = []
    unbridge = rig.media.unbridge

    async def counted(bridge: int) -> None:
        asked.append(bridge)
        await unbridge(bridge)

    rig.media.unbridge = counted  # type: ignore[method-assign]
    line, phone = await rig.connect()
    await rig.hang_up(phone)
    assert (rig.media.bridges, asked) == ({}, [])
    await rig.hang_up(line)
    line = await rig.call_sales()
    phone = await rig.answer("2001")
    [bridge] = rig.media.bridges
    phone.state = State.IDLE
    rig.driver.emit(Released(line=phone.id, cause=Cause.NORMAL))
    await rig.settle()
    assert (rig.media.bridges, asked) == ({}, [bridge])
    assert rig.phase(line) is Phase.FLOW


async def test_wrap_up_belongs_to_the_visit_and_ends_later(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(wrap_up_s=15.0)])
    line, _ = await rig.connect()
    await rig.later(10)
    await rig.hang_up(line)
    assert rig.state("ann") is AgentState.WRAP_UP
    await rig.later(15)
    assert rig.state("ann") is AgentState.READY
    [wrap_up] = [row for row in rig.book.newest(SegmentRow) if row.kind == "wrap_up"]
    assert (wrap_up.ended_ms or 0) - wrap_up.started_ms == 15_000
    [visit] = rig.visits()
    assert visit.wrap_up_ms == 15_000
    assert_sound(rig)


async def test_agent_holds_with_his_telephone(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    (rig.site / "prompts").mkdir()
    (rig.site / "prompts" / "hold_music.wav").write_bytes(b"RIFF")
    await rig.later(10)
    rig.driver.hold(phone, on=True)
    await rig.settle()
    assert rig.phase(line) is Phase.ON_HOLD
    assert rig.media.bridges == {}
    assert rig.media.hears(line.port) == ("cache/prompts/hold_music.8k.s16",)
    assert rig.state("ann") is AgentState.ON_HOLD
    await rig.later(5)
    rig.driver.hold(phone, on=False)
    await rig.settle()
    assert rig.phase(line) is Phase.TALKING
    assert rig.media.hears(line.port) == ()
    assert list(rig.media.bridges.values()) == [frozenset((line.port, phone.port))]
    assert phone.asked == ["dial"]
    await rig.later(5)
    await rig.hang_up(line)
    assert_sound(rig)
    [visit] = rig.visits()
    assert (visit.talk_ms, visit.hold_ms) == (15_000, 5_000)


async def test_agent_holds_at_the_desk(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    call = rig.call_on(line)
    rig.controller.request(call.id, HoldRequest(on=True))
    rig.controller.request(call.id, HoldRequest(on=True))
    await rig.later(4)
    assert rig.phase(line) is Phase.ON_HOLD
    rig.controller.request(call.id, HoldRequest(on=False))
    await rig.settle()
    assert rig.phase(line) is Phase.TALKING
    assert phone.asked == ["dial", "hold", "retrieve"]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_hold_at_the_desk_works_with_a_station_that_knows_no_hold(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    phone.can &= ~phone.can.HOLD
    call = rig.call_on(line)
    rig.controller.request(call.id, HoldRequest(on=True))
    await rig.later(3)
    assert rig.phase(line) is Phase.ON_HOLD
    assert rig.media.bridges == {}
    rig.controller.request(call.id, HoldRequest(on=False))
    await rig.settle()
    assert list(rig.media.bridges.values()) == [frozenset((line.port, phone.port))]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_agent_who_hangs_up_from_hold_takes_the_music_along(rig: ControlRig) -> None:
    (rig.site / "prompts").mkdir()
    (rig.site / "prompts" / "hold_music.wav").write_bytes(b"RIFF")
    await rig.seat("ann")
    line = await rig.call("500")
    phone = await rig.answer("2001")
    rig.driver.hold(phone, on=True)
    await rig.later(6)
    rig.speech.missing.add("How was it")
    await rig.hang_up(phone)
    assert rig.media.hears(line.port) == ()
    await rig.press(line, "5")
    assert rig.calls()[0].data["grade"] == "5"
    assert_sound(rig)


async def test_line_of_the_agent_fails_and_the_caller_stays(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call("500")
    phone = await rig.answer("2001")
    await rig.later(5)
    rig.driver.down(phone)
    await rig.settle()
    assert rig.phase(line) is Phase.FLOW
    assert rig.state("ann") is AgentState.READY
    await rig.hang_up(line)
    assert_sound(rig)


async def test_supervisor_ends_the_call(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    await rig.later(3)
    rig.controller.request(rig.call_on(line).id, HangUpRequest(by="system"))
    await rig.settle()
    assert (line.released_with, phone.released_with) == ([Cause.NORMAL], [Cause.NORMAL])
    [row] = rig.calls()
    assert (row.outcome, row.ended_by) == ("answered", "system")
    assert_sound(rig)


async def test_request_for_a_call_that_is_over_is_refused(rig: ControlRig) -> None:
    assert not rig.controller.request(7, HangUpRequest())


async def test_agent_is_free_for_the_next_caller_while_the_flow_goes_on(rig: ControlRig) -> None:
    first, phone = await rig.connect(ani="1")
    await rig.hang_up(phone)
    second = await rig.call_sales(ani="2")
    assert rig.controller.call_of_agent(1) is rig.call_on(second)
    await rig.answer("2001")
    assert rig.controller.call_of_agent(1) is rig.call_on(second)
    await rig.hear_out(first)
    await rig.hang_up(second)
    assert_sound(rig)
    assert [row.agent_id for row in rig.calls()] == [1, 1]


async def test_number_that_leads_straight_into_a_queue(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call("200")
    await rig.answer("2001")
    assert rig.call_on(line).flow == "queue:sales"
    await rig.later(1)
    await rig.hang_up(line)
    [row] = rig.calls()
    assert [kind for kind, _, _ in rig.kinds(row)] == ["ivr", "wait", "ring", "talk"]
    assert_sound(rig)


async def test_caller_who_was_served_reaches_the_same_agent_again(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(last_agent_s=30.0)])
    line, _ = await rig.connect(ani="5550111")
    await rig.hang_up(line)
    await rig.seat("bob")
    await rig.later(100)
    again = await rig.call_sales(ani="5550111")
    assert rig.driver.dialled[-1].number == "2001"
    await rig.hang_up(again)
    assert_sound(rig)


async def test_figures_of_both_streams_are_kept(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    call, legs = rig.call_on(line).id, {line.port: 1.5, agent.port: 4.25}
    ids = {leg.port: leg.id for leg in rig.call_on(line).legs}
    await rig.hang_up(line)
    for port, mos in legs.items():
        rig.media.stream_ended(port, mos)
    await rig.settle()
    rows = rig.book.newest(StreamRow)
    assert [(row.call_id, row.leg_id, row.mos) for row in rows] == [
        (call, ids[port], mos) for port, mos in legs.items()
    ]
    rig.media.stream_ended(next(iter(legs)), 1.0)  # nobody's port by now
    await rig.settle()
    assert len(rig.book.newest(StreamRow)) == 2
