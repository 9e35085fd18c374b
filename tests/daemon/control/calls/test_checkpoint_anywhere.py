"""A checkpoint between any two records: a start finds the same as without it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from acd_core.state.image import save
from daemon.control.calls.call import encode_call
from daemon.control.checkpoint.reading import Recovered, read_back
from daemon.control.checkpoint.store import checkpoints, last_record, recover
from daemon.control.checkpoint.worker import advance
from daemon.control.journal import Journal
from daemon.control.journaled.files import read_journal
from tests.daemon.control.calls import test_killed_anywhere as stories
from tests.fakes import move_stories
from tests.fakes.control_rig import ControlRig, make_queue


def told(recovered: Recovered) -> list[object]:
    """Everything in it, in a form that can be compared."""
    return [
        save(recovered.engine),
        [encode_call(call) for call in recovered.calls],
        recovered.driver_records,
        recovered.places,
        sorted(recovered.open_rows, key=lambda row: (row.table, row.id)),
        recovered.unwritten,
        recovered.faults,
    ]


@pytest.mark.parametrize(
    ("story", "rule"),
    [
        (stories.answered, "longest_idle"),
        (stories.missed, "longest_idle"),
        (stories.answered_by_one_of_several, "ring_all"),
        (stories.supervised, "longest_idle"),
        (move_stories.conferred, "longest_idle"),
        (move_stories.picked_up, "ring_all"),
        (move_stories.handed_on_twice, "longest_idle"),
    ],
)
async def test_a_start_finds_the_same_with_a_checkpoint_of_any_record(
    story: Callable[[ControlRig], Awaitable[None]], rule: str, tmp_path: Path
) -> None:
    rig = ControlRig(
        tmp_path,
        queues=[make_queue(wrap_up_s=5.0, strategy=rule, ring_step_s=1.0)],
        telephones=move_stories.TELEPHONES,
    )
    await rig.start()
    await story(rig)
    await rig.crash()
    folder = tmp_path / "journal"
    journal = Journal.open(folder, clock=rig.clock)
    last = journal.last_sequence
    records = list(read_journal(folder))
    assert len(records) == last > 40
    for applied in (0, last // 2, last):
        whole = told(read_back(records, applied))
        # Each is made of the one before it, as on a long day.
        for cut in range(applied % 5 + 1, last + 1, 1 if not applied else 5):
            for path in checkpoints(folder):
                if applied and last_record(path) >= cut:
                    path.unlink()
            advance(folder, cut)
            found = recover(folder, journal, applied)
            assert (found.checkpoint, found.records) == (cut, last - cut)
            assert told(found) == whole, cut
    journal.close()
