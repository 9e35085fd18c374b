"""Recordings of conversations: their chain, pauses for what is secret, and restarts."""

import asyncio

from daemon.control.calls.call import Phase
from daemon.control.calls.context import HoldRequest, PauseRecordingRequest, TransferRequest
from daemon.link.errors import MediaRefused
from daemon.store.rows import RecordingRow
from drivers.events import Cause
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine
from tests.fakes.recorded_files import write_recording
from tests.fakes.sound_records import assert_sound


async def pause(rig: ControlRig, line: FakeLine, *, on: bool) -> bool:
    """Ask as the desk does."""
    done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    rig.controller.request(rig.call_on(line).id, PauseRecordingRequest(on=on, done=done))
    await rig.settle()
    return done.result()


async def test_link_and_pauses_of_a_conversation_are_in_its_row(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    [recorder] = rig.media.recorded
    assert recorder.chain
    await rig.later(5)
    assert await pause(rig, line, on=True)
    await rig.later(12)
    assert await pause(rig, line, on=True)
    assert await pause(rig, line, on=False)
    await rig.later(3)
    assert await pause(rig, line, on=True)
    await rig.later(2)
    await rig.hang_up(line)
    [row] = rig.book.newest(RecordingRow)
    assert (row.duration_ms, row.paused_ms) == (22_000, 14_000)
    assert row.chain == f"{recorder.recording:064x}"
    assert_sound(rig)


async def test_a_message_has_no_chain(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "2")
    await rig.hear_out(line)
    await rig.hear_out(line)
    await rig.later(3)
    await rig.press(line, "#")
    [row] = rig.book.newest(RecordingRow)
    assert (row.kind, row.chain, row.duration_ms) == ("message", "", 3000)
    assert not rig.media.recorded[0].chain


async def test_hold_does_not_end_a_pause(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    call = rig.call_on(line)
    await pause(rig, line, on=True)
    rig.controller.request(call.id, HoldRequest(on=True))
    await rig.later(4)
    rig.controller.request(call.id, HoldRequest(on=False))
    await rig.settle()
    assert rig.phase(line) is Phase.TALKING
    assert call.recording is not None
    assert call.recording.paused
    assert set(rig.media.pauses) == {call.recording.id}
    rig.controller.request(call.id, HoldRequest(on=True))
    await rig.settle()
    assert await pause(rig, line, on=False)
    assert rig.media.pauses == {}


async def test_the_next_conversation_of_a_call_is_recorded_in_a_file_of_its_own(
    rig: ControlRig,
) -> None:
    line, _ = await rig.connect()
    await pause(rig, line, on=True)
    call = rig.call_on(line)
    first = call.recording
    await rig.later(2)
    life = rig.controller.calls[call.id]
    await life.conversation.stop_recording()
    assert line.port is not None
    await life.flow.record("call", line.port)
    assert first is not None
    assert call.recording is not None
    assert call.recording.path != first.path
    assert not call.recording.paused
    assert await pause(rig, line, on=True)
    await rig.hang_up(line)
    assert [row.paused_ms for row in rig.book.newest(RecordingRow)] == [2000, 0]


async def test_a_call_that_goes_on_to_somebody_else_leaves_the_pause_behind(
    rig: ControlRig,
) -> None:
    line, _ = await rig.connect()
    await pause(rig, line, on=True)
    rig.controller.request(rig.call_on(line).id, TransferRequest(to="2002"))
    await rig.settle()
    await rig.driver.line(rig.driver.dialled[-1].line).talk()
    await rig.settle()
    assert rig.phase(line) is Phase.OUTSIDE
    assert rig.media.pauses == {}
    assert rig.call_on(line).recording is None
    assert not await pause(rig, line, on=False)


async def test_media_that_does_not_pause_is_told_to_the_agent(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    call = rig.call_on(line)
    rig.media.faults["pause_record"] = MediaRefused("unknown", "no such recording")
    assert not await pause(rig, line, on=True)
    assert call.recording is not None
    assert not call.recording.paused
    del rig.media.faults["pause_record"]
    assert await pause(rig, line, on=True)
    rig.media.faults["pause_record"] = MediaRefused("unknown", "no such recording")
    assert not await pause(rig, line, on=False)
    assert call.recording.paused


async def test_a_killed_control_process_leaves_the_pause_as_it_is(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await rig.later(5)
    await pause(rig, line, on=True)
    since = rig.media.pauses.copy()
    await rig.later(3)
    await rig.crash()
    await rig.again()
    assert set(rig.media.pauses) == set(since)
    recording = rig.call_on(line).recording
    assert recording is not None
    assert recording.paused
    await rig.later(2)
    assert await pause(rig, line, on=False)
    await rig.hang_up(line)
    [row] = rig.book.newest(RecordingRow)
    assert row.paused_ms == 5000


async def test_killed_before_media_heard_of_the_pause_it_is_paused_at_the_start(
    rig: ControlRig,
) -> None:
    line, _ = await rig.connect()
    call = rig.call_on(line)
    assert call.recording is not None
    call.recording.paused = rig.clock()
    rig.controller.keep(call)
    await rig.crash()
    assert rig.media.pauses == {}
    await rig.again()
    assert set(rig.media.pauses) == {call.recording.id}


async def test_what_ended_while_nobody_listened_is_read_from_its_files(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await rig.later(3)
    await rig.crash()
    link = write_recording(rig.site / rig.media.recorded[-1].path, 2.5, paused_ms=700)
    await line.drop(Cause.NORMAL)
    await rig.again()
    [row] = rig.book.newest(RecordingRow)
    assert (row.duration_ms, row.chain, row.paused_ms) == (2500, link, 700)


async def test_a_media_process_that_died_leaves_what_its_files_say(rig: ControlRig) -> None:
    await rig.connect()
    link = write_recording(rig.site / rig.media.recorded[-1].path, 4.0, closed=False)
    rig.media.restart()
    await rig.settle()
    row, following = rig.book.newest(RecordingRow)
    assert (row.duration_ms, row.chain, row.part_of) == (4000, link, None)
    assert (following.ended_ms, following.part_of) == (None, row.id)
    rig.media.restart()
    await rig.settle()
    assert [r.part_of for r in rig.book.newest(RecordingRow)] == [None, row.id, row.id]
