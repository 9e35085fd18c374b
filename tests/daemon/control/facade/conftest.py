"""The facade with its database; one empty database is copied for each test."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from daemon.store.connection import opened_store
from tests.fakes.facade_rig import FacadeRig

ON_BOTH = ("test_settings", "test_new_settings", "test_tiers", "test_flow_versions", "test_holding")
"""Modules about what the database keeps: their tests run on SQLite and on PostgreSQL."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "facade_database" in metafunc.fixturenames:
        both = metafunc.module.__name__.rpartition(".")[2] in ON_BOTH
        kinds = ["sqlite", "postgresql"] if both else ["sqlite"]
        metafunc.parametrize("facade_database", kinds, indirect=True, ids=kinds if both else [""])


@pytest.fixture
def facade_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    if request.param == "postgresql":
        with request.getfixturevalue("postgresql").database(filled=True) as url:
            yield url
        return
    site = tmp_path / "site"
    site.mkdir()
    yield Path(shutil.copy(request.getfixturevalue("empty_file"), site / "hookflash.db"))


@pytest.fixture
async def hotline(tmp_path: Path, facade_database: Path | str) -> AsyncIterator[FacadeRig]:
    site = tmp_path / "site"
    site.mkdir(exist_ok=True)
    async with opened_store(facade_database) as store:
        rig = FacadeRig(site, store)
        await rig.open()
        yield rig
        await rig.close()
