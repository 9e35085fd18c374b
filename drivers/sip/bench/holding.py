"""How much memory a call takes: ``python -m drivers.sip.bench.holding CALLS`` prints bytes.

A process of its own, because memory that another load gave back would hide what calls need.
"""

import gc
import logging
import sys
from typing import Final

import msgspec
import structlog
import uvloop

from drivers.errors import DriverError
from drivers.sip.bench.child import encode, end, generate, go_on, line, start
from drivers.sip.bench.generator import Spec
from drivers.sip.bench.subject import Subject, resident
from drivers.sip.options import SipOptions, TrunkOptions

WARM_CALLS: Final = 50


async def hold(calls: int) -> int:
    """Resident bytes per established call, its kept transactions included."""
    trunk = TrunkOptions(name="load", addresses=("127.0.0.0/8",), max_calls=calls + WARM_CALLS)
    async with Subject(SipOptions(port=0, trunks=(trunk,))) as subject:
        # What is allocated once is allocated by a first, small load.
        warm = Spec(
            mode="calls", transport="udp", port=subject.driver.port, calls=WARM_CALLS, rate=200.0
        )
        await generate(warm)
        spec = msgspec.structs.replace(warm, mode="hold", calls=calls, rate=400.0)
        process = await start("generator", encode(spec))
        try:
            await line(process)
            gc.collect()
            before = resident()
            go_on(process)
            await line(process)
            gc.collect()
            held = resident() - before
            standing = len(subject.driver.restored_calls())
            go_on(process)
            await process.wait()
        finally:
            await end(process)
    if standing != calls:
        raise DriverError(f"{calls - standing} calls did not stand")
    return held // calls


if __name__ == "__main__":
    # Standard output is for the figure alone.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sys.stdout.write(f"{uvloop.run(hold(int(sys.argv[1])))}\n")
