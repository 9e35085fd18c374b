import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tortoise.transactions import in_transaction

from daemon.store.connection import Store, open_store, opened_store
from daemon.store.history import AppliedSequence, Call, Recording, Segment
from daemon.store.history_writer import HistoryWriter
from daemon.store.rows import CallRow, RecordingRow, SegmentRow
from daemon.store.spill import Numbered, Spill, unpack


def call(number: int, **more: object) -> CallRow:
    return CallRow(id=number, started_ms=1000 * number, **more)  # type: ignore[arg-type]


async def started(store: Store, spill: Path, **options: int) -> HistoryWriter:
    writer = HistoryWriter(store, spill, **options)
    await writer.start()
    return writer


async def test_rows_are_there_after_a_flush(store: Store, tmp_path: Path) -> None:
    writer = await started(store, tmp_path / "spill")
    writer.write(call(1, ani="+4930123", path=("main", "main=2"), data={"pin": "12"}), 1)
    writer.write(SegmentRow(id=2, call_id=1, kind="ivr", started_ms=1000), 2)
    writer.write(RecordingRow(id=3, call_id=1, path="recordings/a.wav", started_ms=1), 3)
    await writer.flush()
    found = await Call.get(id=1)
    assert (found.ani, found.path, found.data) == ("+4930123", ["main", "main=2"], {"pin": "12"})
    assert (await Segment.get(id=2)).kind == "ivr"
    assert (await Recording.get(id=3)).stereo is True
    assert (await AppliedSequence.get(id=1)).sequence == 3
    await writer.close()


async def test_a_newer_form_replaces_the_older(store: Store, tmp_path: Path) -> None:
    writer = await started(store, tmp_path / "spill")
    writer.write(call(1), 1)
    await writer.flush()
    writer.write(call(1, outcome="answered"), 2)
    writer.write(call(1, outcome="answered", ended_ms=9), 3)
    await writer.close()
    assert await Call.all().values_list("id", "outcome", "ended_ms") == [(1, "answered", 9)]


async def test_many_rows_go_in_few_batches(store: Store, tmp_path: Path) -> None:
    writer = await started(store, tmp_path / "spill", batch_rows=100)
    for number in range(1, 1001):
        writer.write(call(number), number)
    await writer.flush()
    assert writer.counters()["batches"] == 10
    assert await Call.all().count() == 1000
    await writer.close()


@pytest.mark.parametrize("count", [1, 3, 4, 21, 63, 64, 65, 149])
async def test_every_number_of_rows_goes_whole_into_a_batch(
    store: Store, tmp_path: Path, count: int
) -> None:
    writer = await started(store, tmp_path / "spill")
    for number in range(1, count + 1):
        writer.write(call(number, ani=str(number)), number)
    await writer.close()
    assert writer.counters()["batches"] == 1
    found = await Call.all().order_by("id").values_list("id", "ani")
    assert found == [(number, str(number)) for number in range(1, count + 1)]


async def test_batch_waits_for_a_transaction_of_the_models(store: Store, tmp_path: Path) -> None:
    writer = await started(store, tmp_path / "spill")
    async with in_transaction() as connection:
        assert await Call.all().using_db(connection).count() == 0
        writer.write(call(1), 1)
        flushed = asyncio.create_task(writer.flush())
        await asyncio.sleep(0)
        await Call.create(id=2, started_ms=1, using_db=connection)
    await flushed
    assert writer.counters()["failures"] == 0
    assert await Call.all().count() == 2
    await writer.close()


async def test_flush_while_a_batch_is_written_waits_for_rows_that_came_since(
    store: Store, tmp_path: Path
) -> None:
    writer = await started(store, tmp_path / "spill", batch_ms=10_000)
    writer.write(call(1), 1)
    async with store.connection.acquire_connection():  # the batch cannot go on
        first = asyncio.create_task(writer.flush())
        for _ in range(10):
            await asyncio.sleep(0)
        writer.write(call(2), 2)
        second = asyncio.create_task(writer.flush())
        await asyncio.sleep(0)
    await asyncio.gather(first, second)
    assert await Call.all().count() == 2
    await writer.close()


async def test_rows_arrive_without_a_flush(store: Store, tmp_path: Path) -> None:
    writer = await started(store, tmp_path / "spill", batch_ms=1)
    writer.write(call(1), 1)
    await writer.close()
    assert await Call.all().count() == 1


async def test_a_restart_hands_over_again_and_nothing_is_written_twice(
    store: Store, tmp_path: Path
) -> None:
    first = await started(store, tmp_path / "spill")
    for number in range(1, 6):
        first.write(call(number), number)
    await first.close()
    second = HistoryWriter(store, tmp_path / "spill")
    assert await second.start() == 5
    for number in range(1, 9):
        second.write(call(number, outcome="second"), number)
    await second.close()
    found = await Call.all().order_by("id").values_list("outcome", flat=True)
    assert found == [""] * 5 + ["second"] * 3


async def test_rows_of_a_journal_that_began_anew_are_written(store: Store, tmp_path: Path) -> None:
    first = await started(store, tmp_path / "spill")
    for number in range(1, 6):
        first.write(call(number), number)
    await first.close()
    second = HistoryWriter(store, tmp_path / "spill")
    assert await second.start(newest=0) == 0
    second.write(call(11), 1)
    await second.close()
    assert await Call.all().count() == 6
    third = HistoryWriter(store, tmp_path / "spill")
    assert await third.start(newest=7) == 1
    await third.close()


