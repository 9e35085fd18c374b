"""How long an agent who hangs up waits for the next caller's ring while callers wait.

From the agent's BYE, as it is sent, until the kernel has the INVITE for the same telephone: our
telephones measure it, so the way of both messages is in it. Callers who were served call again,
so that as many wait as before. Nobody looks at the live picture unless ``watched``.
"""

import asyncio
import contextlib
from typing import Any, Final

import msgspec

from daemon.benchmark import costs
from daemon.benchmark.hotline import Hotline
from daemon.benchmark.phones.orders import Order
from daemon.benchmark.phones.town import Town
from daemon.benchmark.site_text import QUEUE_NUMBER, Wishes, station
from daemon.errors import CommandError
from daemon.language import pick

Row = dict[str, Any]

AGENTS: Final = 200
WAITING: Final = 1200
TALK_S: Final = 10.0
"""Twenty hand-overs in a second."""
CALL_RATE: Final = 50.0
STAND_S: Final = 60.0
REFILL_S: Final = 0.5


async def measure(seconds: float, *, watched: bool = False) -> Row:
    """Percentiles of the hand-over in milliseconds."""
    calls = AGENTS + WAITING
    wishes = Wishes(agents=AGENTS, max_calls=calls + 400)
    async with Hotline(wishes) as hotline, Town(hotline) as agents, Town(hotline) as callers:
        names = tuple(map(station, range(AGENTS)))
        await agents.tell(Order(do="register", stations=names))
        call = Order(do="call", calls=calls, rate=CALL_RATE, number=QUEUE_NUMBER)
        await hotline.seat(range(AGENTS))
        idle = await costs.idle(hotline)
        await callers.tell(call)
        await callers.until(lambda state: state.standing == calls, STAND_S)
        # Hand-overs begin spread over the talk time, as conversations end.
        await agents.tell(Order(do="talk", talk_s=TALK_S, spread=True))
        before, began = hotline.cpu(), asyncio.get_running_loop().time()
        over = began + seconds + TALK_S
        with costs.Lateness() as lateness:
            async with hotline.watched() if watched else contextlib.nullcontext():
                while asyncio.get_running_loop().time() < over:
                    await asyncio.sleep(REFILL_S)
                    missing = calls - (await callers.state()).standing
                    if missing > 0:
                        await callers.tell(msgspec.structs.replace(call, calls=missing))
        state = await callers.state()
        lasted, after = asyncio.get_running_loop().time() - began, hotline.cpu()
        times = sorted((await agents.state()).hand_overs_ms)
    if state.failed or not times:
        raise CommandError(
            pick(f"{state.failed} calls failed", f"{state.failed} 个呼叫失败")
            + f": {len(times)} / {state.completed}"
        )
    return {
        "handover_p99_ms": round(times[int(len(times) * 0.99)], 2),
        "p50_ms": round(times[len(times) // 2], 2),
        "worst_ms": round(times[-1], 2),
        "hand_overs": len(times),
        "agents": AGENTS,
        "waiting": WAITING,
        "talk_s": TALK_S,
        "watched": watched,
        "failed": state.failed,
        "retransmissions": state.repeated,
        "machine_late_p99_ms": lateness.p99_ms(),
        "cpu_per_s": costs.per_second(before, after, lasted),
        "idle_cpu_per_s": idle,
    }
