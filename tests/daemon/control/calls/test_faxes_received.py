"""Callers who are fax machines: pages to a mailbox, and every way in which it ends early."""

import pytest

from daemon.control.calls.call import Phase
from daemon.fax import messages as fax
from daemon.link.errors import MediaRefused
from daemon.link.messages import MediaRestarted
from daemon.store.rows import RecordingRow, SegmentRow
from tests.fakes.control_rig import ControlRig
from tests.fakes.sound_records import assert_sound


def fax_segment(rig: ControlRig) -> SegmentRow:
    """The one fax segment in the records."""
    [found] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
    return found


async def test_fax_comes_to_the_mailbox(rig: ControlRig) -> None:
    line = await rig.call("700")
    [request] = rig.media.faxes.asked
    assert isinstance(request, fax.StartFax)
    assert (request.way, request.station) == ("receive", "5557000")
    [port] = rig.media.faxes.running.values()
    assert rig.media.bridged == [frozenset((line.port, port))]
    rig.media.faxes.progress(1)
    await rig.later(30)
    rig.media.faxes.end(pages=2)
    await rig.settle()
    assert rig.speech.said[-1] == "Got 2 pages"
    assert rig.media.bridges == {}
    await rig.hear_out(line)
    [call], segment = rig.calls(), fax_segment(rig)
    assert segment.result == "received"
    assert (segment.detail["pages"], segment.detail["station"]) == ("2", "5550100")
    assert segment.detail["file"] == request.path
    assert request.path.startswith("faxes/2026/09/21/")
    [row] = rig.book.newest(RecordingRow)
    assert (row.kind, row.path, row.mailbox) == ("fax", request.path, "2001")
    assert row.duration_ms == 30_000
    assert rig.driver.lamps == [("2001", True)]
    assert call.data["fax_file"] == request.path
    assert_sound(rig)


async def test_caller_who_hangs_up_leaves_his_whole_pages(rig: ControlRig) -> None:
    line = await rig.call("700")
    rig.media.faxes.progress(3)
    await rig.later(40)
    await rig.hang_up(line)
    assert isinstance(rig.media.faxes.asked[-1], fax.StopFax)
    segment = fax_segment(rig)
    assert segment.result == "fax_failed"
    assert segment.detail["pages"] == "3"
    assert "hung up" in str(segment.detail["en"])
    [row] = rig.book.newest(RecordingRow)
    assert row.duration_ms == 40_000
    assert_sound(rig)


async def test_fax_that_fails_goes_on_in_the_flow(rig: ControlRig) -> None:
    line = await rig.call("700")
    await rig.later(35)
    rig.media.faxes.end(code=3, pages=0)
    await rig.settle()
    assert rig.speech.said[-1].startswith("Fax failed, the other side sent nothing")
    await rig.hear_out(line)
    [row] = rig.book.newest(RecordingRow)
    assert row.duration_ms == 0
    assert rig.driver.lamps == []
    assert_sound(rig)


@pytest.mark.parametrize("how", ["refused", "no host", "no bridge"])
async def test_fax_that_cannot_begin_is_a_failed_one(rig: ControlRig, how: str) -> None:
    if how == "refused":
        rig.media.faxes.refusal = fax.FaxRefused(code=fax.BUSY, text="8 faxes run")
    elif how == "no host":
        rig.media.faults["host"] = MediaRefused("unknown-host", "no driver fax")
    else:
        rig.media.faults["bridge"] = MediaRefused("unknown-port", "no port")
    line = await rig.call("700")
    assert rig.speech.said[-1].startswith("Fax failed, ")
    await rig.hear_out(line)
    assert fax_segment(rig).result == "fax_failed"
    assert rig.media.faxes.running == {}
    assert rig.calls()[0].ended_ms is not None
    assert_sound(rig)


async def test_fax_goes_on_when_control_comes_back(rig: ControlRig) -> None:
    line = await rig.call("700")
    rig.media.faxes.progress(1)
    await rig.settle()
    await rig.again()
    assert rig.phase(line) is Phase.FLOW
    first, second = rig.media.faxes.asked
    assert first == second
    rig.media.faxes.end(pages=2)
    await rig.settle()
    assert rig.speech.said[-1] == "Got 2 pages"
    await rig.hear_out(line)
    assert fax_segment(rig).result == "received"
    [row] = rig.book.newest(RecordingRow)
    assert row.ended_ms is not None
    assert_sound(rig)


async def test_fax_that_ended_while_control_was_away_is_told_again(rig: ControlRig) -> None:
    line = await rig.call("700")
    await rig.crash()
    rig.media.faxes.end(pages=4)
    await rig.again()
    assert rig.speech.said[-1] == "Got 4 pages"
    await rig.hear_out(line)
    segment = fax_segment(rig)
    assert (segment.result, segment.detail["pages"]) == ("received", "4")
    assert_sound(rig)


async def test_media_that_restarts_ends_the_fax(rig: ControlRig) -> None:
    await rig.call("700")
    rig.media.faxes.progress(1)
    await rig.settle()
    rig.media.faxes.running.clear()
    rig.media._tell(MediaRestarted(lost=()))
    await rig.settle()
    assert rig.speech.said[-1] == "Fax failed, the audio was lost"
    assert fax_segment(rig).detail["pages"] == "1"
    assert rig.book.newest(RecordingRow)[0].duration_ms > 0
