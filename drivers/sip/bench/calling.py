"""What a call that goes out costs: the driver dials over a trunk, and hangs up.

The figure holds what dials: a task a call, as in a controller that waits for its lines.
"""

import asyncio
import time
from typing import Final

from drivers.api import LineId
from drivers.errors import DriverError
from drivers.events import Answered, Released
from drivers.sip.bench.child import end, go_on, line, start
from drivers.sip.bench.subject import Subject, cpu_seconds
from drivers.sip.options import SipOptions, TrunkOptions

LINES: Final = 4000
LIMIT: Final = 20.0  # s for what is left once the last call was begun


class Dialler(Subject):
    """Dials at a rate; each call stands for a moment."""

    def __init__(self, options: SipOptions, *, hold_s: float) -> None:
        super().__init__(options)
        self._hold_s = hold_s
        self._dials: set[asyncio.Task[None]] = set()
        self.over = asyncio.Event()
        self._wanted = 0

    async def dial(self, calls: int, rate: float) -> None:
        """Begin so many calls, evenly, and wait until all are over."""
        self._wanted = calls
        started, begun = time.monotonic(), 0
        while begun < calls:
            due = min(int((time.monotonic() - started) * rate) + 1, calls)
            while begun < due:
                begun += 1
                dialled = self.driver.line(LineId(f"load/{begun % LINES + 1}")).dial("1000")
                self._keep_task(asyncio.create_task(dialled))
            await asyncio.sleep(0.002)
        async with asyncio.timeout(LIMIT):
            await self.over.wait()

    async def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        async for event in self.driver.events():
            if isinstance(event, Answered):
                self.answered += 1
                loop.call_later(self._hold_s, self._hang_up, event.line)
            elif isinstance(event, Released):
                self.released += 1
                if self.released == self._wanted:
                    self.over.set()

    def _hang_up(self, line: LineId) -> None:
        self._keep_task(asyncio.create_task(self.driver.line(line).release()))

    def _keep_task(self, task: asyncio.Task[None]) -> None:
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)


async def run(*, calls: int, rate: float, hold_s: float = 0.1) -> dict[str, float | int]:
    """Processor seconds per 1000 calls that we dial; DriverError when one was not answered."""
    process = await start("answering")
    try:
        port = int(await line(process))
        trunk = TrunkOptions(
            name="load",
            addresses=("127.0.0.0/8",),
            target=f"127.0.0.1:{port}",
            max_calls=LINES,
        )
        async with Dialler(SipOptions(port=0, trunks=(trunk,)), hold_s=hold_s) as subject:
            before = cpu_seconds()
            await subject.dial(calls, rate)
            cpu = cpu_seconds() - before
        go_on(process)
        await process.wait()
    finally:
        await end(process)
    if subject.answered != calls:
        raise DriverError(f"{calls - subject.answered} of our calls were not answered")
    return {
        "cpu_s_per_1000": round(cpu * 1000 / calls, 4),
        "calls": calls,
        "rate_per_s": rate,
        "journal_bytes_per_call": round(subject.journal_bytes / calls),
    }
