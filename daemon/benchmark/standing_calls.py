"""What an established call of two legs takes of memory, in all processes of a site together.

Memory is what the processes have for themselves (Private in smaps_rollup, proc(5)), not what
they share. A first load makes what is made once, and stands as well, so that nothing it gave
back is used again. Speech is not counted: its workers start and end without regard to calls.
"""

import asyncio
from typing import Final

from daemon.benchmark.hotline import Hotline
from daemon.benchmark.phones.orders import Order
from daemon.benchmark.phones.town import Town
from daemon.benchmark.site_text import QUEUE_NUMBER, Wishes, station

Row = dict[str, float | int]

CALLS: Final = 400
FIRST: Final = 50
COUNTED: Final = ("control", "media", "web")
RATE: Final = 40.0
STAND_S: Final = 40.0
CALM_S: Final = 2.0  # for records to be written and the live picture to be told


async def measure() -> Row:
    """Bytes per call: those of control, media and console, with each of them."""
    wishes = Wishes(agents=FIRST + CALLS)
    async with Hotline(wishes) as hotline, Town(hotline) as agents, Town(hotline) as callers:
        names = tuple(map(station, range(wishes.agents)))
        await agents.tell(Order(do="register", stations=names))
        await hotline.seat(range(wishes.agents))

        async def stand(calls: int) -> tuple[dict[str, int], int]:
            state = await callers.tell(
                Order(do="call", calls=calls, rate=RATE, number=QUEUE_NUMBER)
            )
            for town in (agents, callers):
                await town.until(lambda now: now.talking + now.standing == state.begun, STAND_S)
            await asyncio.sleep(CALM_S)
            return hotline.memory(), hotline.threads()

        before, threads = await stand(FIRST)
        after, more_threads = await stand(CALLS)
    grown = {name: (after[name] - before[name]) // CALLS for name in COUNTED}
    row: Row = {"bytes_per_call": sum(grown.values()), **grown}
    return row | {"calls": CALLS, "threads_before": threads, "threads": more_threads}
