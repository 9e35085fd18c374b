"""What breaks around a call: lines, the media process, the link, the journal's reader."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import structlog

from acd_core.agent import AgentState
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.events import decode
from daemon.control import app
from daemon.control.acd_runner import JOURNAL_KIND
from daemon.control.calls.call import Phase
from daemon.control.calls.context import PauseRecordingRequest
from daemon.link.errors import MediaAway, MediaRefused
from daemon.store.rows import RecordingRow
from drivers.api import LineId
from drivers.errors import LinkLost
from drivers.events import Cause, Released
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]


async def test_line_of_a_talking_caller_goes_down(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    await rig.later(5)
    port = line.port
    rig.driver.down(line)
    await rig.settle()
    assert port is not None
    await rig.media.close(port)
    assert rig.controller.down == {line.id: "cable out"}
    assert phone.released_with == [Cause.NORMAL]
    [row] = rig.calls()
    assert (row.outcome, row.cause, row.ended_by) == ("answered", 27, "system")
    rig.driver.up(line)
    await rig.settle()
    assert rig.controller.down == {}
    assert_sound(rig)


async def test_line_goes_down_in_the_menu(rig: ControlRig) -> None:
    line = await rig.call()
    port = line.port
    rig.driver.down(line)
    await rig.settle()
    assert port is not None
    await rig.media.close(port)
    assert rig.calls()[0].outcome == "failed"
    assert_sound(rig)


async def test_line_that_cannot_be_answered_fails_the_call(rig: ControlRig) -> None:
    line = rig.driver.ring()
    line.faults["answer"] = LinkLost("the board is gone")
    await rig.settle()
    assert rig.calls()[0].outcome == "failed"
    assert line.released_with == [Cause.TEMPORARY_FAILURE]
    assert_sound(rig)


async def test_media_restarts_and_every_call_goes_on(rig: ControlRig) -> None:
    await rig.seat("ann")
    talking = await rig.call_sales(ani="1")
    await rig.answer("2001")
    waiting = await rig.call_sales(ani="2")
    choosing = await rig.call(ani="3")
    await rig.later(10)
    first = rig.call_on(talking).recording
    assert first is not None
    rig.media.restart()
    await rig.settle()
    assert [rig.phase(line) for line in (talking, waiting, choosing)] == [
        Phase.TALKING,
        Phase.WAITING,
        Phase.FLOW,
    ]
    second = rig.call_on(talking).recording
    assert second is not None
    assert second.id != first.id
    assert list(rig.media.recorders) == [second.id]
    # The menu is heard to its end, and keys are taken as before.
    await rig.hear_out(choosing)
    await rig.press(choosing, "1")
    assert rig.phase(choosing) is Phase.WAITING
    for line in (talking, waiting, choosing):
        await rig.hang_up(line)
    assert [row.kind for row in rig.book.newest(RecordingRow)] == ["call", "call"]
    assert_sound(rig)


async def test_pause_of_a_recording_outlives_media(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    await rig.answer("2001")
    recording = rig.call_on(line).recording
    assert recording is not None
    asked = PauseRecordingRequest(on=True, done=asyncio.get_running_loop().create_future())
    rig.controller.request(rig.call_on(line).id, asked)
    await rig.settle()
    rig.media.restart()
    await rig.settle()
    again = rig.call_on(line).recording
    assert again is not None
    assert again.id != recording.id
    assert set(rig.media.pauses) == {again.id}


async def test_leg_whose_port_is_taken_after_a_restart_of_media_ends(rig: ControlRig) -> None:
    await rig.seat("ann")
    talking = await rig.call_sales(ani="1")
    phone = await rig.answer("2001")
    waiting = await rig.call_sales(ani="2")
    port = rig.call_on(waiting).caller.port
    agents = rig.call_on(talking).agent_leg
    assert port is not None
    assert agents is not None
    rig.media.restart(lost=[port])
    await rig.settle()
    assert waiting.released_with == [Cause.DESTINATION_OUT_OF_ORDER]
    assert rig.phase(talking) is Phase.TALKING
    assert agents.port is not None
    rig.media.restart(lost=[agents.port])
    await rig.settle()
    assert phone.released_with
    await rig.hang_up(talking)
    outcomes = {row.ani: row.outcome for row in rig.calls()}
    assert outcomes == {"1": "answered", "2": "abandoned"}
    assert_sound(rig)


async def test_an_event_that_nobody_understands_does_not_deafen_us(rig: ControlRig) -> None:
    await rig.seat("ann")
    with structlog.testing.capture_logs() as said:
        rig.driver.emit("no event")  # type: ignore[arg-type]
        line = await rig.call_sales()
    [fault] = [each for each in said if each["log_level"] == "error"]
    assert (fault["event"], fault["what"]) == ("line event cannot be handled", "'no event'")
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_leg_whose_keys_do_not_come_ends(rig: ControlRig) -> None:
    line = await rig.call_sales()
    port = rig.call_on(line).caller.port
    assert port is not None
    rig.media.keys_by_dtls(port, "connected", "AEAD_AES_128_GCM")
    await rig.settle()
    assert rig.phase(line) is Phase.WAITING
    rig.media.keys_by_dtls(port, "failed", "certificate")
    await rig.settle()
    assert line.released_with == [Cause.DESTINATION_OUT_OF_ORDER]
    assert_sound(rig)


async def test_leg_whose_keys_failed_unheard_ends_when_that_is_known(rig: ControlRig) -> None:
    line = await rig.call_sales()
    port = rig.call_on(line).caller.port
    assert port is not None
    rig.media.unheard = 0
    rig.media.keys_by_dtls(port, "failed", "timeout")
    await rig.settle()
    assert rig.phase(line) is Phase.WAITING
    rig.media.hears_again()
    await rig.settle()
    assert line.released_with == [Cause.DESTINATION_OUT_OF_ORDER]
    assert_sound(rig)


async def test_every_port_is_taken_and_every_call_ends_with_its_records(rig: ControlRig) -> None:
    await rig.seat("ann")
    talking = await rig.call_sales(ani="1")
    phone = await rig.answer("2001")
    waiting = await rig.call_sales(ani="2")
    choosing = await rig.call(ani="3")
    await rig.later(10)
    rig.media.restart(lost=sorted(rig.media.ports))
    await rig.settle()
    assert rig.controller.calls == {}
    outcomes = {row.ani: row.outcome for row in rig.calls()}
    assert outcomes == {"1": "answered", "2": "abandoned", "3": "failed"}
    assert all(line.released_with for line in (talking, phone, waiting, choosing))
    assert rig.state("ann") is AgentState.READY
    assert_sound(rig)


@pytest.mark.parametrize("request_name", ["bridge", "stop_play"])
async def test_caller_waits_on_when_he_cannot_be_joined_to_the_agent(
    rig: ControlRig, request_name: str
) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    rig.media.faults[request_name] = MediaAway("no answer in 5 s")
    phone = await rig.answer("2001")
    assert phone.released_with == [Cause.TEMPORARY_FAILURE]
    await rig.later(0.05)
    assert rig.phase(line) is Phase.OFFERED
    assert rig.agent("ann").misses == 0
    rig.media.faults.clear()
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(line)
    [row] = rig.calls()
    assert [kind[:2] for kind in rig.kinds(row)] == [
        ("ivr", ""), ("wait", "answered"), ("ring", "failed"), ("ring", "answered"), ("talk", ""),
    ]  # fmt: skip
    assert_sound(rig)


async def test_caller_who_hears_no_music_still_reaches_an_agent(rig: ControlRig) -> None:
    rig.media.faults["play_tone"] = MediaAway("no answer in 5 s")
    line = await rig.call_sales()
    assert rig.phase(line) is Phase.WAITING
    await rig.seat("ann")
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING


async def test_conversation_goes_on_when_it_cannot_be_recorded(rig: ControlRig) -> None:
    rig.media.faults["record"] = MediaRefused("disk", "no space left")
    line, _ = await rig.connect()
    assert rig.phase(line) is Phase.TALKING
    await rig.later(3)
    await rig.hang_up(line)
    assert rig.book.newest(RecordingRow) == []
    assert rig.calls()[0].outcome == "answered"
    assert_sound(rig)


@pytest.mark.parametrize("request_name", ["unbridge", "bridge"])
async def test_link_fails_at_hold_and_the_call_ends_with_its_records(
    rig: ControlRig, request_name: str
) -> None:
    line, phone = await rig.connect()
    await rig.later(3)
    rig.media.faults[request_name] = MediaAway("no answer in 5 s")
    rig.driver.hold(phone, on=True)
    rig.driver.hold(phone, on=False)
    await rig.settle()
    assert line.released_with == [Cause.TEMPORARY_FAILURE]
    assert phone.released_with == [Cause.NORMAL]
    assert rig.calls()[0].outcome == "answered"
    assert rig.state("ann") is AgentState.READY
    assert_sound(rig)


async def test_link_fails_in_the_menu(rig: ControlRig) -> None:
    rig.media.faults["play"] = MediaAway("no answer in 5 s")
    line = await rig.call()
    assert line.released_with == [Cause.NORMAL]
    assert rig.calls()[0].ended_by == "system"
    assert_sound(rig)


async def test_recording_that_cannot_be_stopped_does_not_keep_the_call(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    rig.media.faults["stop_record"] = MediaRefused("unknown", "no such recording")
    await rig.hang_up(line)
    assert rig.calls()[0].outcome == "answered"
    assert [row.ended_ms is not None for row in rig.book.newest(RecordingRow)] == [True]
    assert_sound(rig)


async def test_event_of_a_line_that_nobody_uses_is_ignored(rig: ControlRig) -> None:
    line = rig.driver.telephone("2002")
    rig.driver.emit(Released(line=line.id))
    rig.driver.hold(line, on=True)
    await rig.settle()
    assert rig.calls() == []


async def test_line_is_used_again_at_once(rig: ControlRig) -> None:
    line = await rig.call(ani="1")
    await rig.hang_up(line)
    again = await rig.call(ani="2")
    assert again is line
    assert rig.phase(line) is Phase.FLOW
    await rig.hang_up(again)
    assert [row.ani for row in rig.calls()] == ["1", "2"]
    assert_sound(rig)


async def test_line_that_rings_again_is_not_answered_for_the_caller_before(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first caller leaves while we still wait for what the serial link tells of him."""
    told = asyncio.Event()

    async def slow(line: LineId) -> None:
        await told.wait()

    monkeypatch.setattr(rig.controller, "call_detail", slow)
    line = await rig.call(ani="1")
    await rig.hang_up(line)
    await rig.call(ani="2")
    assert line.asked == []
    told.set()
    await rig.settle()
    assert line.asked == ["answer"]
    assert rig.call_on(line).ani == "2"
    assert rig.phase(line) is Phase.FLOW
    await rig.hang_up(line)
    assert [row.outcome for row in rig.calls()] == ["failed", "ivr_contained"]
    assert_sound(rig)


