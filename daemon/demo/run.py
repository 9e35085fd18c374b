"""Runs the demo: the hotline, its callers and its agents, each in processes of their own."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from daemon.demo.demo_site import AGENTS_HOST, BOARD_LINES, CALLERS_HOST, LISTEN, REALM, DemoSite
from daemon.demo.script import (
    AgentResult,
    AgentsSetup,
    CallersSetup,
    CallResult,
    Problem,
    Ready,
    Report,
    plan_calls,
)
from daemon.demo.tally import Tally, read_records, tally
from daemon.errors import CommandError
from daemon.language import pick
from daemon.readiness import endpoints
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor
from daemon.service.socket_client import ServiceClient

START_S: Final = 90.0  # for the hotline to become ready
MOST_RESTARTS: Final = 3  # of one process before it is ready
HELPER_S: Final = 20.0  # for callers and agents to become ready
SEAT_S: Final = 20.0  # for the last agent to be ready for calls
RECORDS_S: Final = 15.0  # for the last record to be written
LAST_CALL_S: Final = 150.0  # for calls in progress when no more are made
PR_SET_PDEATHSIG: Final = 1  # prctl(2)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the user of the demo asked for."""

    calls: int | None = 30
    """None: until stopped."""
    abandon: int = 0
    rate: float = 1.0
    """Calls begun in a second."""
    seconds: float = 0.0
    """No more calls this long after the start; 0: no limit."""
    stay: bool = False
    """When all calls are made: go on until stopped."""
    seed: int = 1


