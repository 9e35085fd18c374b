from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.store.connection import Store, opened_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(tmp_path / "hookflash.db") as opened:
        yield opened
