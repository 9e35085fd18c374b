"""What an established call of two legs takes of memory, in all processes of a site together.

Of media and console it is the memory they have for themselves (Private in smaps_rollup, proc(5)),
not what they share. Of control that would say too little: an interpreter that has read its site
keeps megabytes free in its heap, which no system can tell from those in use, and calls take these
first. So control is asked how many bytes of its heap are in use (``heap/``), garbage collected;
what its allocator adds to each object is counted too.

A first load makes what is made once, fills the memory of past messages, and stands as well.
Speech is not counted: its workers start and end without regard to calls.
"""

import asyncio
from typing import Final

from daemon.benchmark.heap.counting import counted, in_use
from daemon.benchmark.hotline import Hotline
from daemon.benchmark.phones.orders import Order
from daemon.benchmark.phones.town import Town
from daemon.benchmark.site_text import QUEUE_NUMBER, Wishes, station

Row = dict[str, float | int]

CALLS: Final = 300
FIRST: Final = 400  # of some twelve messages each: more than are kept
COUNTED: Final = ("control", "media", "web")
RATE: Final = 40.0
STAND_S: Final = 60.0
CALM_S: Final = 2.0  # for records to be written and the live picture to be told


async def measure() -> Row:
    """Bytes per call: those of control, media and console, with each of them.

    ``control_private`` is what the operating system sees of control's share.
    """
    wishes = Wishes(agents=FIRST + CALLS)
    with counted() as folder:
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
                used = hotline.memory()
                used["control_private"] = used["control"]
                used["control"] = await in_use(hotline.pid("control"), folder)
                return used, hotline.threads()

            before, threads = await stand(FIRST)
            after, more_threads = await stand(CALLS)
    grown = {name: (after[name] - before[name]) // CALLS for name in (*COUNTED, "control_private")}
    row: Row = {"bytes_per_call": sum(grown[name] for name in COUNTED), **grown}
    return row | {"calls": CALLS, "threads_before": threads, "threads": more_threads}