async def test_readers_see_batches_whole_while_they_are_written(
    store: Store, tmp_path: Path
) -> None:
    both = "SELECT (SELECT count(*) FROM call) AS calls, (SELECT count(*) FROM segment) AS segments"
    seen = []
    writer = await started(store, tmp_path / "spill", batch_ms=1)
    reader = await open_store(store.database, read_only=True)
    for number in range(1, 400, 2):
        writer.write(call(number), number)
        writer.write(
            SegmentRow(id=number + 1, call_id=number, kind="ivr", started_ms=1), number + 1
        )
        [found] = await reader.connection.execute_query_dict(both)
        seen.append(found["calls"])
        assert found["calls"] == found["segments"]
    await writer.close()
    assert seen == sorted(seen)
    [found] = await reader.connection.execute_query_dict(both)
    assert found["calls"] == 200
    await reader.close()


async def test_the_number_never_runs_ahead_of_rows_that_wait(store: Store, tmp_path: Path) -> None:
    writer = await started(store, tmp_path / "spill", batch_rows=2)
    writer.write(call(1), 1)
    for number in range(2, 10):
        writer.write(call(number), number)
    writer.write(call(1, outcome="late"), 10)
    await writer._commit(list(writer._waiting.values())[:2])
    assert writer.applied_sequence == 3
    await writer.close()
    assert writer.applied_sequence == 10
    assert (await Call.get(id=1)).outcome == "late"


async def test_a_row_that_cannot_be_stored_does_not_stop_the_others(
    store: Store, tmp_path: Path
) -> None:
    writer = await started(store, tmp_path / "spill")
    writer.write(call(1), 1)
    writer.write(CallRow(id=2, started_ms=None), 2)  # type: ignore[arg-type]
    writer.write(call(3), 3)
    await writer.flush()
    assert writer.counters()["refused"] == 1
    assert await Call.all().count() == 2
    await writer.close()


@pytest.mark.parametrize("bad", [{1}, {40}, {1, 2, 17, 40}, set(range(1, 41)), {20, 21}])
async def test_of_many_rows_each_that_can_be_stored_is(
    store: Store, tmp_path: Path, bad: set[int]
) -> None:
    writer = await started(store, tmp_path / "spill")
    for number in range(1, 41):
        started_ms = None if number in bad else number
        writer.write(CallRow(id=number, started_ms=started_ms), number)  # type: ignore[arg-type]
    await writer.flush()
    assert writer.counters()["refused"] == len(bad)
    good = sorted(set(range(1, 41)) - bad)
    assert await Call.all().order_by("id").values_list("id", flat=True) == good
    assert writer.applied_sequence == max(good, default=0)
    await writer.close()


async def test_rows_spill_while_the_database_is_locked_and_come_back(tmp_path: Path) -> None:
    database, spill = tmp_path / "hookflash.db", tmp_path / "spill"
    async with opened_store(database) as store:
        await store.connection.execute_query("PRAGMA busy_timeout=1")
        writer = await started(store, spill, waiting_rows=10)
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        for number in range(1, 21):
            writer.write(call(number), number)
        await writer.flush()
        assert writer.counters()["spilled"] == 20
        assert writer.counters()["waiting"] == 0
        other.execute("ROLLBACK")
        other.close()
        writer.write(call(5, outcome="answered"), 21)
        await writer.flush()
        assert await Call.all().count() == 20
        assert (await Call.get(id=5)).outcome == "answered"
        assert not Spill(spill).exists()
        await writer.close()


async def test_what_spilled_at_the_end_is_written_at_the_next_start(tmp_path: Path) -> None:
    database, spill = tmp_path / "hookflash.db", tmp_path / "spill"
    async with opened_store(database) as store:
        await store.connection.execute_query("PRAGMA busy_timeout=1")
        writer = await started(store, spill)
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        writer.write(call(7), 1)
        await writer.close()
        other.execute("ROLLBACK")
        other.close()
    async with opened_store(database) as store:
        writer = await started(store, spill)
        assert writer.applied_sequence == 1
        assert await Call.all().values_list("id", flat=True) == [7]
        await writer.close()


@given(st.binary(max_size=200))
def test_any_bytes_in_a_spill_file_give_rows_only(data: bytes) -> None:
    assert all(isinstance(row, Numbered) for row in unpack(data))


def test_a_spill_file_cut_anywhere_gives_a_prefix(tmp_path: Path) -> None:
    rows = [Numbered(number, call(number)) for number in range(1, 5)]
    Spill(tmp_path).append(rows)
    whole = (tmp_path / "history.spill").read_bytes()
    for cut in range(len(whole) + 1):
        found = list(unpack(whole[:cut]))
        assert found == rows[: len(found)]
    assert list(unpack(whole)) == rows


@pytest.mark.parametrize("kind", [CallRow, SegmentRow, RecordingRow])
def test_id_is_the_first_column(kind: type) -> None:
    assert msgspec.structs.fields(kind)[0].name == "id"
