"""Starts the processes of a site, watches them, and starts again those that die.

Not a replacement for systemd: the unit files in ``udev/`` run the same processes one by
one. This is what ``hookflash run`` and the demo use, and it speaks the same protocol of
readiness and signs of life, so a process cannot tell who started it.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

log = structlog.get_logger()

BACKOFF_FIRST: Final = 0.2  # s, before the second restart in a row; the first is at once
BACKOFF_LIMIT: Final = 15.0  # s
STEADY: Final = 5.0  # s a process must have been ready for its back-off to start over
STOP_GRACE: Final = 8.0  # s between SIGTERM and SIGKILL
DESCRIPTORS: Final = 16384  # as LimitNOFILE= in udev/; the usual limit is 1024
HANGS_AFTER: Final = 30.0  # s without a sign of life, as WatchdogSec= in udev/
HANG_GRACE: Final = 1.0  # s between SIGABRT, on which it writes down where it is, and SIGKILL
WRONG_CONFIGURATION: Final = 2  # exit code, see daemon/__main__.py
STARTING: Final = b"EXTEND_TIMEOUT_USEC="  # sd_notify(3): it lives, and is not ready yet
WORKER: Final = b"X_WORKER="  # and the id of the process that works, see machine/fresh_worker.py
PR_SET_PDEATHSIG: Final = 1  # prctl(2)


class StartRefused(Exception):
    """A process found the site's configuration wrong and said why."""


class ProcessSpec(msgspec.Struct, frozen=True):
    """One process to keep running."""

    name: str
    argv: Sequence[str]
    stop_signal: int = signal.SIGTERM
    """What tells it that the whole site stops."""
    environment: Mapping[str, str] = {}


