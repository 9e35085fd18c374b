"""T.38 between two legs that goes on, or ends in order: gateways, media, control, lost events."""

import asyncio

import pytest

from daemon.fax import messages as fax
from daemon.store.rows import RecordingRow, SegmentRow
from drivers.t38 import T38Left, T38Withdrawn
from tests.daemon.control.calls.test_supervising import supervise
from tests.daemon.control.calls.test_t38_changes import (
    ELSEWHERE,
    PEER,
    TERMS,
    Packets,
    both,
    receive,
    started,
    t38_segment,
)
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine
from tests.fakes.recorded_files import write_recording
from tests.fakes.sound_records import assert_sound


async def gateway(rig: ControlRig) -> tuple[FakeLine, Packets, Packets]:
    """A caller on T.38, and an agent who has refused it."""
    caller, near, far = await both(rig)
    await far.answer(rig, None)
    return caller, near, far


def results(rig: ControlRig) -> list[str]:
    """How T.38 went, each time that it ran."""
    return [row.result for row in rig.book.newest(SegmentRow) if row.kind == "t38"]


def restart_media(rig: ControlRig) -> None:
    """Media is another process, which knows of the legs and of nothing else."""
    rig.media.faxes.restart()
    rig.media.restart()


def assert_joined(rig: ControlRig, caller: FakeLine, far: Packets) -> None:
    """Both legs hear each other."""
    bridge = rig.call_on(caller).bridge
    assert rig.media.bridges == {bridge: {caller.port, far.line.port}}


async def test_gateway_makes_way_when_the_other_leg_asks_afterwards(rig: ControlRig) -> None:
    caller, near, far = await gateway(rig)
    [before] = started(rig)
    await far.ask(rig)
    assert (far.like, far.refused) == ([TERMS], 0)
    [passed] = rig.media.faxes.passed_on.values()
    assert (passed.gateway, passed.peer, passed.other_peer) == (before.fax, PEER, PEER)
    assert near.retold == [TERMS]  # the other one's, whatever those are
    assert rig.media.faxes.running == {}
    assert_joined(rig, caller, far)  # for the time after T.38
    await far.ask(rig)
    assert far.refused == 1
    assert results(rig) == ["gateway", ""]
    rig.driver.emit(T38Left(line=far.line.id))
    await rig.settle()
    assert (near.left, far.left) == (1, 0)
    assert_joined(rig, caller, far)
    await rig.hang_up(caller)
    assert results(rig) == ["gateway", "passed_on"]
    assert_sound(rig)


async def test_gateway_goes_on_when_media_cannot_pass_on(rig: ControlRig) -> None:
    caller, near, far = await gateway(rig)
    handle = rig.media.faxes.handle

    def refusing(payload: bytes) -> bytes:
        if isinstance(fax.decode_request(payload), fax.PassT38):
            return fax.encode(fax.FaxRefused(code=fax.BUSY, text="no room"))
        return handle(payload)

    rig.media.faxes.handle = refusing  # type: ignore[method-assign]
    await far.ask(rig)
    assert (len(far.accepted), far.left, near.left, near.retold) == (1, 1, 0, [])
    assert len(rig.media.faxes.running) == 1
    rig.media.faxes.progress(1)
    await rig.hang_up(caller)
    assert results(rig) == ["gateway"]
    assert_sound(rig)


async def test_who_has_asked_for_the_gateway_does_not_ask_it_away(rig: ControlRig) -> None:
    caller, near, _ = await gateway(rig)
    await near.ask(rig)
    assert near.refused == 1
    assert len(rig.media.faxes.running) == 1
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_gateway_of_a_control_process_before_goes_on(rig: ControlRig) -> None:
    """What its side was told is not known any more, so nobody else is told it."""
    caller, _, far = await gateway(rig)
    await rig.again()
    await far.ask(rig)
    assert far.refused == 1
    rig.media.faxes.progress(1)
    await rig.settle()
    await rig.hang_up(caller)
    segment = t38_segment(rig)
    assert (segment.result, segment.detail["pages"]) == ("gateway", "1")
    assert_sound(rig)


async def test_gateway_that_dies_leaves_both_with_audio(rig: ControlRig) -> None:
    caller, near, far = await gateway(rig)
    rig.media.faxes.end(code=fax.NO_TERMINAL, pages=0)
    await rig.settle()
    assert (near.left, results(rig)) == (1, ["fax_failed"])
    assert_joined(rig, caller, far)
    await near.ask(rig)  # and it may try again
    assert len(near.proposed) + len(far.proposed) == 2
    await rig.hang_up(caller)
    assert_sound(rig)


