"""The facade with its database; one empty database is copied for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.store.connection import opened_store
from tests.fakes.facade_rig import FacadeRig


@pytest.fixture(scope="session")
def facade_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table, made once because making it takes its time."""
    path = tmp_path_factory.mktemp("empty") / "hookflash.db"

    async def make() -> None:
        async with opened_store(path):
            pass

    asyncio.run(make())
    return path


@pytest.fixture
async def hotline(tmp_path: Path, facade_database: Path) -> AsyncIterator[FacadeRig]:
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(facade_database, site / "hookflash.db")
    async with opened_store(site / "hookflash.db") as store:
        rig = FacadeRig(site, store)
        await rig.open()
        yield rig
        await rig.close()
