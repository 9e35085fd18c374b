"""The process of the telephones, as the measurements order it."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Final, Self

import msgspec

from daemon.benchmark.hotline import Hotline, die_with_parent, end
from daemon.benchmark.phones.orders import Order, State
from daemon.errors import CommandError
from daemon.language import pick

LOOK_S: Final = 0.1
END_S: Final = 2.0
LONGEST_LINE: Final = 16 * 1024 * 1024  # bytes; a state lists every hand-over


class Town:
    """``async with`` it: telephones around a hotline."""

    def __init__(self, hotline: Hotline) -> None:
        self._hotline = hotline
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        with (self._hotline.folder / "telephones.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "daemon.benchmark.phones.telephones", str(self._hotline.ports[0]),
                stdin=PIPE, stdout=PIPE, stderr=log, limit=LONGEST_LINE,
                start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            await end(self._process, signal.SIGKILL, END_S)

    async def tell(self, order: Order) -> State:
        """Have an order followed; how it stands then."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            log = self._hotline.folder / "telephones.log"
            raise CommandError(log.read_text(errors="replace")[-1500:])
        return msgspec.json.decode(line, type=State)

    async def state(self) -> State:
        """How it stands."""
        return await self.tell(Order(do="state"))

    async def until(self, good: Callable[[State], bool], seconds: float) -> State:
        """Wait for a state; CommandError with the last one when it does not come."""
        give_up = asyncio.get_running_loop().time() + seconds
        while not good(state := await self.state()):
            if state.failed or asyncio.get_running_loop().time() > give_up:
                state.hand_overs_ms = []
                what = pick("the telephones are stuck", "话机停滞")
                raise CommandError(f"{what}: {state}")
            await asyncio.sleep(LOOK_S)
        return state
