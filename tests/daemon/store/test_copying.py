"""Everything a site keeps in SQLite copied into PostgreSQL, also in several goes."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.__main__ import main
from daemon.errors import StoreError
from daemon.site_directory import SiteDirectory
from daemon.store.audit import AuditEntry, Change
from daemon.store.batches.postgresql import SETTINGS
from daemon.store.connection import open_database, opened_store
from daemon.store.first_import import export_tables
from daemon.store.history import AppliedSequence, Call, Recording, Segment
from daemon.store.history_writer import HistoryWriter
from daemon.store.people import Agent, Session, Skill, User
from daemon.store.postgresql.copying import Progress, copy_records
from daemon.store.rows import (
    AgentStateRow,
    CallRow,
    HistoryRow,
    QueueVisitRow,
    RecordingRow,
    SegmentRow,
    StreamRow,
)
from tests.fakes.postgresql_cluster import PostgresqlCluster

FIRST = 1 << 52
CALLS = 30
ROWS_A_CALL = 6


@pytest.fixture
def url(postgresql: PostgresqlCluster) -> Iterator[str]:
    with postgresql.database(filled=True) as made:
        yield made


@pytest.fixture(scope="session")
def made_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that ran on SQLite for a day, made once."""
    site = tmp_path_factory.mktemp("made") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(site.parent))
        assert main(("init", str(site))) == 0
        asyncio.run(fill(SiteDirectory.open(site)))
    (site / "recordings" / "a.wav").write_bytes(b"RIFF")
    return site


