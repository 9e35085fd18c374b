"""A fake hotline behind a real Unix socket, and a client in front of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.service.messages import Actor
from daemon.service.settings import PersonSettings, QueueSettings
from daemon.service.socket_client import ServiceClient
from daemon.service.socket_server import ServiceServer
from tests.fakes.service import FakeService

NOW = 1_790_000_000.0
ANNA = Actor(login="anna")
BOSS = Actor(login="boss")


@pytest.fixture
def hotline() -> FakeService:
    service = FakeService(lambda: NOW)
    service.add_queue(QueueSettings(slug="sales", name="Sales"))
    service.add_person(PersonSettings(login="anna", name="Anna"), "correct horse")
    service.add_person(
        PersonSettings(login="boss", name="Boss", roles=("administrator",)), "battery staple"
    )
    return service


@pytest.fixture
async def server(hotline: FakeService, tmp_path: Path) -> AsyncIterator[ServiceServer]:
    server = ServiceServer(hotline, tmp_path / "s")
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def client(server: ServiceServer, tmp_path: Path) -> AsyncIterator[ServiceClient]:
    client = ServiceClient(tmp_path / "s")
    yield client
    await client.close()
