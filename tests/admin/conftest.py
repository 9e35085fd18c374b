"""A console with four calls on record, and people signed in to it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.fakes.console_rig import PASSWORD, ConsoleRig, make_hotline, make_site, running_console
from tests.fakes.http_client import HttpClient

NOW = 1_795_300_000.0

SignIn = Callable[[str], Awaitable[HttpClient]]


@pytest.fixture(scope="session")
def recorded_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with four calls on record, made once; tests get copies."""
    site = tmp_path_factory.mktemp("recorded") / "site"
    asyncio.run(make_site(site, NOW, 4))
    return site


@pytest.fixture
def site(recorded_site: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded_site, tmp_path / "site"))


@pytest.fixture
async def console(tmp_path: Path, site: Path) -> AsyncIterator[ConsoleRig]:
    now = [NOW]
    async with running_console(tmp_path, make_hotline(lambda: now[0]), site) as rig:
        rig.later = lambda seconds: now.append(now.pop() + seconds)
        yield rig


@pytest.fixture
def sign_in(console: ConsoleRig) -> SignIn:
    async def by_name(login: str) -> HttpClient:
        client = console.client()
        assert (await client.log_in(login, PASSWORD)).status == 302
        return client

    return by_name
