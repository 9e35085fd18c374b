"""Workers of one loaded process: each begins where the last one ended, and none is left behind."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE_S = 20.0
WORKS = """\
import signal, sys
from daemon.machine.fresh_worker import run_in_fresh_workers
from daemon.readiness import notify

def work():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(sys.argv[2])))
    signal.signal(signal.SIGHUP, lambda *_: notify("RELOADED=1"))
    notify("READY=1")
    while True:
        signal.pause()

sys.exit(run_in_fresh_workers(work, steady_s=float(sys.argv[1])))
"""


class Parent:
    """The process that holds the program, as its supervisor has it."""

    def __init__(self, folder: Path, steady_s: float, exit_code: int = 0) -> None:
        self._inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._inbox.bind(str(folder / "notify"))
        self._inbox.settimeout(PATIENCE_S)
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKS, str(steady_s), str(exit_code)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
        )

    def said(self) -> str:
        return self._inbox.recv(100).decode()

    def ready(self) -> int:
        """Wait for a worker that is ready; its process id."""
        heard = {self.said(), self.said()}
        assert "READY=1" in heard
        (named,) = heard - {"READY=1"}
        worker, life = named.split("\n")
        # Nothing else is a sign of life until the worker is ready.
        assert life == "WATCHDOG=1"
        return int(worker.removeprefix("X_WORKER="))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._inbox.close()


@contextlib.contextmanager
def parent(folder: Path, steady_s: float = 0.0, exit_code: int = 0) -> Iterator[Parent]:
    one = Parent(folder, steady_s, exit_code)
    try:
        yield one
    finally:
        one.close()


def test_killed_worker_is_followed_by_another_of_the_same_parent(tmp_path: Path) -> None:
    with parent(tmp_path) as one:
        workers = [one.ready()]
        for _ in range(2):
            os.kill(workers[-1], signal.SIGKILL)
            workers.append(one.ready())
        assert len(set(workers)) == 3
        assert one.process.pid not in workers
        assert one.process.poll() is None


@pytest.mark.parametrize("exit_code", [0, 3])
def test_signal_to_the_parent_reaches_the_worker_and_its_exit_code_comes_back(
    tmp_path: Path, exit_code: int
) -> None:
    with parent(tmp_path, exit_code=exit_code) as one:
        one.ready()
        one.process.send_signal(signal.SIGHUP)
        assert one.said() == "RELOADED=1"
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(PATIENCE_S) == exit_code


def test_second_worker_in_a_row_that_is_killed_too_soon_ends_its_parent(tmp_path: Path) -> None:
    with parent(tmp_path, steady_s=3600.0) as one:
        os.kill(one.ready(), signal.SIGKILL)
        os.kill(one.ready(), signal.SIGKILL)
        assert one.process.wait(PATIENCE_S) == 128 + signal.SIGKILL


def test_worker_that_fails_too_soon_ends_its_parent(tmp_path: Path) -> None:
    with parent(tmp_path, steady_s=3600.0, exit_code=3) as one:
        os.kill(one.ready(), signal.SIGTERM)
        assert one.process.wait(PATIENCE_S) == 3


def test_worker_that_fails_later_is_followed_by_another(tmp_path: Path) -> None:
    with parent(tmp_path, exit_code=3) as one:
        first = one.ready()
        os.kill(first, signal.SIGTERM)
        assert one.ready() != first
        assert one.process.poll() is None


def test_worker_does_not_outlive_its_parent(tmp_path: Path) -> None:
    with parent(tmp_path) as one:
        worker = os.pidfd_open(one.ready())
        try:
            one.process.kill()
            assert select.select([worker], [], [], PATIENCE_S)[0]
        finally:
            os.close(worker)


def test_control_has_one_thread_when_it_is_loaded() -> None:
    # Threads do not live on in a child: a lock that one of them holds is held for ever.
    counted = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')\n"
            "import uvloop, daemon.control.app\n"
            "print(len(os.listdir('/proc/self/task')))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert counted.stdout.strip() == "1"