class Watched:
    """One process and its history of starts."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self.was_ready = False
        self.restarts = 0
        self.started_at = 0.0
        self.patience_asked = 0
        """How often it has said that it needs longer to be ready."""
        self.ready_at: float | None = None
        """When its present life became ready."""
        self.worker: int | None = None
        """The process that does its work, where that is a child of its own."""


def backoff(failures: int) -> float:
    """Seconds to wait before a restart, by how many lives in a row ended before they were steady.

    Callers repeat what they sent for half a minute: the first restart is at once.
    """
    if failures <= 1:
        return 0.0
    # The exponent is bounded: years of failures must not overflow a float.
    return min(BACKOFF_FIRST * 2.0 ** min(failures - 2, 16), BACKOFF_LIMIT)


class Supervisor:
    """Keeps a site's processes running until told to stop."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        run_dir: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        hangs_after_s: float = HANGS_AFTER,
    ) -> None:
        self.watched = {spec.name: Watched(spec) for spec in specs}
        self.run_dir = run_dir
        self.clock = clock
        self._hangs_after_s = hangs_after_s
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, *, ready_within_s: float = 60.0) -> bool:
        """Start every process in order, each after the one before is ready.

        False when told to stop meanwhile.

        Raises StartRefused when a process finds its configuration wrong, TimeoutError
        naming the process when it did not become ready in time, nor said that it needs longer.
        """
        self.run_dir.mkdir(parents=True, exist_ok=True)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            for watched in self.watched.values():
                if not await self._started(watched, stopping, ready_within_s):
                    return False
        finally:
            stopping.cancel()
        return True

    async def _started(
        self, watched: Watched, stopping: "asyncio.Task[bool]", ready_within_s: float
    ) -> bool:
        task = asyncio.create_task(self._keep(watched), name=f"keep {watched.spec.name}")
        self._tasks.append(task)
        waiter = asyncio.create_task(watched.ready.wait())
        while True:
            life, asked = watched.restarts, watched.patience_asked
            done, _ = await asyncio.wait(
                {waiter, task, stopping},
                timeout=ready_within_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            # Who ends again and again is not slow.
            if done or watched.restarts != life or watched.patience_asked == asked:
                break
        waiter.cancel()
        if stopping in done:
            return False
        if task in done:
            raise StartRefused(f"{watched.spec.name}: does not start with this configuration")
        if waiter not in done:
            raise TimeoutError(
                f"{watched.spec.name}: not ready after {ready_within_s:.0f} s; "
                "its own messages above say why"
            )
        return True

    async def run(self) -> None:
        """Return after ``stop``; the processes are kept running until then."""
        await self._stopping.wait()

    def request_stop(self) -> None:
        """Make ``run`` return."""
        self._stopping.set()

    async def stop(self) -> None:
        """End all processes, the last started first."""
        self._stopping.set()
        for watched in reversed(list(self.watched.values())):
            await _end(watched.process, watched.spec.stop_signal)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._write_state()

    def pid(self, name: str) -> int | None:
        """The present process id of ``name``."""
        watched = self.watched[name]
        if watched.process is None or watched.process.returncode is not None:
            return None
        return watched.worker or watched.process.pid

    async def _keep(self, watched: Watched) -> None:
        failures = 0
        while not self._stopping.is_set():
            watched.started_at = self.clock()
            returncode = await self._run_once(watched)
            if self._stopping.is_set():
                return
            if returncode == WRONG_CONFIGURATION and not watched.was_ready:
                # It has said what is wrong; starting it again would only say it again.
                return
            now = self.clock()
            steady = watched.ready_at is not None and now - watched.ready_at >= STEADY
            failures = 1 if steady else failures + 1
            pause = backoff(failures)
            watched.restarts += 1
            log.warning(
                "process ended, starting it again",
                name=watched.spec.name,
                returncode=returncode,
                lived_s=round(now - watched.started_at, 1),
                backoff_s=pause,
            )
            await asyncio.sleep(pause)

    async def _run_once(self, watched: Watched) -> int:
        spec = watched.spec
        address = self.run_dir / f"notify-{spec.name}"
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as inbox:
            inbox.bind(str(address))
            address.chmod(0o600)
            inbox.setblocking(False)
            environment = {**os.environ, **spec.environment, "NOTIFY_SOCKET": str(address)}
            environment["WATCHDOG_USEC"] = str(round(self._hangs_after_s * 1e6))
            watched.process = await asyncio.create_subprocess_exec(
                *spec.argv,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                preexec_fn=_begin_process,
            )
            watched.ready_at = watched.worker = None
            self._write_state()
            listener = asyncio.create_task(self._listen(inbox, watched))
            try:
                return await watched.process.wait()
            finally:
                listener.cancel()
                watched.ready.clear()
                address.unlink(missing_ok=True)

    async def _listen(self, inbox: socket.socket, watched: Watched) -> None:
        """Take what a process says of itself (sd_notify(3)) as long as it lives."""
        loop = asyncio.get_running_loop()
        while True:
            patience = self._hangs_after_s if watched.ready.is_set() else None
            try:
                async with asyncio.timeout(patience):
                    said = (await loop.sock_recv(inbox, 4096)).split(b"\n")
            except TimeoutError:
                await self._end_hanging(watched)
                continue
            workers = [line[len(WORKER) :] for line in said if line.startswith(WORKER)]
            if workers and workers[0].isdigit():
                watched.restarts += watched.worker is not None
                watched.worker = int(workers[0])
                self._write_state()
            watched.patience_asked += any(line.startswith(STARTING) for line in said)
            if b"READY=1" in said:
                watched.ready_at = self.clock()
                watched.was_ready = True
                watched.ready.set()

    async def _end_hanging(self, watched: Watched) -> None:
        """End what works, so that it is started again."""
        name, pid = watched.spec.name, self.pid(watched.spec.name)
        log.error("process hangs, ending it", name=name, pid=pid, silent_s=self._hangs_after_s)
        try:
            handle = os.pidfd_open(pid or 0)
        except OSError:
            return  # it has ended meanwhile
        try:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGABRT)
                await asyncio.sleep(HANG_GRACE)
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)

    def _write_state(self) -> None:
        state = {
            name: {"pid": self.pid(name), "restarts": watched.restarts}
            for name, watched in self.watched.items()
        }
        fresh = self.run_dir / "processes.json.new"
        fresh.write_text(json.dumps(state))
        fresh.replace(self.run_dir / "processes.json")


def site_processes(site: Path, *, python: str = sys.executable) -> list[ProcessSpec]:
    """The processes of one site, in starting order."""
    return [
        ProcessSpec(
            name,
            (python, "-m", "daemon", name, "--site", str(site)),
            # SIGTERM restarts control and leaves its calls standing; SIGINT ends them.
            signal.SIGINT if name == "control" else signal.SIGTERM,
        )
        for name in ("media", "speech", "control", "web")
    ]


async def _end(process: asyncio.subprocess.Process | None, stop_signal: int) -> None:
    if process is None or process.returncode is not None:
        return
    process.send_signal(stop_signal)
    try:
        await asyncio.wait_for(process.wait(), STOP_GRACE)
    except TimeoutError:
        process.kill()
        await process.wait()


def _begin_process() -> None:
    # SIGABRT would leave secrets and voices in a file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Each connection of a telephone is one.
    granted, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if granted < DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, most), most))
    # A supervisor that is killed must not leave lines occupied behind it.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
