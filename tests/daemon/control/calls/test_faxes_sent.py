"""Faxes that are sent: called until they come through, and every way in which they do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from daemon.config import TelephoneOptions
from daemon.control.faxes.outbox import Outbox
from daemon.control.faxes.spool import FaxJob, FaxSpool, IllegalFaxState
from daemon.control.line_table import LineTable, OpenDriver
from daemon.fax import messages as fax
from daemon.fax.options import FaxOptions
from daemon.link.messages import MediaRestarted
from daemon.service.fax.faxes import FaxState
from daemon.store.rows import RecordingRow, SegmentRow
from drivers.api import LineId
from drivers.events import Cause
from tests.fakes.control_rig import ControlRig
from tests.fakes.fax_pages import write_pages
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]
OPTIONS = FaxOptions(station="030 5557000", header="Ward 7", attempts=3, retry_s=100, ring_s=40)
ALLOWED = TelephoneOptions(allowed=("0",))


@pytest.fixture
async def rig(make_rig: MakeRig) -> AsyncIterator[ControlRig]:
    rig = await make_rig(telephones=ALLOWED)
    rig.controller.faxes.outbox.options = OPTIONS
    running = asyncio.create_task(rig.controller.faxes.outbox.run())
    yield rig
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def send(rig: ControlRig, *, pages: int = 2, number: str = "0305551") -> FaxJob:
    """Queue a file; what the outbox makes of it once it is a fax."""
    folder = rig.site / "incoming"
    source = write_pages(folder / "letter.tif", [f"page {each}" for each in range(pages)])
    outbox = rig.controller.faxes.outbox
    job = outbox.put(number, str(source.relative_to(rig.site)), "letter.tif", "ann")
    while job.state is FaxState.PREPARING:
        await asyncio.sleep(0.01)
    await rig.settle()
    return job


def dialled(rig: ControlRig) -> FakeLine:
    """The line that the last call went out on."""
    return rig.driver.line(rig.driver.dialled[-1].line)


async def answered(rig: ControlRig) -> FakeLine:
    """The other machine picks up."""
    line = dialled(rig)
    await line.talk()
    await rig.settle()
    return line


async def test_fax_is_called_sent_and_told(rig: ControlRig) -> None:
    job = await send(rig)
    assert (job.state, job.pages, job.attempts) == (FaxState.CALLING, 2, 1)
    assert rig.driver.dialled[-1].number == "0305551"
    assert not (rig.site / "incoming" / "letter.tif").exists()
    line = await answered(rig)
    assert job.state is FaxState.SENDING
    [request] = rig.media.faxes.asked
    assert isinstance(request, fax.StartFax)
    assert (request.way, request.path) == ("send", job.file)
    assert (request.station, request.header) == ("030 5557000", "Ward 7")
    [port] = rig.media.faxes.running.values()
    assert rig.media.bridged == [frozenset((line.port, port))]
    rig.media.faxes.progress(1)
    await rig.later(20)
    assert (job.sent, job.rate, job.station) == (1, 14400, "5550100")
    rig.media.faxes.end(pages=2)
    await rig.settle()
    assert (job.state, job.sent, job.code) == (FaxState.SENT, 2, fax.OK)
    assert line.state is State.IDLE
    [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
    assert (segment.result, segment.detail["to"]) == ("sent", "0305551")
    assert rig.book.newest(RecordingRow) == []
    [call] = rig.calls()
    assert (call.direction, call.ani, call.flow) == ("out", "0305551", "fax")
    assert_sound(rig)


@pytest.mark.parametrize(
    ("cause", "code", "why"),
    [
        (Cause.BUSY, fax.LINE_BUSY, "the number is engaged"),
        (Cause.NO_ANSWER, fax.NO_ANSWER, "nobody answered"),
        (Cause.CONGESTION, fax.NOT_REACHED, "the number cannot be reached"),
    ],
)
async def test_call_that_finds_nobody_is_made_again(
    rig: ControlRig, cause: Cause, code: int, why: str
) -> None:
    job = await send(rig)
    await dialled(rig).drop(cause)
    await rig.settle()
    assert (job.state, job.code, job.why_en) == (FaxState.WAITING, code, why)
    assert job.why_zh != why
    await rig.later(99)
    assert job.attempts == 1
    await rig.later(2)
    assert (job.state, job.attempts) == (FaxState.CALLING, 2)
    await answered(rig)
    rig.media.faxes.end(pages=2)
    await rig.settle()
    assert (job.state, job.why_en) == (FaxState.SENT, "")
    assert_sound(rig)


async def test_fax_is_given_up_after_its_attempts(rig: ControlRig) -> None:
    job = await send(rig)
    for _ in range(3):
        assert job.state is FaxState.CALLING
        await dialled(rig).drop(Cause.BUSY)
        await rig.later(102)
    assert (job.state, job.attempts, len(rig.driver.dialled)) == (FaxState.FAILED, 3, 3)
    await rig.later(1000)
    assert len(rig.driver.dialled) == 3
    assert_sound(rig)


async def test_number_that_does_not_exist_is_called_once(rig: ControlRig) -> None:
    job = await send(rig)
    await dialled(rig).drop(Cause.UNALLOCATED)
    await rig.settle()
    assert (job.state, job.why_en) == (FaxState.FAILED, "there is no such number")


async def test_telephone_that_rings_too_long_is_no_answer(rig: ControlRig) -> None:
    job = await send(rig)
    await rig.later(42)
    assert (job.state, job.code) == (FaxState.WAITING, fax.NO_ANSWER)
    assert dialled(rig).state is State.IDLE
    assert_sound(rig)


async def test_fax_that_breaks_off_is_sent_again(rig: ControlRig) -> None:
    job = await send(rig)
    await answered(rig)
    rig.media.faxes.end(code=28, pages=1)
    await rig.settle()
    assert (job.state, job.sent) == (FaxState.WAITING, 1)
    assert job.why_en == "the line is too poor for a fax"
    await rig.later(101)
    assert (job.state, job.sent) == (FaxState.CALLING, 0)


async def test_other_side_that_hangs_up_after_the_last_page_has_it(rig: ControlRig) -> None:
    job = await send(rig)
    line = await answered(rig)
    [number] = rig.media.faxes.running
    del rig.media.faxes.running[number]
    await rig.hang_up(line)
    assert job.state is FaxState.SENDING
    rig.media.faxes._tell(fax.encode(fax.FaxEnded(fax=number, code=fax.OK, pages=2)))
    await rig.settle()
    assert (job.state, job.sent) == (FaxState.SENT, 2)
    assert_sound(rig)


@pytest.mark.parametrize("when", ["calling", "sending", "waiting"])
async def test_fax_can_be_cancelled(rig: ControlRig, when: str) -> None:
    job = await send(rig)
    line = dialled(rig)
    if when == "sending":
        await answered(rig)
    if when == "waiting":
        await line.drop(Cause.BUSY)
        await rig.settle()
    rig.controller.faxes.outbox.cancel(job)
    await rig.later(1000)
    assert job.state is FaxState.CANCELLED
    assert line.state is State.IDLE
    assert len(rig.driver.dialled) == 1
    with pytest.raises(IllegalFaxState):
        rig.controller.faxes.outbox.cancel(job)
    assert_sound(rig)


async def test_file_that_is_no_fax_fails_before_a_call(rig: ControlRig) -> None:
    folder = rig.site / "incoming"
    folder.mkdir()
    (folder / "x.pdf").write_bytes(b"hello")
    job = rig.controller.faxes.outbox.put("0305551", "incoming/x.pdf", "x.pdf", "ann")
    while job.state is FaxState.PREPARING:
        await asyncio.sleep(0.01)
    assert (job.state, job.code) == (FaxState.FAILED, fax.BAD_FILE)
    assert "neither PDF nor TIFF" in job.why_en
    assert rig.driver.dialled == []


async def test_faxes_go_two_at_a_time_and_none_while_draining(rig: ControlRig) -> None:
    rig.controller.draining = True
    jobs = [await send(rig, number=f"03055{each}") for each in range(3)]
    await rig.later(5)
    assert rig.driver.dialled == []
    rig.controller.draining = False
    await rig.later(2)
    assert [job.state for job in jobs] == [FaxState.CALLING] * 2 + [FaxState.WAITING]
    await dialled(rig).drop(Cause.BUSY)
    await rig.later(2)
    assert jobs[2].state is FaxState.CALLING


async def test_media_that_restarts_sends_again_later(rig: ControlRig) -> None:
    job = await send(rig)
    await answered(rig)
    rig.media.faxes.running.clear()
    rig.media._tell(MediaRestarted(lost=()))
    await rig.settle()
    assert (job.state, job.code) == (FaxState.WAITING, fax.NO_AUDIO)


async def test_fax_goes_on_when_control_comes_back(rig: ControlRig) -> None:
    job = await send(rig)
    await answered(rig)
    await rig.again()
    outbox = rig.controller.faxes.outbox
    running = asyncio.create_task(outbox.run())
    await rig.settle()
    again = outbox.jobs[job.id]
    assert (again.state, again.attempts) == (FaxState.SENDING, 1)
    rig.media.faxes.end(pages=2)
    await rig.settle()
    assert outbox.jobs[job.id].state is FaxState.SENT
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert_sound(rig)


async def test_fax_whose_call_did_not_survive_waits_again(rig: ControlRig) -> None:
    job = await send(rig)
    await rig.again()
    outbox = rig.controller.faxes.outbox
    assert outbox.jobs[job.id].state is FaxState.WAITING
    assert outbox.jobs[job.id].attempts == 1


async def test_fax_that_was_confirmed_is_never_sent_again(rig: ControlRig) -> None:
    job = await send(rig)
    await answered(rig)
    rig.media.faxes.progress(2)
    await rig.later(1)
    assert FaxSpool(rig.site).load()[0].confirmed
    rig.media.faxes.running.clear()
    rig.media._tell(MediaRestarted(lost=()))
    await rig.settle()
    assert (job.state, job.sent) == (FaxState.SENT, 2)


@pytest.mark.parametrize("how", ["the line is cut", "control comes back, and the line is cut"])
async def test_record_and_fax_agree_that_a_confirmed_one_was_sent(
    rig: ControlRig, how: str
) -> None:
    """The other machine has it, though it never said good-bye."""
    job = await send(rig)
    line = await answered(rig)
    rig.media.faxes.progress(2)
    await rig.later(1)
    if how.startswith("control"):
        await rig.again()
        job = rig.controller.faxes.outbox.jobs[job.id]
    await line.drop(Cause.NORMAL)
    await rig.later(1)
    assert (job.state, job.code, job.sent) == (FaxState.SENT, fax.OK, 2)
    [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
    assert (segment.result, segment.detail["code"], segment.detail["pages"]) == ("sent", "0", "2")
    assert segment.detail["cut"] == str(fax.DROPPED)


@pytest.mark.parametrize("confirmed", [True, False])
async def test_fax_that_nobody_ends_is_told_as_what_is_known(
    rig: ControlRig, confirmed: bool
) -> None:
    """Killed in the middle of it, and its call is no more."""
    job = await send(rig)
    await answered(rig)
    job.confirmed = confirmed
    spool, outbox = FaxSpool(rig.site), rig.controller.faxes.outbox
    spool.keep(job)
    (rig.site / "faxes/outgoing/x.part").touch()
    again = Outbox(rig.controller, rig.controller.faxes, spool)
    again.load(())
    found = again.jobs[job.id]
    assert not (rig.site / "faxes/outgoing/x.part").exists()
    if confirmed:
        assert found.state is FaxState.SENT
        return
    assert (found.state, found.code) == (FaxState.WAITING, fax.INTERRUPTED)
    assert "may have arrived" in found.why_en
    # What media told meanwhile is heard late, and counts.
    assert found.segment == job.segment != 0
    again.late(fax.FaxEnded(fax=found.segment + 1, code=fax.OK, pages=2))
    assert found.state is FaxState.WAITING
    again.late(fax.FaxEnded(fax=found.segment, code=fax.OK, pages=2))
    assert (found.state, found.sent, spool.load()[0].state) == (FaxState.SENT, 2, FaxState.SENT)
    outbox.jobs.clear()


async def test_old_faxes_are_deleted(rig: ControlRig) -> None:
    outbox: Outbox = rig.controller.faxes.outbox
    outbox.options = FaxOptions(attempts=1, keep_days=2)
    job = await send(rig)
    await dialled(rig).drop(Cause.BUSY)
    await rig.later(86_400)
    assert job.id in outbox.jobs
    await rig.later(3 * 86_400)
    assert outbox.jobs == {}
    assert list((rig.site / "faxes" / "outgoing").iterdir()) == []


def test_state_of_a_fax_that_cannot_follow_is_refused(tmp_path: Path) -> None:
    job = FaxJob(id=1, number="1", name="x", by="ann", created=0.0)
    with pytest.raises(IllegalFaxState):
        job.become(FaxState.SENT)


async def test_fax_that_finds_no_line_waits_and_says_so(rig: ControlRig) -> None:
    rig.controller.telephones = TelephoneOptions(allowed=("0",), max_outside=0)
    job = await send(rig)
    await rig.later(30)
    assert (job.state, job.attempts, job.code) == (FaxState.WAITING, 0, fax.NO_LINE)
    assert job.why_en == "no line is free for it"
    rig.controller.telephones = ALLOWED
    await rig.later(2)
    assert job.state is FaxState.CALLING


async def test_telephones_are_no_lines_to_the_outside(rig: ControlRig) -> None:
    driver = rig.driver
    both = [*driver.trunks, LineId("station:2001")]
    table = LineTable([OpenDriver(driver=driver, kind="fake", lines=both)])
    assert [line.id for line in table.outgoing(())] == list(driver.trunks)
