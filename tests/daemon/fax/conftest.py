"""A media process with its fax host, and control's end of the link."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.fax_bench import FaxBench


@pytest.fixture
def at_once() -> int:
    """Faxes that may run at the same time."""
    return 2


@pytest.fixture
async def bench(tmp_path: Path, at_once: int) -> AsyncIterator[FaxBench]:
    site = tmp_path / "site"
    site.mkdir()
    made = FaxBench(site, tmp_path / "media.sock", at_once=at_once)
    await made.open()
    yield made
    await made.close()
