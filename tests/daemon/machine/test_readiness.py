"""Ready, and alive from then on: what a process says to the one who started it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.readiness import announce, endpoints, sign_of_life_every, starting


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as box:
        box.bind(address)
        box.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield box


async def heard(inbox: socket.socket) -> bytes:
    async with asyncio.timeout(20):
        return await asyncio.get_running_loop().sock_recv(inbox, 100)


async def test_ready_process_shows_that_its_loop_runs(
    inbox: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    announce(tmp_path, "control", port=5060)
    assert [await heard(inbox) for _ in range(4)] == [b"READY=1"] + 3 * [b"WATCHDOG=1"]
    assert endpoints(tmp_path, "control")["port"] == 5060


async def test_long_start_asks_for_patience_until_it_is_ready(
    inbox: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    starting()
    # What reads a journal does so in a thread: the loop runs meanwhile.
    signs = asyncio.create_task(asyncio.to_thread(threading.Event().wait, 0.05))
    waits = b"WATCHDOG=1\nEXTEND_TIMEOUT_USEC=30000"
    assert [await heard(inbox) for _ in range(4)] == 4 * [waits]
    await signs
    announce(tmp_path, "control")
    said = [await heard(inbox) for _ in range(12)]
    ready = said.index(b"READY=1")
    assert set(said[:ready]) <= {waits}
    assert set(said[ready + 1 :]) == {b"WATCHDOG=1"}


async def test_nobody_who_does_not_ask_is_told(inbox: socket.socket, tmp_path: Path) -> None:
    starting()
    announce(tmp_path, "control")
    assert await heard(inbox) == b"READY=1"
    with pytest.raises(BlockingIOError):
        inbox.recv(100)


@pytest.mark.parametrize(("asked", "every_s"), [("30000000", 10.0), ("", 0.0), ("soon", 0.0)])
def test_three_signs_of_life_in_the_time_that_is_waited(
    asked: str, every_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", asked)
    assert sign_of_life_every() == every_s
