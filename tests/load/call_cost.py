"""What a call costs control between the driver and the engine: fake lines, the rest is real.

``python -m tests.load.call_cost`` lives through calls of a queue and prints processor time for
one; with ``--instructions`` the instructions that callgrind counts, which hardly depend on what
else the machine does: the difference of two runs, so that the start is left out. That varies by some
ten millions, so differences of less than 50 thousand instructions a call say nothing.
"""

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, TextIO

import uvloop

from daemon.clock import SteadyClock
from daemon.control.app import GARBAGE
from daemon.logs import set_up_logging
from daemon.store.connection import opened_store
from daemon.store.history_writer import HistoryWriter
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.line import FakeLine, State
from tests.load.callgrind import instructions

WARM: Final = 20
FEW: Final = 50
MANY: Final = 450
MOST_ROWS: Final = 1_000_000
HOUR_MS: Final = 3_600_000
TURNS: Final = 14  # of the loop in which everything has happened that can
BLOCK: Final = 100


class Bench:
    """One control process with an agent who is always there again."""

    def __init__(self, rig: ControlRig, kind: str) -> None:
        self.rig = rig
        self.kind = kind

    async def calls(self, number: int) -> None:
        """So many calls, one after the other."""
        for _ in range(number):
            await (self.queue_call() if self.kind == "queue" else self.menu_call())
            self.rig.book.written.clear()
            self.rig.media.played.clear()

    async def queue_call(self) -> None:
        """A caller, an agent who rings, answers and hangs up."""
        line = self.rig.driver.ring(dnis="200")
        await self._turns()
        self.rig.driver.progress("2001")
        await self._turns()
        phone = await self.rig.driver.pick_up("2001")
        await self._turns()
        assert phone.state is State.TALKING
        await self._gone(phone)
        assert line.state is State.IDLE

    async def menu_call(self) -> None:
        """A prompt, four keys to two questions, and the caller leaves."""
        line = self.rig.driver.ring(dnis="100")
        await self._turns()
        for key in "3123":
            self.rig.media.press(line.port, key)
            await self._turns()
        await self._gone(line)

    async def _gone(self, line: FakeLine) -> None:
        await self.rig.hang_up(line)
        await self._turns()
        assert not self.rig.controller.calls

    async def _turns(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)


async def measure(folder: Path, kind: str, calls: int, blocks: int) -> list[float]:
    """Processor seconds of a call in each block of calls, after some that warm up."""
    async with opened_store(folder / "hookflash.db") as store:
        # Rows go to the database once, or the count would depend on how long a call takes here.
        writer = HistoryWriter(store, folder / "spill", batch_rows=MOST_ROWS, batch_ms=HOUR_MS)
        await writer.start()
        rig = ControlRig(
            folder, clock=SteadyClock().now, sink=writer, queues=[make_queue(record=False)]
        )
        rig.settle = no_turns  # type: ignore[method-assign]
        await rig.start()
        await rig.seat("ann")
        bench = Bench(rig, kind)
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        await bench.calls(WARM)
        found = []
        for _ in range(blocks):
            began = time.process_time()
            await bench.calls(calls)
            found.append((time.process_time() - began) / calls)
        await rig.crash()
        await writer.close()
    return found


async def no_turns() -> None:
    """The bench counts the turns itself."""


def run(folder: Path, kind: str, calls: int, blocks: int) -> list[float]:
    """Measure on a database that may be there already."""
    with Path(os.devnull).open("w") as nowhere:
        set_up_logging("control", stream=nowhere, json=True)
        return uvloop.run(measure(folder, kind, calls, blocks))


def spent(kind: str, calls: int) -> int:
    """Instructions of a whole run with so many calls."""
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), kind, 1, 1)  # its tables need not be made once more
        words = ("--kind", kind, "--calls", str(calls), "--folder", folder, "--blocks", "1")
        return instructions("tests.load.call_cost", *words)


def main(out: TextIO) -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("queue", "menu"), default="queue")
    parser.add_argument("--calls", type=int, default=BLOCK)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--folder", type=Path)
    wished = parser.parse_args()
    if wished.instructions:
        more = spent(wished.kind, MANY) - spent(wished.kind, FEW)
        out.write(f"{wished.kind} call: {more / (MANY - FEW) / 1000:.0f} thousand instructions\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        used = wished.folder or Path(folder)
        found = sorted(run(used, wished.kind, wished.calls, wished.blocks))
    middle = found[len(found) // 2]
    out.write(f"{wished.kind} call: {found[0] * 1e6:.0f} to {middle * 1e6:.0f} us\n")


if __name__ == "__main__":
    main(sys.stdout)
