import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.store.connection import Store, opened_store


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table, made once because making it takes its time."""
    path = tmp_path_factory.mktemp("empty") / "hookflash.db"

    async def make() -> None:
        async with opened_store(path):
            pass

    asyncio.run(make())
    return path


@pytest.fixture
async def store(tmp_path: Path, empty_database: Path) -> AsyncIterator[Store]:
    shutil.copy(empty_database, tmp_path / "hookflash.db")
    async with opened_store(tmp_path / "hookflash.db") as opened:
        yield opened
