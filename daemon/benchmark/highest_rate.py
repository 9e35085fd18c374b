"""The highest rate at which the SIP driver loses no call and nothing is sent twice.

SIPp calls and shares the two cores; the driver answers in this process, without audio. A rate is
held when every call of a trial succeeds, in time, and SIPp counts no retransmission of either side.
First the rate rises by a quarter from trial to trial, then the last step is halved twice.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from daemon.benchmark.sipp import find_sipp, sipp
from daemon.errors import CommandError
from drivers.sip.bench.subject import Subject, cpu_seconds
from drivers.sip.options import SipOptions, TrunkOptions

Row = dict[str, float | int]

FIRST: Final = 400
LAST: Final = 8000
FACTOR: Final = 1.25
HALVINGS: Final = 2
HOLD_MS: Final = 100
LATE_S: Final = 40.0
LINES: Final = 20_000
SLACK: Final = 1.03  # SIPp that falls behind offers less than it was asked for
START_S: Final = 0.6  # for SIPp to start, the last call to end and its counters to be written
BUFFER: Final = str(4 * 1024 * 1024)


async def measure(seconds: float, *, tried: Callable[[str], None]) -> Row:
    """The rate, how many trials it took, and the cost of a call at that rate."""
    find_sipp()
    best: Row = {"max_rate_held": 0}
    rate, failed, trials = FIRST, 0, 0
    while rate <= LAST and not failed:
        row, trials = await _held(rate, seconds, tried), trials + 1
        if row:
            best, rate = row, int(rate * FACTOR)
        else:
            failed = rate
    for _ in range(HALVINGS if failed else 0):
        rate = (int(best["max_rate_held"]) + failed) // 2
        row, trials = await _held(rate, seconds, tried), trials + 1
        best, failed = (row, failed) if row else (best, rate)
    return {**best, "trials": trials, "seconds_each": seconds}


async def _held(rate: int, seconds: float, tried: Callable[[str], None]) -> Row:
    """What was counted when the rate was held; else nothing."""
    number = int(rate * seconds)
    trunk = TrunkOptions(name="load", addresses=("127.0.0.0/8",), max_calls=LINES)
    with tempfile.TemporaryDirectory(prefix="hookflash-bench-") as name:
        async with Subject(SipOptions(port=0, trunks=(trunk,))) as subject:
            target = f"127.0.0.1:{subject.driver.port}"
            words = ("-s", "1000", "-r", str(rate), "-rp", "1000", "-m", str(number), "-l",
                     str(LINES), "-d", str(HOLD_MS), "-buff_size", BUFFER)  # fmt: skip
            before, began = cpu_seconds(), time.monotonic()
            async with sipp("short_call", target, *words, folder=Path(name)) as callers:
                try:
                    await callers.done(seconds + LATE_S)
                except CommandError:
                    lost = True
                else:
                    lost = False
                counted = callers.statistics()
            cpu, took = cpu_seconds() - before, time.monotonic() - began
    repeated = counted["Retransmissions"]
    tried(f"{rate}/s: {number} calls, {counted['FailedCall']} failed, {repeated} sent again")
    if took > seconds * SLACK + START_S:
        return {}
    if lost or counted["SuccessfulCall"] != number or repeated:
        return {}
    return {"max_rate_held": rate, "calls": number, "cpu_s_per_1000": round(cpu * 1000 / number, 3)}
