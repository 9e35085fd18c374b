"""What PostgreSQL does not take as SQLite does: long texts, NUL, the same row twice; and its URL."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import StoreError
from daemon.store.batches.postgresql import PostgresqlBatches, fitted
from daemon.store.batches.statements import values
from daemon.store.connection import opened_store
from daemon.store.history import AgentState, Call, QueueVisit, Recording, Segment, Stream
from daemon.store.history_writer import HistoryWriter
from daemon.store.people import User
from daemon.store.postgresql.address import checked, shown
from daemon.store.rows import (
    ROW_TYPES,
    AgentStateRow,
    CallRow,
    QueueVisitRow,
    RecordingRow,
    Row,
    SegmentRow,
    StreamRow,
)
from tests.fakes.postgresql_cluster import PostgresqlCluster

MOST = 2**63 - 1
ROWS = (
    CallRow(id=MOST, started_ms=5, ani="+49", path=("a", 'b="2'), data={"note": "好\n", "n": 1.5}),
    SegmentRow(id=2, call_id=MOST, kind="ring", started_ms=5, agent_id=3, detail={"reasons": [1]}),
    QueueVisitRow(id=3, call_id=MOST, queue_id=1, entered_ms=5, talk_ms=2**40),
    AgentStateRow(id=4, agent_id=3, state="ready", started_ms=5),
    RecordingRow(id=5, call_id=MOST, path="recordings/a.wav", started_ms=5, stereo=False),
    StreamRow(id=6, call_id=MOST, leg_id=7, ended_ms=9, mos=4.25),
)


@pytest.fixture
def url(postgresql: PostgresqlCluster) -> Iterator[str]:
    with postgresql.database(filled=True) as made:
        yield made


async def test_every_kind_of_row_comes_back_as_it_was(url: str, tmp_path: Path) -> None:
    assert {type(row) for row in ROWS} == set(ROW_TYPES)
    async with opened_store(url) as store:
        writer = HistoryWriter(store, tmp_path)
        await writer.start()
        for sequence, row in enumerate(ROWS, 1):
            writer.write(row, sequence)
        await writer.close()
        assert writer.counters()["refused"] == 0
        models = (Call, Segment, QueueVisit, AgentState, Recording, Stream)
        for row, model in zip(ROWS, models, strict=True):
            found = await model.get(id=row.id)
            for name in row.__struct_fields__:
                wanted = getattr(row, name)
                got = getattr(found, name)
                assert got == (list(wanted) if isinstance(wanted, tuple) else wanted), name


async def test_a_row_that_does_not_fit_is_cut_and_no_other_suffers(
    url: str, tmp_path: Path
) -> None:
    long = CallRow(
        id=2,
        started_ms=1,
        ani="1" * 70,
        name="a\0b",
        data={"said": "\0", "plain": "\\u0000"},
    )
    async with opened_store(url) as store:
        writer = HistoryWriter(store, tmp_path)
        await writer.start()
        for row in (CallRow(id=1, started_ms=1), long, CallRow(id=3, started_ms=1)):
            writer.write(row, row.id)
        await writer.close()
        counted = writer.counters()
        assert (counted["rows"], counted["refused"], counted["failures"]) == (3, 0, 0)
        found = await Call.get(id=2)
        assert (found.ani, found.name) == ("1" * 64, "a\ufffdb")
        assert found.data == {"said": "\ufffd", "plain": "\\u0000"}
        assert await Call.all().count() == 3


async def test_a_row_with_a_number_too_large_is_refused_and_no_other(
    url: str, tmp_path: Path
) -> None:
    async with opened_store(url) as store:
        writer = HistoryWriter(store, tmp_path)
        await writer.start()
        for number, cause in ((1, 16), (2, 2**40), (3, 2**70), (4, 16)):
            writer.write(CallRow(id=number, started_ms=1, cause=cause), number)
        await writer.close()
        assert writer.counters()["refused"] == 2
        assert await Call.all().order_by("id").values_list("id", flat=True) == [1, 4]


async def test_the_newest_of_a_row_twice_in_a_batch_counts(url: str) -> None:
    batches = await PostgresqlBatches.open(url)
    forms = [values(CallRow(id=1, started_ms=1, outcome=each)) for each in ("", "answered")]
    await batches.write({CallRow: forms}, 9)
    await batches.close()
    async with opened_store(url):
        assert await Call.all().values_list("id", "outcome") == [(1, "answered")]


async def test_a_nul_in_a_question_is_no_fault(url: str) -> None:
    async with opened_store(url):
        assert await User.get_or_none(login="ad\0min") is None
        await User.create(login="ad\0min", roles=[])
        assert await User.all().values_list("login", flat=True) == ["ad\ufffdmin"]


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)


@settings(max_examples=300)
@given(name=texts, data=st.dictionaries(texts, texts, max_size=3), path=st.tuples(texts))
def test_fitted_rows_have_no_nul_and_their_width(
    name: str, data: dict[str, object], path: tuple[str, ...]
) -> None:
    row: Row = CallRow(id=1, started_ms=1, name=name, data=data, path=path)
    columns = dict(zip(row.__struct_fields__, fitted(CallRow, values(row)), strict=True))
    assert columns["name"] == name.replace("\0", "\ufffd")[:128]
    decoded = msgspec.json.decode(str(columns["data"]))
    assert decoded == {
        key.replace("\0", "\ufffd"): str(value).replace("\0", "\ufffd")
        for key, value in data.items()
    }
    assert msgspec.json.decode(str(columns["path"])) == [path[0].replace("\0", "\ufffd")]


@pytest.mark.parametrize(
    ("database", "name"),
    [
        (Path("/srv/site/hookflash.db"), "/srv/site/hookflash.db"),
        ("postgres:///hookflash", "postgres:///hookflash"),
        ("postgresql://anna:s3cret@db.example.org:5433/h", "postgres://db.example.org:5433/h"),
        ("postgres://u:s3cret@/h?host=/run/pg&password=s3cret", "postgres:///h?host=/run/pg"),
        ("mysql://u:s3cret@host/h", "[records] database"),
        ("postgres://u:s3[cret@host/h", "[records] database"),
        ("postgres://u:12/s3cret@host/h", "[records] database"),
        ("postgres://u:s3@cr/et@host/h", "[records] database"),
        ("postgres://u:12?s3cret@host/h", "[records] database"),
        ("postgres://u:s3#cret@host/h", "[records] database"),
    ],
)
def test_a_database_is_shown_without_its_secret(database: Path | str, name: str) -> None:
    assert shown(database) == name


@pytest.mark.parametrize(
    ("database", "fault"),
    [
        ("mysql://u:s3cret@host/h", "begins with postgres://"),
        ("postgres://u:s3cret@host", "names no database"),
        ("postgres://u:s3[cret@host/h", "is no URL"),
        ("postgres://u:s3cret@host:port/h", "is no URL"),
        ("postgres://u:s3/cret@host/h", "is no URL"),
        ("postgres://u:12/s3cret@host/h", "is no URL"),
    ],
)
def test_a_url_that_cannot_be_is_named_without_its_secret(database: str, fault: str) -> None:
    with pytest.raises(StoreError, match=fault) as caught:
        checked(database)
    assert "s3" not in str(caught.value)
