"""Settings for every test: bounded property runs, loopback only, no stray processes."""

import logging
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.fakes.postgresql_cluster import PostgresqlCluster

settings.register_profile(
    "quick",
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("long", parent=settings.get_profile("quick"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

LOOPBACK = ("127.", "::1", "localhost", "")


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse any connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(
            LOOPBACK
        ):
            raise AssertionError(f"a test tried to connect to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    """Undo what a command sets up: its stream is closed when its test is over."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture(scope="session")
def postgresql() -> "Iterator[PostgresqlCluster]":
    """A server for all tests of this process; each test makes a database of its own."""
    # Most tests need no database, and its parts take their time to load.
    from tests.fakes.postgresql_cluster import PostgresqlCluster

    cluster = PostgresqlCluster()
    try:
        cluster.fill_template()
        yield cluster
    finally:
        cluster.remove()
