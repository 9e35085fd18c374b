import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from daemon.store.connection import Store, opened_store

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with every table, made once because making it takes its time."""
    path = tmp_path_factory.mktemp("empty") / "hookflash.db"

    async def make() -> None:
        async with opened_store(path):
            pass

    asyncio.run(make())
    return path


@pytest.fixture(params=KINDS)
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """A database of each kind without any table."""
    if request.param == "sqlite":
        yield tmp_path / "hookflash.db"
        return
    with request.getfixturevalue("postgresql").database() as url:
        yield url


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """A database of each kind with every table and nothing in them."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_database"), tmp_path / "hookflash.db")
        yield tmp_path / "hookflash.db"
        return
    with request.getfixturevalue("postgresql").database(filled=True) as url:
        yield url


@pytest.fixture
async def store(database: Path | str) -> AsyncIterator[Store]:
    async with opened_store(database) as opened:
        yield opened
