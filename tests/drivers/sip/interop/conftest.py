"""Stacks that others wrote, each as one process on loopback."""

import random
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.drivers.sip.interop.kamailio import Kamailio
from tests.drivers.sip.interop.terminal import needs
from tests.drivers.sip.interop.twinkle import Twinkle
from tests.drivers.sip.transport.conftest import authority, open_driver

KINDS = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
__all__ = ("authority", "open_driver")


@pytest.fixture
def free_pair() -> Callable[[], int]:
    """An even port free on UDP and TCP, and the next one too; below those of outgoing
    connections, since what is started takes a moment to bind it."""

    def find() -> int:
        while True:
            port = random.SystemRandom().randrange(20_000, 32_000, 2)
            if all(is_free(port + more, kind) for more in (0, 1) for kind in KINDS):
                return port

    return find


def is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
async def make_twinkle(tmp_path: Path, free_pair) -> AsyncIterator[Callable[[], Twinkle]]:
    needs("twinkle-console", "twinkle-console")
    made: list[Twinkle] = []

    def make() -> Twinkle:
        folder = tmp_path / f"twinkle-{len(made)}"
        made.append(Twinkle(folder, sip_port=free_pair(), rtp_port=free_pair()))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
async def kamailio(tmp_path: Path, free_pair) -> AsyncIterator[Kamailio]:
    """A proxy that is not started yet."""
    program = needs("kamailio", "kamailio")
    made = Kamailio(program, tmp_path / "kamailio", free_pair())
    yield made
    await made.close()