async def test_stop_of_the_site_ends_calls_with_their_recordings(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    waiting = await rig.call_sales()
    await app._end_calls(rig.controller)
    assert all(each.released_with for each in (line, phone, waiting))
    assert rig.records.open_recordings() == ()
    assert_sound(rig)


async def test_end_of_the_last_call_on_a_station_does_not_touch_the_next(rig: ControlRig) -> None:
    """The station is free a moment before control reads that its last call is over."""
    first, phone = await rig.connect()
    second = await rig.call_sales()
    await rig.later(5)
    await first.drop(Cause.NORMAL)
    await phone.drop(Cause.NORMAL)
    await rig.settle()
    await rig.later(0.1)
    assert rig.phase(second) is Phase.OFFERED
    assert rig.agent("ann").misses == 0
    await rig.answer("2001")
    await rig.hang_up(second)
    assert_sound(rig)


async def test_replay_of_the_journal_leads_to_the_same_floor(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(wrap_up_s=5.0, max_wait_s=40.0)])
    await rig.seat("ann")
    first = await rig.call_sales(ani="1")
    second = await rig.call_sales(ani="2")
    await rig.later(4)
    await rig.answer("2001")
    await rig.later(8)
    await rig.hang_up(first)
    await rig.later(5)
    await rig.later(10)
    await rig.seat("bob")
    await rig.answer("2002")
    await rig.later(3)
    await rig.hang_up(second)
    replayed = AcdEngine()
    commands = []
    for record in rig.journal.read():
        if record.kind == JOURNAL_KIND:
            try:
                commands.append(replayed.handle(decode(record.payload), record.at))
            except AcdError:
                continue
    assert len(commands) > 15
    assert replayed.snapshot(rig.clock()) == rig.engine.snapshot(rig.clock())
    again = AcdEngine()
    told = [
        again.handle(decode(record.payload), record.at)
        for record in rig.journal.read()
        if record.kind == JOURNAL_KIND
    ]
    assert told == commands
    assert_sound(rig)
