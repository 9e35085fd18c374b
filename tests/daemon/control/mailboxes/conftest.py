"""A control process with a database, and messages in it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.store.connection import opened_store
from tests.daemon.control.mailboxes.voicemail import Voicemail


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
