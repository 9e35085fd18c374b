from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.store.connection import Store
from daemon.store.history import VISIT_OUTCOMES, QueueVisit
from daemon.store.history_writer import HistoryWriter
from daemon.store.identity import check_identity, tally
from daemon.store.rows import (
    AgentStateRow,
    CallRow,
    HistoryRow,
    QueueVisitRow,
    RecordingRow,
    SegmentRow,
)

CALL = CallRow(id=1, started_ms=0, answered_ms=30, ended_ms=100, outcome="answered", agent_id=7)
VISIT = QueueVisitRow(
    id=2, call_id=1, queue_id=5, entered_ms=10, left_ms=30, outcome="answered", agent_id=7
)
TALK = SegmentRow(id=3, call_id=1, visit_id=2, kind="talk", started_ms=30, ended_ms=100, agent_id=7)
WRAP_UP = SegmentRow(
    id=4, call_id=1, visit_id=2, kind="wrap_up", started_ms=100, ended_ms=120, agent_id=7
)
STATE = AgentStateRow(id=5, agent_id=7, state="talking", started_ms=30, ended_ms=100)
RECORDING = RecordingRow(id=6, call_id=1, path="recordings/a.wav", started_ms=30, ended_ms=100)
SOUND = (CALL, VISIT, TALK, WRAP_UP, STATE, RECORDING)


@pytest.fixture
async def site(tmp_path: Path, store: Store) -> Path:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "a.wav").write_bytes(b"RIFF")
    return tmp_path


async def written(store: Store, site: Path, *rows: HistoryRow) -> None:
    writer = HistoryWriter(store, site / "spill")
    await writer.start()
    for sequence, row in enumerate(rows, 1):
        writer.write(row, sequence)
    await writer.close()


async def test_a_sound_history_has_no_faults(store: Store, site: Path) -> None:
    await written(store, site, *SOUND)
    report = await check_identity(site)
    assert [str(fault) for fault in report.faults] == []
    assert (report.calls, report.visits) == (1, 1)
    assert [tally.balanced() for tally in report.tallies] == [True]


BROKEN: dict[str, tuple[HistoryRow, ...]] = {
    "nine outcomes": (msgspec.structs.replace(VISIT, outcome="vanished"),),
    "has not left": (msgspec.structs.replace(VISIT, left_ms=None),),
    "left before": (msgspec.structs.replace(VISIT, left_ms=5),),
    "belongs to no call": (msgspec.structs.replace(RECORDING, call_id=99),),
    "still in the queue": (msgspec.structs.replace(VISIT, left_ms=None, outcome=""),),
    "overlaps another visit": (
        QueueVisitRow(
            id=12, call_id=1, queue_id=5, entered_ms=29, left_ms=40, outcome="overflowed"
        ),
    ),
    "nobody talked": (msgspec.structs.replace(TALK, agent_id=8),),
    "somebody talked": (msgspec.structs.replace(VISIT, outcome="abandoned"),),
    "ended before": (msgspec.structs.replace(CALL, ended_ms=-1),),
    "without an outcome": (msgspec.structs.replace(CALL, outcome=""),),
    "no agent answered": (msgspec.structs.replace(CALL, answered_ms=None),),
    "outside its call": (msgspec.structs.replace(TALK, ended_ms=101),),
    "is open": (msgspec.structs.replace(TALK, ended_ms=None),),
    "two calls at once": (
        CallRow(id=11, started_ms=50, ended_ms=90, outcome="answered", answered_ms=60),
        msgspec.structs.replace(TALK, id=13, call_id=11, started_ms=60, ended_ms=90),
    ),
    "another state": (msgspec.structs.replace(STATE, id=15, started_ms=99, ended_ms=None),),
    "is not there": (msgspec.structs.replace(RECORDING, path="recordings/b.wav"),),
}


@pytest.mark.parametrize("text", BROKEN)
async def test_each_rule_finds_what_breaks_it(text: str, store: Store, site: Path) -> None:
    await written(store, site, *SOUND, *BROKEN[text])
    found = [fault.text("en") for fault in (await check_identity(site)).faults]
    assert any(text in fault for fault in found), found


async def test_a_deleted_recording_need_not_be_there(store: Store, site: Path) -> None:
    gone = msgspec.structs.replace(RECORDING, path="recordings/b.wav", deleted_ms=500)
    await written(store, site, *SOUND, gone)
    assert (await check_identity(site)).faults == ()


visits = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(0, 50),
        st.none() | st.tuples(st.integers(0, 50), st.sampled_from([*VISIT_OUTCOMES])),
    ),
    max_size=12,
)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(history=visits, moments=st.lists(st.integers(0, 110), min_size=1, max_size=5))
async def test_the_identity_holds_at_any_moment(
    store: Store,
    history: list[tuple[int, int, tuple[int, str] | None]],
    moments: list[int],
) -> None:
    with store.current():
        await QueueVisit.all().delete()
        for number, (queue, entered, left) in enumerate(history, 1):
            await QueueVisit.create(
                id=number,
                call_id=number,
                queue_id=queue,
                entered_ms=entered,
                left_ms=entered + left[0] if left else None,
                outcome=left[1] if left else "",
            )
        for moment in moments:
            offered: dict[int, int] = {}
            for queue, entered, _ in history:
                if entered <= moment:
                    offered[queue] = offered.get(queue, 0) + 1
            counted = await tally(moment)
            assert {each.queue_id: each.offered for each in counted} == offered
            assert all(each.balanced() for each in counted)
