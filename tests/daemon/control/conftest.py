"""What the tests of control share: an empty database, made once."""

import asyncio
from pathlib import Path

import pytest

from daemon.store.connection import opened_store


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table, made once because making it takes its time."""
    path = tmp_path_factory.mktemp("empty") / "hookflash.db"

    async def make() -> None:
        async with opened_store(path):
            pass

    asyncio.run(make())
    return path
