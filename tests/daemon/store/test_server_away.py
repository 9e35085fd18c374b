"""The PostgreSQL server restarts, crashes or is not there yet: no row is lost and nothing ends."""

import asyncio
import signal
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from tortoise.exceptions import DBConnectionError
from tortoise.transactions import in_transaction

from daemon.config import Config, RecordsOptions
from daemon.control.app import run_control
from daemon.control.facade.audit_log import AuditLog
from daemon.control.journal import Journal
from daemon.control.journaled.rows import JournaledRows, rows_among
from daemon.errors import JournalError, StoreAwayError, StoreError
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor
from daemon.service.socket_client import ServiceClient
from daemon.service.socket_server import ServiceServer
from daemon.site_directory import SiteDirectory
from daemon.store.audit import AuditEntry
from daemon.store.batches.postgresql import SETTINGS
from daemon.store.connection import open_store, open_when_there, opened_store
from daemon.store.history import AppliedSequence, Call
from daemon.store.history_writer import HistoryWriter
from daemon.store.people import User
from daemon.store.postgresql.asyncpg_client import CONNECTIONS
from daemon.store.rows import CallRow, HistoryRow
from daemon.store.spill import Spill
from tests.fakes.facade_rig import FacadeRig
from tests.fakes.postgresql_cluster import PostgresqlCluster


@pytest.fixture
def server(postgresql: PostgresqlCluster) -> Iterator[PostgresqlCluster]:
    yield postgresql
    if not postgresql.runs():
        postgresql.start()


@pytest.fixture
def url(server: PostgresqlCluster) -> Iterator[str]:
    with server.database(filled=True) as made:
        yield made


def call(number: int, outcome: str = "") -> CallRow:
    return CallRow(id=number, started_ms=1000 * number, outcome=outcome)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stop", "crash"])
async def test_rows_that_came_while_the_server_was_away_are_written_when_it_is_back(
    server: PostgresqlCluster, url: str, tmp_path: Path, how: signal.Signals
) -> None:
    async with opened_store(url) as store:
        writer = HistoryWriter(store, tmp_path / "spill")
        await writer.start()
        writer.write(call(1), 1)
        await writer.flush()
        server.stop(how)
        writer.write(call(1, "answered"), 2)
        writer.write(call(2), 3)
        await writer.flush()
        counted = writer.counters()
        assert (counted["rows"], counted["failures"], counted["waiting"]) == (1, 1, 2)
        server.start()
        await writer.flush()
        assert writer.counters()["waiting"] == 0
        found = await Call.all().order_by("id").values_list("id", "outcome")
        assert found == [(1, "answered"), (2, "")]
        assert (await AppliedSequence.get(id=1)).sequence == 3
        await writer.close()


async def test_more_rows_than_memory_is_given_wait_on_disk(
    server: PostgresqlCluster, url: str, tmp_path: Path
) -> None:
    async with opened_store(url) as store:
        writer = HistoryWriter(store, tmp_path / "spill", waiting_rows=10, batch_rows=7)
        await writer.start()
        server.stop()
        for sequence in range(1, 41):
            writer.write(call(1 + sequence % 20, f"form {sequence}"), sequence)
            if sequence % 10 == 0:
                await writer.flush()
        # Every call is in the file twice, in an older and in a newer form.
        assert (writer.counters()["spilled"], writer.counters()["waiting"]) == (40, 0)
        server.start()
        await writer.flush()
        found = await Call.all().order_by("id").values_list("id", "outcome")
        assert found == [(1 + n % 20, f"form {n}") for n in (40, *range(21, 40))]
        assert not Spill(tmp_path / "spill").exists()
        await writer.close()


async def test_a_control_that_ends_while_the_server_is_away_leaves_rows_for_the_next(
    server: PostgresqlCluster, url: str, tmp_path: Path
) -> None:
    async with opened_store(url) as store:
        writer = HistoryWriter(store, tmp_path / "spill")
        await writer.start()
        server.stop()
        writer.write(call(7), 1)
        await writer.close()
    server.start()
    async with opened_store(url) as store:
        writer = HistoryWriter(store, tmp_path / "spill")
        assert await writer.start() == 1
        assert await Call.all().values_list("id", flat=True) == [7]
        await writer.close()


