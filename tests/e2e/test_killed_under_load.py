"""Control is killed twice while callers come, hold, wait and talk: none is lost, nor any record.

The small form of ``make load``. A checkpoint of the journal is due whenever one can be made.
"""

from tests.load.killing import run


async def test_callers_outlive_two_kills() -> None:
    found = await run(
        calls=60, rate=20.0, kills=2, first_s=1.5, holds_ms=700, checkpoint_records=100
    )
    assert (found.lost, found.missing_records, found.doubled_records) == (0, 0, 0), found
    assert (found.open_segments, found.record_faults) == (0, 0), found
    assert set(found.outcomes) == {"answered", "ivr_contained"}, found
    assert found.checkpoints >= 1, found
    assert all(sum(states.values()) for states in found.states_at_kills), found
