"""What a call costs: the driver answers calls of a SIPp.

The audio ports are numbers without sockets, so the figure is signalling alone: parse,
transactions, dialogs, offer and answer, journal records, events.
"""

import asyncio
import shutil
import time
from pathlib import Path

from drivers.errors import DriverError
from drivers.sip.bench.subject import Subject, cpu_seconds
from drivers.sip.options import SipOptions, TrunkOptions


async def run(
    *, calls: int = 3000, rate: int = 500, hold_ms: int = 100, scenario: Path | None = None
) -> dict[str, float | int | str]:
    """Answer ``calls`` calls at ``rate`` a second; DriverError without SIPp or with lost calls.

    ``scenario`` is a SIPp scenario file; without one SIPp's own caller is used. The result
    has ``cpu_s_per_1000_single_leg``, the counts, and what was measured.
    """
    sipp = shutil.which("sipp")
    if sipp is None:
        raise DriverError("SIPp is not installed; on Debian: apt install sip-tester")
    trunk = TrunkOptions(name="load", addresses=("127.0.0.0/8",), max_calls=4000)
    async with Subject(SipOptions(port=0, trunks=(trunk,))) as subject:
        caller = ["-sf", str(scenario)] if scenario is not None else ["-sn", "uac"]
        before, started = cpu_seconds(), time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sipp, f"127.0.0.1:{subject.driver.port}", *caller, "-s", "1000", "-i", "127.0.0.1",
            "-m", str(calls), "-r", str(rate), "-d", str(hold_ms), "-l", "4000", "-nostdin",
            "-timeout", f"{calls / rate + 60:.0f}s", "-timeout_error",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        cpu, seconds = cpu_seconds() - before, time.monotonic() - started
    if status != 0:
        raise DriverError(f"SIPp lost calls (status {status})")
    return {
        "cpu_s_per_1000": round(cpu * 1000 / calls, 4),
        "cpu_s_per_1000_single_leg": round(cpu * 1000 / calls, 4),
        "cpu_s": round(cpu, 3),
        "calls": calls,
        "answered": subject.answered,
        "released": subject.released,
        "rate_per_s": rate,
        "wall_s": round(seconds, 2),
        "journal_bytes_per_call": round(subject.journal_bytes / calls),
        "loop": type(asyncio.get_running_loop()).__module__.partition(".")[0],
    }
