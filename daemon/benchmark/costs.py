"""What a load costs: processor seconds of the hotline's processes, and what they cost idle."""

import asyncio
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from daemon.benchmark.hotline import Hotline

Row = dict[str, float | int]

WAKE_S: Final = 0.005
CALM_S: Final = 1.0  # after the last change, before idle processes are looked at
IDLE_S: Final = 3.0
TOGETHER: Final = "together"


def per_call(before: Mapping[str, float], after: Mapping[str, float], calls: int) -> Row:
    """Processor seconds per 1000 calls by process, ``cpu_s_per_1000`` of all of them first."""
    spent = {name: (after[name] - before[name]) * 1000 / calls for name in after}
    row: Row = {"cpu_s_per_1000": round(sum(spent.values()), 3)}
    return row | {name: round(value, 3) for name, value in spent.items()}


def per_second(
    before: Mapping[str, float], after: Mapping[str, float], seconds: float
) -> dict[str, float]:
    """Processor seconds per second by process, and of all of them together."""
    spent = {name: (after[name] - before[name]) / seconds for name in after}
    return {name: round(value, 4) for name, value in spent.items()} | {
        TOGETHER: round(sum(spent.values()), 4)
    }


async def idle(hotline: Hotline) -> dict[str, float]:
    """What the hotline costs per second while nobody calls."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(CALM_S)
    before, began = hotline.cpu(), loop.time()
    await asyncio.sleep(IDLE_S)
    return per_second(before, hotline.cpu(), loop.time() - began)


class Lateness:
    """``with`` it: how late this machine wakes a thread that sleeps, at the time of a load.

    What waits for its turn of a processor is late by that however quick it is: no delay measured
    meanwhile can be judged without it.
    """

    def __init__(self) -> None:
        self._late: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            due = time.monotonic() + WAKE_S
            time.sleep(WAKE_S)
            self._late.append(time.monotonic() - due)

    def p99_ms(self) -> float:
        """Of a hundred times the second worst, in milliseconds."""
        late = sorted(self._late)
        return round(late[int(len(late) * 0.99)] * 1000, 2) if late else 0.0