async def test_models_say_that_the_server_is_away_and_go_on_when_it_is_back(
    server: PostgresqlCluster, url: str
) -> None:
    async with opened_store(url):
        await User.create(login="anna", roles=[])
        server.stop()
        for _ in range(CONNECTIONS + 1):
            with pytest.raises(DBConnectionError):
                await User.all().count()
            with pytest.raises(DBConnectionError):
                async with in_transaction():
                    await User.create(login="ben", roles=[])
        server.start()
        # As many as there are connections: none of them was used up.
        await asyncio.gather(*(User.all().count() for _ in range(CONNECTIONS + 1)))
        async with in_transaction():
            await User.create(login="cleo", roles=[])
        assert await User.all().order_by("id").values_list("login", flat=True) == ["anna", "cleo"]


async def test_a_transaction_in_which_the_server_goes_away_is_undone(
    server: PostgresqlCluster, url: str
) -> None:
    async with opened_store(url):

        async def cut_off() -> None:
            async with in_transaction():
                await User.create(login="anna", roles=[])
                server.stop(signal.SIGQUIT)
                await User.create(login="ben", roles=[])

        with pytest.raises(DBConnectionError):
            await cut_off()
        server.start()
        assert await User.all().count() == 0


async def test_acts_noted_while_the_server_is_away_are_stored(
    server: PostgresqlCluster, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.control.facade.audit_log.RETRY_S", 0.01)
    async with opened_store(url):
        audit = AuditLog(lambda: 7.0, iter(range(1, 9)).__next__)
        running = asyncio.create_task(audit.run())
        server.stop()
        audit.note(Actor(login="anna"), "recording.play", "x")
        audit.note(Actor(login="ben"), "recording.play", "y")
        await asyncio.sleep(0)
        server.start()
        await audit.stored()
        running.cancel()
        found = await AuditEntry.all().order_by("id").values_list("actor", flat=True)
        assert found == ["anna", "ben"]


async def test_rows_that_a_server_lost_are_taken_from_the_journal_again(
    server: PostgresqlCluster, url: str, tmp_path: Path
) -> None:
    clock = iter(range(100)).__next__
    journal = Journal.open(tmp_path / "journal", clock=clock)
    async with opened_store(url) as store:
        writer = HistoryWriter(
            store, tmp_path / "spill", again=lambda after: rows_among(journal.read(after))
        )
        await writer.start()
        rows_on_their_way = JournaledRows(journal, writer, clock)
        for number in range(1, 7):
            rows_on_their_way.write(call(number % 4))
            journal.append("something else", b"", 0.0)
            await writer.flush()
        # As a standby that took over and had the first two batches only.
        await Call.filter(id__in=[3, 0, 1, 2]).delete()
        await Call.create(id=1, started_ms=1000)
        await Call.create(id=2, started_ms=2000)
        await AppliedSequence.filter(id=1).update(sequence=3)
        server.stop()
        rows_on_their_way.write(call(1, "answered"))
        rows_on_their_way.write(call(9))
        await writer.flush()
        server.start()
        await writer.flush()
        found = await Call.all().order_by("id").values_list("id", "outcome")
        assert found == [(0, ""), (1, "answered"), (2, ""), (3, ""), (9, "")]
        assert (await AppliedSequence.get(id=1)).sequence == journal.last_sequence
        assert writer.counters()["waiting"] == 0
        await writer.close()
    journal.close()


async def test_lost_rows_do_not_replace_newer_ones_and_wait_for_a_journal_that_can_be_read(
    server: PostgresqlCluster, url: str, tmp_path: Path
) -> None:
    clock = iter(range(100)).__next__
    journal = Journal.open(tmp_path / "journal", clock=clock)
    readable = False

    def again(after: int) -> Iterable[tuple[int, HistoryRow]]:
        if not readable:
            raise JournalError("no space left")
        return rows_among(journal.read(after))

    async with opened_store(url) as store:
        writer = HistoryWriter(store, tmp_path / "spill", waiting_rows=2, again=again)
        await writer.start()
        rows_on_their_way = JournaledRows(journal, writer, clock)
        for outcome in ("", "abandoned"):
            rows_on_their_way.write(call(1, outcome))
            await writer.flush()
        # As a standby that took over and had the first batch only.
        await Call.filter(id=1).update(outcome="")
        await AppliedSequence.filter(id=1).update(sequence=1)
        server.stop()
        rows_on_their_way.write(call(1, "answered"))
        rows_on_their_way.write(call(9))
        await writer.flush()
        assert writer.counters()["spilled"] == 2
        server.start()
        await writer.flush()
        assert writer.counters()["failures"] == 2
        readable = True
        await writer.flush()
        found = await Call.all().order_by("id").values_list("id", "outcome")
        assert found == [(1, "answered"), (9, "")]
        assert (await AppliedSequence.get(id=1)).sequence == journal.last_sequence
        await writer.close()
    journal.close()


async def test_whoever_asks_control_is_told_that_the_database_is_away(
    server: PostgresqlCluster, url: str, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    async with opened_store(url) as store:
        rig = FacadeRig(tmp_path / "site", store)
        await rig.open()
        offered = ServiceServer(rig.service, tmp_path / "s")
        await offered.start()
        client = ServiceClient(tmp_path / "s")
        for stop, code in ((server.stop, "unavailable"), (server.start, "wrong-login")):
            stop()
            with pytest.raises(ServiceError) as caught:
                await client.service.log_in("nobody", "x", "127.0.0.1")
            assert caught.value.code == code
        await client.close()
        await offered.close()
        await rig.close()


async def test_control_waits_for_a_server_that_is_not_there_yet(
    server: PostgresqlCluster, url: str, tmp_path: Path
) -> None:
    site = SiteDirectory(tmp_path, Config(records=RecordsOptions(database=url)), tmp_path / "run")
    stopping: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    server.stop()
    with pytest.raises(StoreAwayError):
        await open_store(url)
    opening = asyncio.create_task(open_when_there(site, stopping))
    await asyncio.sleep(0.1)
    assert not opening.done()
    server.start()
    store = await opening
    assert store is not None
    with store.current():
        assert await User.all().count() == 0
    await store.close()
    server.stop()
    stopping.set_result(None)
    assert await open_when_there(site, stopping) is None


async def test_control_that_waits_shows_that_it_does_not_hang(
    server: PostgresqlCluster, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = SiteDirectory(tmp_path, Config(records=RecordsOptions(database=url)), tmp_path / "run")
    server.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000")
        waiting = asyncio.create_task(run_control(site))
        loop = asyncio.get_running_loop()
        said = {await loop.sock_recv(inbox, 100) for _ in range(3)}
        assert said == {b"WATCHDOG=1\nEXTEND_TIMEOUT_USEC=30000"}
        assert not waiting.done()
        signal.raise_signal(signal.SIGTERM)
        await waiting


async def test_waiting_does_not_help_a_name_that_is_wrong(server: PostgresqlCluster) -> None:
    url = server.url("no_such_database")
    for wrong in (url, url.replace("hotline@", "nobody@")):
        with pytest.raises(StoreError, match="does not exist") as caught:
            await open_store(wrong)
        assert not isinstance(caught.value, StoreAwayError)


async def test_a_database_has_one_writer(url: str, tmp_path: Path) -> None:
    async with opened_store(url) as store:
        first = HistoryWriter(store, tmp_path / "first")
        await first.start()
        second = HistoryWriter(store, tmp_path / "second")
        waiting = asyncio.create_task(second.start())
        first.write(call(1), 1)
        await first.close()
        # The lock of one who ended is free at once.
        assert await waiting == 1
        await second.close()


async def test_a_second_writer_is_told_of_the_first(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "lock_timeout", "10ms")
    async with opened_store(url) as store:
        first = HistoryWriter(store, tmp_path / "first")
        await first.start()
        with pytest.raises(StoreError, match="another hotline writes to this database"):
            await HistoryWriter(store, tmp_path / "second").start()
        await first.close()
