"""The control process is killed behind every single record of its journal.

Two times of three there is a checkpoint of some record before.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from acd_core.agent import AgentState
from daemon.control.calls.call import Part
from daemon.control.calls.context import SuperviseRequest
from daemon.control.checkpoint.worker import advance
from daemon.control.journaled.files import read_journal
from tests.fakes import move_stories
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_identity

STATIONS = ("2001", "2002")
RECORDS = 140  # more than any of the stories writes


class Killed(BaseException):
    """Nothing of the process goes on from here."""


async def answered(rig: ControlRig) -> None:
    """A caller is served, with hold and wrap-up."""
    await rig.seat("ann")
    line = await rig.call_sales()
    rig.driver.progress("2001")
    await rig.later(3)
    phone = await rig.answer("2001")
    await rig.later(5)
    rig.driver.hold(phone, on=True)
    await rig.later(2)
    rig.driver.hold(phone, on=False)
    await rig.later(5)
    await rig.hang_up(line)
    await rig.later(20)


async def left_by_agent(rig: ControlRig) -> None:
    """The agent hangs up first and the caller hears the rest of the flow."""
    await rig.seat("ann")
    line = await rig.call_sales()
    phone = await rig.answer("2001")
    await rig.later(5)
    await rig.hang_up(phone)
    await rig.later(1)
    await rig.hear_out(line)


async def missed(rig: ControlRig) -> None:
    """Nobody picks up, then the caller leaves a message."""
    await rig.seat("ann")
    line = await rig.call_sales()
    await rig.later(12)
    await rig.press(line, "9")
    await rig.hear_out(line)
    await rig.hear_out(line)
    await rig.later(7)
    await rig.press(line, "#")


async def abandoned(rig: ControlRig) -> None:
    """The caller gives up while a station rings."""
    await rig.seat("ann")
    line = await rig.call_sales()
    await rig.later(2)
    await rig.hang_up(line)


async def answered_by_one_of_several(rig: ControlRig) -> None:
    """Two stations ring, both answer, one of them has the call."""
    await rig.seat("ann", "bob")
    line = await rig.call_sales()
    rig.driver.progress("2001")
    await rig.later(3)
    for station in ("2002", "2001"):
        await rig.driver.telephone(station).talk()
    await rig.settle()
    await rig.later(5)
    await rig.hang_up(line)
    await rig.later(20)


async def several_miss(rig: ControlRig) -> None:
    """Two stations ring and nobody picks up, then the caller leaves."""
    await rig.seat("ann", "bob")
    line = await rig.call_sales()
    await rig.later(17)
    await rig.hang_up(line)


async def supervised(rig: ControlRig) -> None:
    """A supervisor comes into the conversation, stays through hold and is let go at its end."""
    await rig.seat("ann")
    line = await rig.call_sales()
    phone = await rig.answer("2001")
    assert rig.controller.calls
    call = rig.call_on(line).id
    for part in (Part.LISTEN, Part.BARGE):
        rig.controller.request(call, SuperviseRequest(login="sue", station="2002", part=part))
        await rig.settle()
        if part is Part.LISTEN:
            await rig.answer("2002")
    for on in (True, False):
        rig.driver.hold(phone, on=on)
        await rig.later(2)
    await rig.hang_up(line)
    await rig.later(20)


OFFERS_ONLY = (answered, left_by_agent, missed, abandoned, answered_by_one_of_several, several_miss)
"""Stories in which stations ring for nothing else."""


def kill_after(rig: ControlRig, records: int) -> None:
    """Let no more than so many records reach the journal."""
    append = rig.journal.append

    def counted(kind: str, payload: bytes, now: float | None = None) -> int:
        if rig.journal.last_sequence >= records:
            rig.journal.flush()  # what goes to the kernel in one go may be cut as well
            raise Killed
        return append(kind, payload, now)

    rig.journal.append = counted  # type: ignore[method-assign]


async def everybody_hangs_up(rig: ControlRig) -> None:
    """All far ends leave, and time goes on until nothing is open."""
    lines: list[FakeLine] = [rig.driver.line(name) for name in rig.driver.names]
    for line in lines:
        if line.state is State.TALKING and line.id.startswith("fake/"):
            await rig.hang_up(line)
    await rig.later(60)
    for line in lines:  # who talk with each other inside, and nobody outside
        if line.state is State.TALKING:
            await rig.hang_up(line)
    await rig.later(60)


def assert_offers_counted(rig: ControlRig) -> None:
    """Each time that a station rang was an offer of a visit."""
    rang = [dialled.number for dialled in rig.driver.dialled if dialled.number in STATIONS]
    assert sum(visit.offers for visit in rig.visits()) >= len(rang)


@pytest.mark.parametrize(
    ("story", "rule"),
    [
        (answered, "longest_idle"),
        (left_by_agent, "longest_idle"),
        (missed, "longest_idle"),
        (abandoned, "longest_idle"),
        (answered_by_one_of_several, "ring_all"),
        (answered_by_one_of_several, "ring_progressively"),
        (several_miss, "ring_all"),
        (supervised, "longest_idle"),
        (move_stories.consulted, "longest_idle"),
        (move_stories.conferred, "longest_idle"),
        (move_stories.joined_by_telephone, "longest_idle"),
        (move_stories.placed_in_queue, "longest_idle"),
        (move_stories.placed_in_menu, "longest_idle"),
        (move_stories.parked, "longest_idle"),
        (move_stories.picked_up, "longest_idle"),
        (move_stories.picked_up, "ring_all"),
        (move_stories.called_inside, "longest_idle"),
        (move_stories.handed_on_twice, "longest_idle"),
    ],
)
async def test_killed_after_any_record(
    story: Callable[[ControlRig], Awaitable[None]], rule: str, tmp_path: Path
) -> None:
    finished = False
    for records in range(4, RECORDS):
        site = tmp_path / str(records)
        rig = ControlRig(
            site,
            queues=[make_queue(wrap_up_s=5.0, strategy=rule, ring_step_s=1.0)],
            telephones=move_stories.TELEPHONES,
        )
        await rig.start()
        kill_after(rig, records)
        try:
            await story(rig)
            finished = rig.journal.last_sequence < records
        except (Killed, StopIteration, RuntimeError, LookupError, AssertionError):
            # The story asks for what the dead process no longer does.
            finished = False
        await rig.crash()
        if records % 3:
            # A start goes on from a checkpoint of any record before the last as from none.
            written = [record.sequence for record in read_journal(site / "journal")]
            advance(site / "journal", written[records * 7919 % len(written)])
        await rig.again()
        assert rig.recovered is not None
        assert bool(rig.recovered.checkpoint) is bool(records % 3)
        await rig.later(1)
        await everybody_hangs_up(rig)
        try:
            assert rig.controller.calls == {}
            assert rig.driver.telephone("2002").state is not State.TALKING
            assert_identity(rig)
            if story in OFFERS_ONLY:
                assert_offers_counted(rig)
            for login in ("ann", "bob"):
                assert rig.state(login) in (
                    AgentState.READY,
                    AgentState.PAUSED,
                    AgentState.LOGGED_OUT,
                )
        except AssertionError as error:
            raise AssertionError(f"killed after record {records}: {error}") from error
        await rig.crash()
        if finished:
            break
    assert finished