@pytest.fixture
def site(made_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    return Path(shutil.copytree(made_site, tmp_path / "site"))


async def fill(site: SiteDirectory) -> None:
    store = await open_database(site)
    with store.current():
        writer = HistoryWriter(store, site.spill)
        await writer.start()
        for number in range(CALLS):
            for offset, row in enumerate(one_call(FIRST + number * 10), 1):
                writer.write(row, number * ROWS_A_CALL + offset)
        await writer.close()
        carla = await User.create(login="carla", roles=["agent", "supervisor"])
        await Session.create(id="f" * 64, user=carla, created_ms=1, expires_ms=2)
        await AuditEntry.create(
            id=5, at_ms=1, actor="carla", action="recording.play", detail={"a": 1}
        )
        await Change.create(
            id=1, at_ms=1, actor="carla", subject="queue/x", before=None, after={"b": []}
        )
    await store.close()


def one_call(number: int) -> tuple[HistoryRow, ...]:
    at = 1_800_000_000_000 + 10 * (number - FIRST)
    name = "x" * 200 if number == FIRST else "Li 李"
    return (
        CallRow(
            id=number,
            started_ms=at,
            ended_ms=at + 9,
            outcome="ivr_contained",
            path=("a",),
            name=name,
        ),
        SegmentRow(id=number + 1, call_id=number, kind="ivr", started_ms=at, ended_ms=at + 9),
        QueueVisitRow(
            id=number + 2, call_id=number, queue_id=1, entered_ms=at, left_ms=at, outcome="refused"
        ),
        AgentStateRow(id=number + 3, agent_id=1, state="ready", started_ms=at, ended_ms=at),
        RecordingRow(
            id=number + 4,
            call_id=number,
            path="recordings/a.wav",
            started_ms=at,
            ended_ms=at + 9,
            stereo=False,
        ),
        StreamRow(id=number + 5, call_id=number, leg_id=3, ended_ms=at, mos=4.1),
    )


def nobody(table: str, there: int, total: int) -> None:
    """Nobody looks on."""


async def test_everything_is_there_and_goes_on(site: Path, url: str) -> None:
    source = site / "hookflash.db"
    async with opened_store(source, read_only=True):
        settings = await export_tables()
        calls = await Call.all().order_by("id").values()
        segments = await Segment.all().order_by("id").values()
    done = await copy_records(source, url, nobody, batch_rows=7)
    assert (done.rows["call"], done.rows["stream"], done.rows["audit"]) == (CALLS, CALLS, 1)
    assert (done.resumed, done.cut, done.copied) == (False, 1, sum(done.rows.values()))
    async with opened_store(url) as store:
        assert await export_tables() == settings
        copied = await Call.all().order_by("id").values()
        assert copied == [{**calls[0], "name": "x" * 128}, *calls[1:]]
        assert await Segment.all().order_by("id").values() == segments
        assert await Recording.filter(stereo=False).count() == CALLS
        assert (await AuditEntry.get(id=5)).detail == {"a": 1}
        change = await Change.get(id=1)
        assert (change.before, change.after) == (None, {"b": []})
        assert (await Session.get(id="f" * 64).select_related("user")).user.login == "carla"
        # The next id is one that nobody has.
        dora = await User.create(login="dora", roles=["agent"])
        await Agent.create(user=dora)
        await Skill.create(name="new")
        writer = HistoryWriter(store, site / "spill")
        assert await writer.start() == CALLS * ROWS_A_CALL
        writer.write(CallRow(id=7, started_ms=1), CALLS * ROWS_A_CALL + 1)
        await writer.close()
        assert await Call.all().count() == CALLS + 1


class Interrupted(Exception):
    """Somebody pulled the plug."""


async def test_an_interrupted_copy_goes_on_where_it_was(site: Path, url: str) -> None:
    source = site / "hookflash.db"

    def pulled(at: str, rows: int) -> Progress:
        def pull(table: str, there: int, total: int) -> None:
            if table == at and there >= rows:
                raise Interrupted

        return pull

    for at, rows in (("call", 14), ("segment", 21), ("recording", 7), ("user", 1)):
        with pytest.raises(Interrupted):
            await copy_records(source, url, pulled(at, rows), batch_rows=7)
        async with opened_store(url) as store:
            assert await User.all().count() == 0
            with pytest.raises(StoreError, match="copy-records"):
                await HistoryWriter(store, site / "spill").start()
    done = await copy_records(source, url, nobody, batch_rows=7)
    assert done.resumed
    assert done.copied < sum(done.rows.values()) - 5 * CALLS
    async with opened_store(url):
        assert (await AppliedSequence.get(id=1)).sequence == CALLS * ROWS_A_CALL
        assert await Call.all().count() == CALLS


async def test_a_hotline_that_wrote_meanwhile_is_noticed_before_the_copy_counts(
    site: Path, url: str
) -> None:
    source = site / "hookflash.db"

    def write(table: str, there: int, total: int) -> None:
        if table == "user":  # settings come last
            with closing(sqlite3.connect(source)) as other, other:
                other.execute("INSERT INTO call SELECT * FROM late")

    with closing(sqlite3.connect(source)) as other, other:
        other.execute("CREATE TABLE late AS SELECT * FROM call ORDER BY id DESC LIMIT 1")
        other.execute("UPDATE late SET id = id + 1")
    with pytest.raises(StoreError, match="was the hotline running"):
        await copy_records(source, url, write)
    async with opened_store(url) as store:
        with pytest.raises(StoreError, match="copy-records"):
            await HistoryWriter(store, site / "spill").start()
    done = await copy_records(source, url, nobody)
    assert (done.resumed, done.rows["call"]) == (True, CALLS + 1)


async def test_a_database_of_another_hotline_is_left_alone(
    site: Path, url: str, tmp_path: Path
) -> None:
    async with opened_store(url) as store:
        writer = HistoryWriter(store, tmp_path / "other")
        await writer.start()
        writer.write(CallRow(id=3, started_ms=1), 1)
        await writer.close()
    with pytest.raises(StoreError, match="other records"):
        await copy_records(site / "hookflash.db", url, nobody)
    async with opened_store(url) as store:
        await Call.all().delete()
        with pytest.raises(StoreError, match="has run on it"):
            await copy_records(site / "hookflash.db", url, nobody)
        # Half of another site's copy is not gone on with either.
        await AppliedSequence.filter(id=1).update(sequence=-1)
        await Call.create(id=FIRST - 1, started_ms=1)
    with pytest.raises(StoreError, match="other records"):
        await copy_records(site / "hookflash.db", url, nobody)


async def test_the_hotline_that_writes_is_not_copied_over(
    site: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "lock_timeout", "10ms")
    async with opened_store(url) as store:
        writer = HistoryWriter(store, site / "spill")
        await writer.start()
        with pytest.raises(StoreError, match="another hotline"):
            await copy_records(site / "hookflash.db", url, nobody)
        await writer.close()


async def test_the_command_says_what_it_did_and_the_records_agree(
    site: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = site / "hookflash.toml"
    assert await asyncio.to_thread(main, ("copy-records", str(site))) == 2
    assert "names no PostgreSQL" in capsys.readouterr().err
    toml.write_text(toml.read_text() + f'\n[records]\ndatabase = "{url}"\n')
    assert await asyncio.to_thread(main, ("copy-records", str(site), "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"]["call"] == CALLS
    assert await asyncio.to_thread(main, ("check", str(site), "--records", "--json")) == 0
    checked = json.loads(capsys.readouterr().out)
    assert (checked["records"]["calls"], checked["records"]["visits"]) == (CALLS, CALLS)
    assert checked["records"]["faults"] == []
    assert await asyncio.to_thread(main, ("copy-records", str(site))) == 1
    assert "other records" in capsys.readouterr().err


async def test_the_command_waits_for_the_end_of_the_hotline(
    site: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = site / "hookflash.toml"
    toml.write_text(toml.read_text() + f'\n[records]\ndatabase = "{url}"\n')
    path = SiteDirectory.open(site).socket("control")
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path)
    async with server:
        assert await asyncio.to_thread(main, ("copy-records", str(site))) == 1
    assert "the hotline is running" in capsys.readouterr().err