# -- media is started anew ------------------------------------------------------------------


async def test_media_that_restarts_passes_on_at_the_same_ports(rig: ControlRig) -> None:
    caller, near, far = await both(rig)
    await far.answer(rig, ELSEWHERE)
    before = dict(rig.media.faxes.passed_on)
    restart_media(rig)
    await rig.settle()
    assert rig.media.faxes.reopened == [7001, 7002]
    assert rig.media.faxes.passed_on == before
    assert (near.left, far.left) == (0, 0)
    await rig.hang_up(caller)
    segment = t38_segment(rig)
    assert (segment.result, segment.detail["interrupted"]) == ("passed_on", "1")
    assert_sound(rig)


async def test_ports_that_are_taken_meanwhile_leave_both_with_audio(rig: ControlRig) -> None:
    caller, near, far = await both(rig)
    await far.answer(rig, ELSEWHERE)
    rig.media.faxes.refusal = fax.FaxRefused(code=fax.NO_AUDIO, text="the port is taken")
    restart_media(rig)
    await rig.settle()
    assert (near.left, far.left, results(rig)) == (1, 1, ["fax_failed"])
    assert t38_segment(rig).detail["code"] == str(fax.NO_AUDIO)
    assert_joined(rig, caller, far)
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_media_that_restarts_takes_a_gateway_with_it(rig: ControlRig) -> None:
    caller, near, far = await gateway(rig)
    restart_media(rig)
    await rig.settle()
    assert (near.left, results(rig)) == (1, ["fax_failed"])
    assert rig.media.faxes.running == {}
    assert_joined(rig, caller, far)
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_media_that_restarts_fails_a_fax_and_its_caller_goes_on(rig: ControlRig) -> None:
    line, packets = await receive(rig, TERMS)
    restart_media(rig)
    await rig.settle()
    assert packets.left == 1
    [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
    assert (segment.result, segment.detail["en"]) == ("fax_failed", "the audio was lost")
    await rig.hear_out(line)
    assert rig.calls()[-1].ended_ms
    assert_sound(rig)


# -- control is started anew ------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("way", ["gateway", "passed_on"])
async def test_control_that_comes_back_finds_t38_over(
    rig: ControlRig, way: str, known: bool
) -> None:
    """Media ended it when nobody was there, or is another process that never knew it."""
    caller, near, far = await both(rig)
    await far.answer(rig, ELSEWHERE if way == "passed_on" else None)
    [number] = rig.media.faxes.passed_on or rig.media.faxes.running
    await rig.crash()
    rig.media.faxes.restart()
    if known:
        rig.media.faxes.over[number] = fax.FaxEnded(fax=number, code=fax.DROPPED, t38=True)
    await rig.again()
    assert (near.left, results(rig)) == (1, ["fax_failed"])
    assert_joined(rig, caller, far)
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_control_that_comes_back_hears_how_it_goes(rig: ControlRig) -> None:
    caller, _, far = await gateway(rig)
    await rig.again()
    rig.media.faxes.progress(2)
    await rig.settle()
    assert rig.call_on(caller).segments["t38"].detail["pages"] == "2"
    rig.driver.emit(T38Left(line=rig.call_on(caller).caller.line))
    await rig.settle()
    assert_joined(rig, caller, far)
    await rig.hang_up(caller)
    assert results(rig) == ["gateway"]


async def test_leg_that_t38_began_in_when_control_ended_goes_back_to_audio(
    rig: ControlRig,
) -> None:
    """It was asked, and said yes when nobody was there to join it with the other one."""
    caller, near, far = await both(rig)
    await rig.again()
    assert (near.left, far.left, results(rig)) == (1, 1, [])
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_leg_that_goes_back_takes_the_other_along_whoever_listens(rig: ControlRig) -> None:
    caller, near, far = await both(rig)
    await far.answer(rig, ELSEWHERE)
    await supervise(rig, caller)
    rig.driver.emit(T38Left(line=near.line.id))
    await rig.settle()
    assert (near.left, far.left, results(rig)) == (0, 1, ["passed_on"])
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_leg_that_had_a_gateway_is_heard_again_whoever_listens(rig: ControlRig) -> None:
    caller, near, far = await gateway(rig)
    await supervise(rig, caller)
    rig.driver.emit(T38Left(line=near.line.id))
    await rig.settle()
    for line in (caller, far.line):
        assert line.port is not None
        assert rig.media.parts[line.port] == (rig.call_on(caller).bridge, "talks", None)
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_who_takes_its_question_back_and_asks_again_meanwhile_is_put_off(
    rig: ControlRig,
) -> None:
    caller, near, far = await both(rig)
    rig.driver.emit(T38Withdrawn(line=near.line.id))
    await rig.settle()
    await near.ask(rig)
    assert (near.later, near.refused, len(far.proposed)) == (1, 0, 1)
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_legs_on_t38_stay_there_when_control_comes_back(rig: ControlRig) -> None:
    caller, near, far = await both(rig)
    await far.answer(rig, ELSEWHERE)
    await rig.again()
    assert (near.left, far.left) == (0, 0)
    await rig.hang_up(caller)
    assert results(rig) == ["passed_on"]


async def test_fax_of_ours_stays_on_t38_when_control_comes_back(rig: ControlRig) -> None:
    line, packets = await receive(rig, TERMS)
    await rig.again()
    assert packets.left == 0
    rig.media.faxes.end(pages=1)
    await rig.settle()
    assert packets.left == 1
    await rig.hear_out(line)


# -- events are lost --------------------------------------------------------------------------


async def test_fax_whose_end_was_lost_is_over_all_the_same(rig: ControlRig) -> None:
    line, packets = await receive(rig, TERMS)
    rig.media.unheard = 0
    rig.media.faxes.progress(2)
    rig.media.faxes.end(pages=2)
    await rig.settle()
    assert packets.left == 0
    rig.media.hears_again()
    await rig.settle()
    assert packets.left == 1
    [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
    assert (segment.result, segment.detail["pages"]) == ("received", "2")
    assert rig.speech.said[-1] == "Got 2 pages"
    await rig.hear_out(line)
    assert_sound(rig)


async def test_fax_that_media_has_forgotten_is_over(rig: ControlRig) -> None:
    line, packets = await receive(rig, TERMS)
    rig.media.unheard = 0
    rig.media.faxes.end(pages=2)
    rig.media.faxes.over.clear()
    rig.media.hears_again()
    await rig.settle()
    assert packets.left == 1
    [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
    assert (segment.result, segment.detail["code"]) == ("fax_failed", str(fax.NO_AUDIO))
    await rig.hear_out(line)
    assert_sound(rig)


async def test_fax_that_goes_on_is_left_alone_when_events_are_lost(rig: ControlRig) -> None:
    line, packets = await receive(rig, TERMS)
    rig.media.unheard = 0
    rig.media.hears_again()
    await rig.settle()
    assert (len(started(rig)), packets.left) == (1, 0)
    rig.media.faxes.end(pages=1)
    await rig.settle()
    await rig.hear_out(line)
    assert_sound(rig)


async def test_gateway_whose_end_was_lost_leaves_both_with_audio(rig: ControlRig) -> None:
    caller, near, far = await gateway(rig)
    rig.media.unheard = 0
    rig.media.faxes.end(code=fax.NO_TERMINAL, pages=0)
    rig.media.hears_again()
    await rig.settle()
    assert (near.left, results(rig)) == (1, ["fax_failed"])
    assert_joined(rig, caller, far)
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_recordings_whose_ends_were_lost_have_their_rows_and_links(rig: ControlRig) -> None:
    """One of a call that goes on, and one of a call whose caller hung up meanwhile."""
    caller, _ = await rig.connect()
    other = await rig.call()
    await rig.press(other, "2")
    await rig.hear_out(other)
    await rig.hear_out(other)
    talk, message = rig.media.recorded
    link = write_recording(rig.site / talk.path, 4.0, paused_ms=300)
    write_recording(rig.site / message.path, 3.0)
    rig.media.unheard = 0
    rig.media.end_record(caller.port, "disk")
    rig.media.end_record(other.port, "silence")
    rig.media.hears_again()
    while {talk.recording, message.recording} & {r.id for r in rig.records.open_recordings()}:
        await asyncio.sleep(0.01)  # files are read in a thread
    await rig.settle()
    first, second = rig.book.newest(RecordingRow)[:2]
    assert (first.duration_ms, first.chain, first.paused_ms) == (4000, link, 300)
    assert (second.kind, second.duration_ms, second.chain) == ("message", 3000, "")
    assert rig.call_on(caller).recording is None
    assert rig.calls()[-1].outcome == "voicemail"  # its flow went on, with what it knows
    assert rig.calls()[-1].data["recording_s"] == "3.0"
    await rig.hang_up(caller)
    assert_sound(rig)