class Demo:
    """One run; ``results`` and ``talks`` grow while it lasts."""

    def __init__(self, site: DemoSite, wanted: Wanted, show: Callable[["Demo"], None]) -> None:
        self.site = site
        self.wanted = wanted
        self.begun = 0
        self.results: list[CallResult] = []
        self.talks: list[AgentResult] = []
        self.problems: list[str] = []
        self.phase = ""
        self.console = ""
        self._show = show
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._born = 0.0
        self._log = site.path / "demo.log"

    @property
    def in_progress(self) -> int:
        """Calls that have begun and not ended."""
        return self.begun - len(self.results)

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Make no more calls; those in progress come to their end."""
        self._stopping.set()

    async def run(self) -> Tally:
        """Do it all and count; CommandError when the hotline does not start."""
        self._born = asyncio.get_running_loop().time()
        async with contextlib.AsyncExitStack() as stack:
            callers = await stack.enter_async_context(self._process("callers"))
            await callers.begin(self._callers_setup())
            self._say(pick("starting the hotline", "正在启动热线"))
            hotline = await stack.enter_async_context(self._hotline())
            await self._until_ready(hotline)
            agents = await stack.enter_async_context(self._process("agents"))
            await agents.begin(self._agents_setup())
            await self._seat_agents()
            watch = asyncio.create_task(self._watch(hotline, callers, agents))
            self._say(pick("calling", "正在呼叫"))
            await self._make_calls(callers)
            if self.wanted.stay:
                await self._stopping.wait()
            self._say(pick("waiting for the last calls", "等待最后的通话结束"))
            await self._calls_ended()
            watch.cancel()
            await callers.finish()
            await agents.finish()
            self._say(pick("comparing with the records", "正在核对记录"))
            return await self._count()

    async def _make_calls(self, callers: "Helper") -> None:
        most = 2 * len(self.site.agents) + BOARD_LINES
        for plan in plan_calls(
            calls=self.wanted.calls, abandon=self.wanted.abandon, seed=self.wanted.seed
        ):
            while self.in_progress >= most and not self._over():
                await self._some_change()
            if self._over():
                return
            callers.send(plan)
            self.begun += 1
            self._show(self)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1 / self.wanted.rate):
                    await self._stopping.wait()

    def _over(self) -> bool:
        age = asyncio.get_running_loop().time() - self._born
        return self._stopping.is_set() or (0 < self.wanted.seconds <= age)

    async def _some_change(self) -> None:
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self._changed.wait()

    async def _calls_ended(self) -> None:
        give_up = asyncio.get_running_loop().time() + LAST_CALL_S
        while self.in_progress > 0 and not self.problems:
            if asyncio.get_running_loop().time() > give_up:
                left = self.in_progress
                self.problems.append(pick(f"{left} calls did not end", f"{left} 个呼叫没有结束"))
                return
            await self._some_change()

    async def _count(self) -> Tally:
        give_up = asyncio.get_running_loop().time() + RECORDS_S
        while True:
            with contextlib.suppress(sqlite3.OperationalError):
                records = await asyncio.to_thread(read_records, self.site.database)
                late = asyncio.get_running_loop().time() > give_up
                if records.complete(len(self.results)) or late:
                    return tally(
                        self.results,
                        self.talks,
                        records,
                        site=self.site.path,
                        problems=self.problems,
                    )
            await asyncio.sleep(0.3)

    # -- processes --------------------------------------------------------------------------

    def _take(self, report: Report) -> None:
        match report:
            case CallResult():
                self.results.append(report)
            case AgentResult():
                self.talks.append(report)
            case Problem():
                self.problems.append(report.error)
            case Ready():
                return
        self._changed.set()
        self._show(self)

    def _say(self, phase: str) -> None:
        self.phase = phase
        self._show(self)

    def _process(self, role: str) -> "Helper":
        return Helper(role, self._log, self._take)

    @contextlib.asynccontextmanager
    async def _hotline(self):  # type: ignore[no-untyped-def]
        for stale in ("web.json", "processes.json"):
            (self.site.run_dir / stale).unlink(missing_ok=True)
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "daemon", "run", str(self.site.path),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
        try:
            yield process
        finally:
            await _end(process)

    async def _until_ready(self, hotline: asyncio.subprocess.Process) -> None:
        give_up = asyncio.get_running_loop().time() + START_S
        while not self.console:
            web = endpoints(self.site.run_dir, "web")
            self.console = str(web.get("url", ""))
            late = asyncio.get_running_loop().time() > give_up
            if hotline.returncode is not None or late or self._restarts() >= MOST_RESTARTS:
                raise CommandError(
                    pick("the hotline did not start", "热线未能启动") + "\n" + last_lines(self._log)
                )
            await asyncio.sleep(0.1)

    def _restarts(self) -> int:
        """How often a process of the hotline was started again."""
        try:
            state = msgspec.json.decode((self.site.run_dir / "processes.json").read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return 0
        return max((int(process["restarts"]) for process in state.values()), default=0)

    async def _seat_agents(self) -> None:
        """Log every agent in at the telephone and make the agent ready."""
        client = ServiceClient(self.site.run_dir / "control.sock")
        give_up = asyncio.get_running_loop().time() + SEAT_S
        try:
            for agent in self.site.agents:
                actor = Actor(login=agent.login, via="command")
                while True:
                    try:
                        await client.service.agent_log_in(actor, agent.station)
                        await client.service.ready(actor)
                        break
                    except ServiceError as error:
                        if asyncio.get_running_loop().time() > give_up:
                            raise CommandError(f"{agent.login}: {error}") from error
                        await asyncio.sleep(0.3)
        finally:
            await client.close()

    async def _watch(
        self, hotline: asyncio.subprocess.Process, callers: "Helper", agents: "Helper"
    ) -> None:
        """A process that ends too early ends the demo."""
        named = {"hotline": hotline.wait(), "callers": callers.wait(), "agents": agents.wait()}
        tasks = {asyncio.create_task(wait, name=name) for name, wait in named.items()}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name, code = task.get_name(), task.result()
                self.problems.append(pick(f"{name} ended with {code}", f"{name} 意外退出：{code}"))
            self._changed.set()
            self.stop()
        finally:
            for task in tasks:
                task.cancel()

    def _callers_setup(self) -> CallersSetup:
        return CallersSetup(
            host=CALLERS_HOST,
            hotline=(LISTEN, self.site.sip_port),
            device=self.site.device,
            board=self.site.board,
            channels=BOARD_LINES,
        )

    def _agents_setup(self) -> AgentsSetup:
        return AgentsSetup(
            host=AGENTS_HOST,
            hotline=(LISTEN, self.site.sip_port),
            realm=REALM,
            stations=self.site.agents,
            seed=self.wanted.seed,
        )


class Helper:
    """A process of callers or agents: JSON lines in, JSON lines out."""

    def __init__(self, role: str, log: Path, take: Callable[[Report], None]) -> None:
        self._role = role
        self._log = log
        self._take = take
        self._ready = asyncio.Event()
        self._decoder = msgspec.json.Decoder(Report)

    async def __aenter__(self) -> "Helper":
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "daemon.demo", self._role,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
        self._reader = asyncio.create_task(self._read(), name=f"reports of {self._role}")
        return self

    async def __aexit__(self, *error: object) -> None:
        await _end(self._process)
        await self._reader

    async def begin(self, setup: msgspec.Struct) -> None:
        """Send the setup and wait until the process is ready for calls."""
        self.send(setup)
        waits = [asyncio.create_task(self._ready.wait()), asyncio.create_task(self.wait())]
        done, _ = await asyncio.wait(waits, timeout=HELPER_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if waits[0] not in done:
            raise CommandError(
                pick(f"{self._role} did not start", f"{self._role} 未能启动")
                + "\n" + last_lines(self._log)
            )  # fmt: skip

    def send(self, value: msgspec.Struct) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(value) + b"\n")

    async def finish(self) -> None:
        """Say that nothing more comes, and wait for the end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait([self._reader], timeout=HELPER_S)

    async def wait(self) -> int:
        """Wait for the end of the process."""
        return await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            try:
                report = self._decoder.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(report, Ready):
                self._ready.set()
            self._take(report)


def last_lines(log: Path, count: int = 20) -> str:
    """The end of what the processes wrote."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(15.0):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _die_with_parent() -> None:
    # A demo that is killed must not leave a hotline behind.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
