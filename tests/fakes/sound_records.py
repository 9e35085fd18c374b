"""What must hold of the records of every call that has ended."""

import itertools
import sqlite3

from daemon.store.identity import RULES
from daemon.store.rows import ROW_TYPES, CallRow, QueueVisitRow, RecordingRow, SegmentRow
from tests.fakes.control_rig import LIVED, ControlRig


def assert_sound(rig: ControlRig) -> None:
    """Every call that began has ended, is told without gaps, and counts once."""
    assert rig.controller.calls == {}
    assert rig.media.bridges == {}
    assert rig.media.players == {}
    assert rig.media.recorders == {}
    for call in rig.calls():
        _assert_call(rig, call)
    for visit in rig.visits():
        outcomes = {form.outcome for form in rig.book.forms(QueueVisitRow, visit.id)} - {""}
        assert len(outcomes) == 1, (visit, outcomes)
        assert visit.left_ms is not None
        _assert_visit(rig, visit)
    assert all(row.ended_ms is not None for row in rig.book.newest(RecordingRow))
    counted = {(visit.queue_id, visit.outcome): 0 for visit in rig.visits()}
    for visit in rig.visits():
        counted[visit.queue_id, visit.outcome] += 1
    assert_identity(rig)
    for view in rig.engine.snapshot(rig.clock()).queues:
        assert view.visits.in_system == 0
        told = {o: n for (queue, o), n in counted.items() if queue == view.queue}
        assert {o: getattr(view.visits, o) for o in told} == told
        assert view.visits.offered == sum(told.values())


def assert_identity(rig: ControlRig) -> None:
    """Every rule of the records holds, and the identity of "offered" for each queue."""
    database = sqlite3.connect(":memory:")
    for kind in ROW_TYPES:
        columns = kind.__struct_fields__
        database.execute(f"CREATE TABLE {kind.table} ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        rows = [[_plain(getattr(row, name)) for name in columns] for row in rig.book.newest(kind)]
        database.executemany(f"INSERT INTO {kind.table} VALUES ({marks})", rows)
    broken = [(rule.table, rule.en, database.execute(rule.sql).fetchall()) for rule in RULES]
    faults = [each for each in broken if each[2]]
    assert not faults, faults
    assert all(visit.left_ms is not None for visit in rig.visits())
    assert all(call.ended_ms is not None for call in rig.calls())


def _plain(value: object) -> object:
    return str(value) if isinstance(value, tuple | dict) else value


def _assert_call(rig: ControlRig, call: CallRow) -> None:
    finals = [form for form in rig.book.forms(CallRow, call.id) if form.ended_ms is not None]
    assert len(finals) == 1, finals
    assert call.outcome
    segments = rig.segments(call)
    lived = [row for row in segments if row.kind in LIVED]
    for before, after in itertools.pairwise(lived):
        assert before.ended_ms == after.started_ms, (before, after)
    if lived:
        assert lived[-1].ended_ms == call.ended_ms
    for row in segments:
        forms = rig.book.forms(SegmentRow, row.id)
        assert len([form for form in forms if form.ended_ms is not None]) <= 1
        if row.kind != "wrap_up":
            assert row.ended_ms is not None, row
            assert call.started_ms <= row.started_ms <= row.ended_ms <= (call.ended_ms or 0)


def _assert_visit(rig: ControlRig, visit: QueueVisitRow) -> None:
    rows = [row for row in rig.book.newest(SegmentRow) if row.visit_id == visit.id]
    assert [row for row in rows if row.kind == "wait"], "nobody waited in this visit"
    assert len([row for row in rows if row.kind == "ring"]) == visit.offers
    talked = sum(_lasted(row) for row in rows if row.kind == "talk")
    held = sum(_lasted(row) for row in rows if row.kind == "hold")
    assert (visit.talk_ms, visit.hold_ms) == (talked, held)
    assert bool(visit.agent_id) == (visit.outcome == "answered")
    wait = next(row for row in rows if row.kind == "wait")
    assert (wait.started_ms, wait.ended_ms) == (visit.entered_ms, visit.left_ms)


def _lasted(row: SegmentRow) -> int:
    assert row.ended_ms is not None
    return row.ended_ms - row.started_ms
