"""What a call costs that hears a prompt, types four keys and is hung up on.

The callers are our own telephones: SIPp sends keys only with the rights of root. All processes
of the site count. The prompt lasts longer than the callers listen, as people type into it: each
call hears audio for as long as ``listened_s`` and the keys take, fifty packets a second.
"""

import math
import struct
import wave
from io import BytesIO
from typing import Any, Final

import msgspec

from daemon.benchmark import costs
from daemon.benchmark.hotline import Hotline
from daemon.benchmark.phones.orders import Order
from daemon.benchmark.phones.town import Town
from daemon.benchmark.site_text import FLOW_NUMBER, Wishes
from daemon.errors import CommandError
from daemon.language import pick

Row = dict[str, Any]

RATE: Final = 50.0  # calls in a second
KEYS: Final = "1234"
LISTEN_S: Final = 2.0
PROMPT_S: Final = 4.0
WARM_S: Final = 3.0
LATE_S: Final = 20.0
FLOW: Final = """\
version: 1
title: Benchmark
languages: [en]
start: ask
nodes:
  ask:
    kind: collect
    say: {file: bench}
    into: digits
    min: 4
    max: 4
    retries: 0
    next: bye
    failed: wrong
  bye:
    kind: hang_up
  # Nobody serves the queue: a caller whose keys were not understood stays, and is seen.
  wrong:
    kind: enter_queue
    queue: bench
    timed_out: bye
"""


async def measure(seconds: float, *, rate: float = RATE) -> Row:
    """Processor seconds per 1000 calls, by process and together."""
    calls, warm = max(math.ceil(seconds * rate), 1), max(math.ceil(WARM_S * rate), 1)
    wishes = Wishes(flow=FLOW, prompts={"bench.wav": hum(PROMPT_S)})
    async with Hotline(wishes) as hotline, Town(hotline) as town:
        idle = await costs.idle(hotline)
        order = Order(
            do="call", calls=warm, rate=rate, number=FLOW_NUMBER, keys=KEYS, wait_s=LISTEN_S
        )
        await town.tell(order)
        await town.until(lambda state: state.completed == warm, LATE_S)
        await hotline.recorded(warm)
        before = hotline.cpu()
        await town.tell(msgspec.structs.replace(order, calls=calls))
        state = await town.until(lambda state: state.completed == warm + calls, LATE_S)
        outcomes = await hotline.recorded(warm + calls)
        after = hotline.cpu()
    if outcomes != {"ivr_contained": warm + calls}:
        raise CommandError(
            pick(f"not every menu was left: {outcomes}", f"并非每个菜单都走完：{outcomes}")
        )
    return {
        **costs.per_call(before, after, calls),
        "idle_cpu_per_s": idle,
        "calls": calls,
        "failed": state.failed,
        "retransmissions": state.repeated,
        "rate": rate,
        "listened_s": LISTEN_S,
        "keys": len(KEYS),
    }


def hum(seconds: float) -> bytes:
    """A WAV file with a quiet tone of 440 Hz."""
    number = int(8000 * seconds)
    samples = (int(3000 * math.sin(math.tau * 440 * n / 8000)) for n in range(number))
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(struct.pack(f"<{number}h", *samples))
    return file.getvalue()
