"""Engines in child processes: started when needed, watched, started again when they die."""

import asyncio
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from typing import TypeVar

import structlog

from speech.errors import EngineFailed, SpeechError, by_name
from speech.link.channel import Channel, close_all
from speech.link.messages import Failed, Order, Outcome, Ready, decode_outcome, encode

log = structlog.get_logger(__name__)
Kind = TypeVar("Kind", bound=Outcome)

LOAD_TIME = 60.0  # s; a small model takes 3 on a free core, a big one 20
ANSWER_TIME = 10.0  # s for one order to a recogniser; the slowest measured is 0.3
DEATHS = 3  # within DEATHS_WITHIN: the fault stays, and starting again would only burn the core
DEATHS_WITHIN = 60.0  # s


class Worker:
    """One child process; every order gets its outcome, or EngineFailed when the child dies."""

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], *, keep_running: bool = False
    ) -> None:
        self.name = name
        self.version = ""
        self.restarts = 0
        self._module = module
        self._arguments = arguments
        self._keep_running = keep_running
        self._restart: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._channel: Channel | None = None
        self._waiting: dict[int, deque[asyncio.Future[Outcome]]] = {}
        self._ready: asyncio.Future[None] | None = None
        self._deaths: deque[float] = deque(maxlen=DEATHS)

    @property
    def pid(self) -> int:
        """Process id, 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    async def start(self, within: float = LOAD_TIME) -> None:
        """Run the child if it does not, and wait until it has loaded.

        Raises EngineFailed, or what the child said: EngineMissing, ModelMissing, VoiceMissing.
        """
        if self._ready is None:
            self._refuse_crash_loop()
            self._ready = asyncio.get_running_loop().create_future()
            try:
                await self._launch()
            except OSError as error:
                self._fail_all(f"cannot be started: {error}")
                self._ready = None
                raise EngineFailed(f"{self.name} cannot be started: {error}") from error
        ready = self._ready
        if ready is None:
            raise EngineFailed(f"{self.name} died while it was started")
        try:
            async with asyncio.timeout(within):
                await asyncio.shield(ready)
        except TimeoutError:
            raise EngineFailed(f"{self.name} is still loading") from None

    async def ask(self, order: Order, kind: type[Kind], *, within: float = ANSWER_TIME) -> Kind:
        """Send an order and wait for its outcome; a child that hangs is killed."""
        reply = self.post(order)
        try:
            async with asyncio.timeout(within):
                outcome = await reply
        except TimeoutError:
            log.error("engine hangs, killed", engine=self.name, seconds=within)
            self.kill()
            raise EngineFailed(f"{self.name} gave no answer in {within:.0f} s") from None
        if isinstance(outcome, Failed):
            raise by_name(outcome.error, outcome.message)
        if not isinstance(outcome, kind):
            raise EngineFailed(f"{self.name} answered {type(outcome).__name__}")
        return outcome

    def post(self, order: Order) -> asyncio.Future[Outcome]:
        """Send an order; its outcome comes through the future, several of one id in order."""
        reply: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if self._channel is None or self._channel.closed:
            reply.set_exception(EngineFailed(f"{self.name} is not running"))
            return reply
        self._waiting.setdefault(order.id, deque()).append(reply)
        self._channel.send(encode(order))
        return reply

    def tell(self, order: Order) -> None:
        """Send an order that has no outcome; lost when the child is gone."""
        if self._channel is not None:
            self._channel.send(encode(order))

    def kill(self) -> None:
        """End the child at once; what waits for it gets EngineFailed."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        """End the child and wait until it is gone."""
        if self._restart is not None:
            self._restart.cancel()
        process, self._process = self._process, None
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._fail_all("is being stopped")
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def _refuse_crash_loop(self) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._deaths) == DEATHS and now - self._deaths[0] < DEATHS_WITHIN:
            raise EngineFailed(f"{self.name} died {DEATHS} times within a minute; see the log")

    async def _launch(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            kind, *rest = self._arguments
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                kind,
                str(theirs.fileno()),
                *rest,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # pyttsx3 prints a line for each file
                pass_fds=[theirs.fileno()],
                # Each worker has its own threads; the numeric libraries must add none.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        self._channel = Channel(ours, self._on_message, self._on_death)
        log.info("engine started", engine=self.name, pid=self._process.pid)

    def _on_message(self, data: bytes, descriptors: list[int]) -> None:
        close_all(descriptors)
        outcome = decode_outcome(data)
        if outcome.id == 0:
            self._started(outcome)
            return
        replies = self._waiting.get(outcome.id)
        if not replies:
            return
        reply = replies.popleft()
        if not replies:
            del self._waiting[outcome.id]
        if not reply.done():
            reply.set_result(outcome)

    def _started(self, outcome: Outcome) -> None:
        if self._ready is None or self._ready.done():
            return
        if isinstance(outcome, Ready):
            self.version = outcome.version
            self._ready.set_result(None)
        elif isinstance(outcome, Failed):
            self._ready.set_exception(by_name(outcome.error, outcome.message))

    def _on_death(self) -> None:
        loop = asyncio.get_running_loop()
        self._channel = None
        if self._ready is not None and self._ready.done() and self._ready.exception():
            self._fail_all("did not start")  # it has said why; starting again would not help
            self._ready = None
            return
        log.error("engine died", engine=self.name, pid=self.pid)
        self.restarts += 1
        self._deaths.append(loop.time())
        self._fail_all("died")
        self._ready = None
        if self._keep_running:
            self._restart = loop.create_task(self._start_again(), name=f"restart {self.name}")

    async def _start_again(self) -> None:
        try:
            await self.start()
        except SpeechError as error:
            log.error("engine not restarted", engine=self.name, reason=str(error))

    def _fail_all(self, what: str) -> None:
        error = EngineFailed(f"{self.name} {what}")
        waiting = [reply for replies in self._waiting.values() for reply in replies]
        if self._ready is not None:
            waiting.append(self._ready)  # type: ignore[arg-type]
        self._waiting.clear()
        for reply in waiting:
            if not reply.done():
                reply.set_exception(error)
                reply.exception()  # nobody may be waiting for it any more
