"""Ten times the calls that are taken, on a whole hotline: those that are taken must not notice.

The driver refuses what is above its limit before control hears of it. What is taken is answered
by a flow that plays, has its journal and its records, and is hung up by the caller. The callers
are the SIP driver's own generator, in a process of its own.
"""

import math
from typing import Any, Final

from daemon.benchmark import costs
from daemon.benchmark.hotline import Hotline
from daemon.benchmark.menu_calls import hum
from daemon.benchmark.site_text import Wishes
from daemon.errors import CommandError
from daemon.language import pick
from drivers.sip.bench.child import generate
from drivers.sip.bench.generator import Result, Spec
from drivers.sip.bench.texts import CALLED

Row = dict[str, Any]

RATE: Final = 3000.0
LIMIT: Final = 300.0  # calls a second that are taken
HOLD_S: Final = 0.5
LATE_S: Final = 30.0
WARM_S: Final = 3.0  # of calls at the limit before the flood: what is made once is made then
LINES: Final = 2000
PROMPT_S: Final = 4.0
FLOW: Final = """\
version: 1
title: Benchmark
languages: [en]
start: say
nodes:
  say:
    kind: announce
    say: {file: bench}
    next: bye
  bye:
    kind: hang_up
"""


async def measure(seconds: float) -> Row:
    """What became of the calls, how long those that were taken waited, and what it cost."""
    wishes = Wishes(
        flow=FLOW,
        flow_number=CALLED,
        prompts={"bench.wav": hum(PROMPT_S)},
        new_calls_per_s=LIMIT,
        max_calls=LINES,
    )
    async with Hotline(wishes) as hotline:
        idle = await costs.idle(hotline)
        warm = await _call(hotline, LIMIT / 2, WARM_S, "calls")
        if warm.completed != warm.offered:
            raise CommandError(
                pick(
                    f"{warm.completed} of {warm.offered} calls below the limit were answered",
                    f"限值以下的 {warm.offered} 个呼叫中只接听了 {warm.completed} 个",
                )
            )
        before, memory = hotline.cpu(), hotline.memory()
        result = await _call(hotline, RATE, seconds, "flood")
        after, grown = hotline.cpu(), hotline.memory()
        taken = warm.completed + result.completed
        on_record = sum((await hotline.recorded(taken)).values())
    # Callers who had no answer in time may have been taken, which they never heard.
    if not taken <= on_record <= taken + result.failed:
        raise CommandError(
            pick(
                f"{taken} calls were taken and {on_record} are on record",
                f"接入 {taken} 个呼叫，只有 {on_record} 个有记录",
            )
        )
    return {
        "accepted_pdd_p99_ms": result.pdd_p99_ms,
        "accepted_pdd_p50_ms": result.pdd_p50_ms,
        "accepted": result.completed,
        "refused": result.refused,
        "refused_without_retry_after": result.without_retry_after,
        "unanswered": result.failed,
        "retransmissions": result.repeated,
        "recovered_s": result.recovered_s,
        "offered_per_s": RATE,
        "limit_per_s": LIMIT,
        "seconds": seconds,
        "grown_bytes": {name: grown[name] - memory[name] for name in memory},
        "cpu_per_s": costs.per_second(before, after, result.seconds),
        "idle_cpu_per_s": idle,
    }


async def _call(hotline: Hotline, rate: float, seconds: float, mode: Any) -> Result:
    spec = Spec(
        mode=mode,
        transport="udp",
        port=hotline.ports[0],
        calls=math.ceil(rate * seconds),
        rate=rate,
        hold_s=HOLD_S,
        limit_s=seconds + LATE_S,
    )
    return (await generate(spec))[0]
