"""A whole hotline in a temporary folder, started as a user starts it and ended whatever happens."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from daemon.benchmark import processes
from daemon.benchmark.site_text import PAUSE, Wishes, station, write_site
from daemon.errors import CommandError
from daemon.language import pick
from daemon.readiness import endpoints
from daemon.service.errors import ServiceError
from daemon.service.live import LiveState
from daemon.service.messages import Actor
from daemon.service.socket_client import ServiceClient

START_S: Final = 90.0  # for all processes to be ready; 2000 agents are imported first
STOP_S: Final = 20.0
RECORDS_S: Final = 20.0  # for the last record to be written
SEAT_S: Final = 30.0  # for the telephone of an agent to be known
PR_SET_PDEATHSIG: Final = 1  # prctl(2)
PROCESSES: Final = ("control", "media", "speech", "web")


class Hotline:
    """``async with`` it; CommandError when it does not start, with its last words."""

    def __init__(self, wishes: Wishes) -> None:
        self.wishes = wishes
        self._folder = tempfile.TemporaryDirectory(
            prefix="hookflash-bench-", ignore_cleanup_errors=True
        )
        self.folder = Path(self._folder.name)
        self.path = self.folder / "site"
        self.run_dir = self.folder / "run"
        self.log = self.folder / "hotline.log"
        self.ports = tuple(map(free_port, wishes.listeners))
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        write_site(self.path, self.run_dir, self.wishes, self.ports)
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            await end(self._process, signal.SIGINT, STOP_S)
        self._folder.cleanup()

    @property
    def target(self) -> str:
        """Where the first listener is, as SIPp wants to have it."""
        return f"127.0.0.1:{self.ports[0]}"

    # -- what it uses -------------------------------------------------------------------------

    def pid(self, process: str) -> int:
        """The present process id of one of ``PROCESSES``."""
        state = msgspec.json.decode((self.run_dir / "processes.json").read_bytes())
        return int(state[process]["pid"] or 0)

    def cpu(self) -> dict[str, float]:
        """Processor seconds so far by process; ``others`` are the supervisor and workers."""
        return self._sums(processes.cpu_seconds)

    def memory(self) -> dict[str, int]:
        """Bytes of memory of their own, by process."""
        return self._sums(processes.private_bytes)

    def threads(self) -> int:
        """Threads of all processes together."""
        return sum(self._sums(processes.threads).values())

    def _sums(self, measure: Callable[[int], Any]) -> dict[str, Any]:
        assert self._process is not None
        named = {self.pid(name): name for name in PROCESSES}
        sums = dict.fromkeys((*PROCESSES, "others"), measure(0))
        for process in processes.tree(self._process.pid):
            sums[named.get(process, "others")] += measure(process)
        return sums

    # -- what it holds ------------------------------------------------------------------------

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read its database."""
        connection = sqlite3.connect(f"file:{self.path / 'hookflash.db'}?mode=ro", uri=True)
        with contextlib.closing(connection):
            return connection.execute(sql, values).fetchall()

    def outcomes(self) -> dict[str, int]:
        """Ended calls on record, by outcome."""
        ended = "SELECT outcome, count(*) FROM call WHERE ended_ms IS NOT NULL GROUP BY outcome"
        return dict(self.rows(ended))

    async def recorded(self, calls: int) -> dict[str, int]:
        """Wait until so many ended calls are on record; what is there when that takes too long."""
        give_up = asyncio.get_running_loop().time() + RECORDS_S
        while True:
            found = await asyncio.to_thread(self.outcomes)
            late = asyncio.get_running_loop().time() > give_up
            if sum(found.values()) >= calls or late:
                return found
            await asyncio.sleep(0.1)

    async def live(self) -> LiveState:
        """The live picture."""
        client = ServiceClient(self.run_dir / "control.sock")
        try:
            return await client.service.live()
        finally:
            await client.close()

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Follow the live picture, as the console does for those who look at it."""
        client = ServiceClient(self.run_dir / "control.sock")

        async def follow() -> None:
            async for _ in client.service.subscribe(0):
                pass

        following = asyncio.create_task(follow(), name="live picture")
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await client.close()

    async def seat(self, agents: Sequence[int], *, state: str = "ready") -> None:
        """Log agents in at their stations; ``state`` is ready or paused."""
        client = ServiceClient(self.run_dir / "control.sock")
        give_up = asyncio.get_running_loop().time() + SEAT_S
        try:
            for number in agents:
                name = station(number)
                actor = Actor(login=f"a{name}", via="command")
                while True:
                    try:
                        await client.service.agent_log_in(actor, name)
                        if state == "paused":
                            await client.service.pause(actor, PAUSE)
                        else:
                            await client.service.ready(actor)
                        break
                    except ServiceError as error:
                        if asyncio.get_running_loop().time() > give_up:
                            raise CommandError(f"{actor.login}: {error}") from error
                        await asyncio.sleep(0.2)
        finally:
            await client.close()

    # -- the processes ------------------------------------------------------------------------

    async def _start(self) -> None:
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "daemon", "run", str(self.path),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        give_up = asyncio.get_running_loop().time() + START_S
        while not endpoints(self.run_dir, "web"):
            late = asyncio.get_running_loop().time() > give_up
            if self._process.returncode is not None or late:
                said = self.log.read_text(errors="replace").splitlines()[-20:]
                what = pick("the hotline did not start", "热线未能启动")
                raise CommandError("\n".join([what, *said]))
            await asyncio.sleep(0.1)


def free_port(transport: str = "udp") -> int:
    """A port of loopback that nobody uses."""
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """A measurement that is killed leaves nothing behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


async def end(process: asyncio.subprocess.Process, number: int, seconds: float) -> None:
    """End a process by a signal, and its whole group when it does not go in time."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
