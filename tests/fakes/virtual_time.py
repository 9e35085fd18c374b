"""An event loop whose time jumps: whoever would wait for a timer gets it at once.

Timers fire in their order and at their exact time, so a test of hours takes milliseconds
and always goes the same way. Real descriptors and threads of ``to_thread`` are waited for.
"""

import asyncio
import selectors
from asyncio import AbstractEventLoop
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple, Unpack

Given = TypeVarTuple("Given")
Made = TypeVar("Made")

PATIENCE = 5.0  # s of real time for threads and descriptors when nothing else is left


class NothingLeft(RuntimeError):
    """The test waits for something that can no longer happen."""


class _Jumping(selectors.DefaultSelector):
    """Moves the loop's time on instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if self.threads or timeout is None:
            found = super().select(PATIENCE)
            if not found:
                raise NothingLeft("nothing is left that could happen")
            return found
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop that starts at 0 s."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made, as timers count them."""
        return self._jumping.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Given]], Made], *args: *Given
    ) -> asyncio.Future[Made]:
        """Run in a thread; time stands still until it is done."""
        self._jumping.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _future: object) -> None:
        self._jumping.threads -= 1


class VirtualTimePolicy(asyncio.DefaultEventLoopPolicy):
    """Gives tests that loop."""

    def new_event_loop(self) -> AbstractEventLoop:
        return VirtualTimeLoop()
