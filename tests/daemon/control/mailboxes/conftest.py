"""A control process with a database, and messages in it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.store.connection import opened_store
from tests.daemon.control.mailboxes.voicemail import Voicemail


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table, made once because making it takes its time."""
    path = tmp_path_factory.mktemp("empty") / "hookflash.db"

    async def make() -> None:
        async with opened_store(path):
            pass

    asyncio.run(make())
    return path


@pytest.fixture
async def voicemail(tmp_path: Path, empty_file: Path) -> AsyncIterator[Voicemail]:
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(empty_file, site / "hookflash.db")
    async with opened_store(site / "hookflash.db") as store:
        made = Voicemail(site, store)
        await made.rig.start()
        yield made
        await made.rig.crash()
