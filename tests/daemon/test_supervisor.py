"""The supervisor: who dies is started again, at once the first time."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from daemon.supervisor import BACKOFF_LIMIT, DESCRIPTORS, ProcessSpec, Supervisor, backoff

READY = """\
import os, signal, socket, sys
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
said = "\\n".join(["READY=1", *sys.argv[1:]])
out.sendto(said.encode(), os.environ["NOTIFY_SOCKET"])
signal.pause()
"""
PATIENCE_S = 20.0


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def supervised(run_dir: Path, clock: Time, *says: str) -> AsyncIterator[Supervisor]:
    spec = ProcessSpec("control", (sys.executable, "-c", READY, *says))
    supervisor = Supervisor([spec], run_dir, clock=clock)
    try:
        await supervisor.start()
        yield supervisor
    finally:
        await supervisor.stop()


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not reached():
            await asyncio.sleep(0.005)


async def kill(supervisor: Supervisor) -> None:
    """Kill the process, and wait until another is ready."""
    before = supervisor.pid("control")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    watched = supervisor.watched["control"]
    await until(lambda: supervisor.pid("control") not in (before, None) and watched.ready.is_set())


def test_first_restart_is_at_once_and_later_ones_wait_longer_up_to_a_limit() -> None:
    waits = [backoff(failures) for failures in range(1, 12)]
    assert waits[:4] == [0.0, 0.2, 0.4, 0.8]
    assert waits == sorted(waits)
    assert waits[-1] == BACKOFF_LIMIT == backoff(10**6)


async def test_process_that_served_a_while_is_started_again_at_once_each_time(
    tmp_path: Path,
) -> None:
    clock, pauses = Time(), list[float]()
    async with supervised(tmp_path, clock) as supervisor:
        for served in (6.0, 6.0, 1.0, 1.0, 6.0):
            clock.now += served
            loop = asyncio.get_running_loop()
            began = loop.time()
            await kill(supervisor)
            pauses.append(loop.time() - began)
        assert supervisor.watched["control"].restarts == 5
    # Those who served hardly at all wait: 0.2 s and then 0.4 s, whatever else takes time.
    assert pauses[2] >= 0.2
    assert pauses[3] >= 0.4


async def test_worker_of_a_process_is_what_the_state_names(tmp_path: Path) -> None:
    async with supervised(tmp_path, Time(), "X_WORKER=4711") as supervisor:
        assert supervisor.pid("control") == 4711
        state = json.loads((tmp_path / "processes.json").read_text())
        assert state == {"control": {"pid": 4711, "restarts": 0}}


ALIVE = """\
import os, signal, socket, sys, time
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
out.connect(os.environ["NOTIFY_SOCKET"])
out.send(b"READY=1")
for _ in range(int(sys.argv[1])):
    time.sleep(int(os.environ["WATCHDOG_USEC"]) / 1e6 / 5)
    out.send(b"WATCHDOG=1")
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGABRT, signal.SIG_IGN)
while True:
    signal.pause()
"""


@pytest.mark.parametrize("ear", ["hears", "deaf"])
async def test_process_that_hangs_is_ended_and_started_again(ear: str, tmp_path: Path) -> None:
    spec = ProcessSpec("control", (sys.executable, "-c", ALIVE, "10", ear))
    supervisor = Supervisor([spec], tmp_path, hangs_after_s=0.5)
    loop = asyncio.get_running_loop()
    try:
        await supervisor.start()
        began, first = loop.time(), supervisor.pid("control")
        watched = supervisor.watched["control"]
        await until(lambda: watched.restarts == 1 and watched.ready.is_set())
        # As long as it shows that it lives, two times half a second, it is left alone.
        assert loop.time() - began > 1.0
        assert supervisor.pid("control") != first
    finally:
        await supervisor.stop()


SLOW = """\
import os, signal, socket, sys, time
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
out.connect(os.environ["NOTIFY_SOCKET"])
ends = time.monotonic() + float(sys.argv[1])
while time.monotonic() < ends:
    out.send(sys.argv[2].encode())
    time.sleep(0.05)
out.send(b"READY=1")
signal.pause()
"""


async def test_process_that_asks_for_patience_may_take_longer_to_be_ready(tmp_path: Path) -> None:
    asks = (sys.executable, "-c", SLOW, "2", "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=500000")
    supervisor = Supervisor([ProcessSpec("control", asks)], tmp_path, hangs_after_s=0.5)
    try:
        await supervisor.start(ready_within_s=1.5)
        assert supervisor.watched["control"].restarts == 0
    finally:
        await supervisor.stop()


async def test_slow_start_ends_when_it_is_told_to(tmp_path: Path) -> None:
    asks = (sys.executable, "-c", SLOW, "60", "EXTEND_TIMEOUT_USEC=500000")
    supervisor = Supervisor([ProcessSpec("control", asks)], tmp_path)
    starting = asyncio.create_task(supervisor.start())
    watched = supervisor.watched["control"]
    try:
        await until(lambda: watched.patience_asked > 0)
        supervisor.request_stop()
        assert await starting is False
    finally:
        await supervisor.stop()


async def test_process_that_only_lives_is_not_waited_for_longer(tmp_path: Path) -> None:
    lives = (sys.executable, "-c", SLOW, "60", "WATCHDOG=1")
    supervisor = Supervisor([ProcessSpec("control", lives)], tmp_path, hangs_after_s=0.5)
    try:
        with pytest.raises(TimeoutError, match="control: not ready"):
            await supervisor.start(ready_within_s=0.5)
    finally:
        await supervisor.stop()


LIMITS = """\
import json, resource, sys
with open(sys.argv[1], "w") as told:
    kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)
    json.dump([resource.getrlimit(kind) for kind in kinds], told)
"""


async def test_processes_have_descriptors_for_their_connections_and_leave_no_core(
    tmp_path: Path,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        script = LIMITS + READY
        spec = ProcessSpec("control", (sys.executable, "-c", script, str(tmp_path / "limits")))
        supervisor = Supervisor([spec], tmp_path)
        await supervisor.start()
        await supervisor.stop()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files, core = json.loads((tmp_path / "limits").read_text())
    assert files == [min(DESCRIPTORS, hard), hard]
    assert core == [0, 0]
