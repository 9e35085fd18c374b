import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tortoise.exceptions import BaseORMException
from tortoise.migrations.autodetector import MigrationAutodetector

from daemon.__main__ import main
from daemon.errors import StoreEmptyError, StoreError
from daemon.site_directory import SiteDirectory
from daemon.store import history, rows
from daemon.store.connection import (
    Store,
    database_config,
    open_database,
    open_store,
    opened_store,
)
from daemon.store.people import Agent, User
from tests.fakes.postgresql_cluster import PostgresqlCluster


async def test_a_new_database_gets_every_table(store: Store) -> None:
    user = await User.create(login="anna", roles=["agent"])
    await Agent.create(user=user)
    assert [agent.id for agent in await Agent.filter(user__login="anna")] == [1]


async def test_opening_again_keeps_what_is_there(new_database: Path | str) -> None:
    for expected in (1, 2):
        async with opened_store(new_database):
            await User.create(login=f"user{expected}", roles=[])
            assert await User.all().count() == expected


async def test_the_file_is_in_wal_mode_with_a_busy_timeout(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "hookflash.db") as store:
        rows = [
            (await store.connection.execute_query(f"PRAGMA {name}"))[1][0][0]
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        ]
    assert rows == ["wal", 5000, 1]


async def test_read_only_refuses_to_write(database: Path | str) -> None:
    async with opened_store(database, read_only=True):
        assert await User.all().count() == 0
        with pytest.raises(BaseORMException, match=r"read-?only"):
            await User.create(login="anna", roles=[])


async def test_read_only_without_a_database_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database yet"):
        await open_store(tmp_path / "hookflash.db", read_only=True)


async def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "hookflash.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        await open_store(tmp_path / "hookflash.db")


async def test_a_database_of_a_newer_version_is_left_alone(database: Path | str) -> None:
    async with opened_store(database) as store:
        await store.connection.execute_query(
            "INSERT INTO tortoise_migrations (app, name, applied_at) "
            "VALUES ('store', '9999_future', '2030-01-01')"
        )
    for read_only in (True, False):
        with pytest.raises(StoreError, match="newer Hookflash"):
            await open_store(database, read_only=read_only)


async def test_a_database_without_tables_is_not_read(new_database: Path | str) -> None:
    if isinstance(new_database, Path):
        new_database.touch()
    with pytest.raises(StoreEmptyError, match="not up to date"):
        await open_store(new_database, read_only=True)


async def test_models_work_in_tasks_that_did_not_open_the_database(database: Path | str) -> None:
    opened = await open_store(database)
    try:
        assert await asyncio.create_task(_count()) == 0
    finally:
        await opened.close()


async def _count() -> int:
    return await User.all().count()


async def test_migrations_say_what_the_models_say(store: Store) -> None:
    config = database_config(store.database)
    detector = MigrationAutodetector(store.apps, config["apps"])
    assert [str(writer.operations) for writer in await detector.changes()] == []


@pytest.mark.parametrize("row", rows.ROW_TYPES)
def test_rows_have_the_columns_of_their_model(row: type[rows.Row]) -> None:
    models = {
        model._meta.db_table: model
        for model in vars(history).values()
        if isinstance(model, type)
        and issubclass(model, history.Model)
        and model.__module__ == history.__name__
    }
    columns = set(models[row.table]._meta.db_fields)
    assert {field.name for field in msgspec.structs.fields(row)} == columns


async def test_a_site_whose_server_has_an_empty_database_has_no_fault(
    postgresql: PostgresqlCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    site = tmp_path / "site"
    assert main(("init", str(site))) == 0
    toml = site / "hookflash.toml"
    before = toml.read_text()
    with postgresql.database() as url:
        toml.write_text(f'{before}[records]\ndatabase = "{url}"\n')
        assert await asyncio.to_thread(main, ("check", str(site))) == 0
        store = await open_database(SiteDirectory.open(site))
        await store.close()
        assert await asyncio.to_thread(main, ("check", str(site), "--records")) == 0
        assert await asyncio.to_thread(main, ("export", "--site", str(site))) == 0
        assert 'login = "anna"' in capsys.readouterr().out
    toml.write_text(f'{before}[records]\ndatabase = "{url}"\n')
    assert await asyncio.to_thread(main, ("check", str(site))) == 2
    said = capsys.readouterr().err
    assert "hookflash.toml [records] database: postgres:///" in said
    assert "does not exist" in said


def test_importing_the_store_does_not_pull_in_control() -> None:
    code = "import daemon.store.connection, sys; print('daemon.control' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr
