"""What a call costs: the driver answers calls of a SIPp in a process of its own.

CPU comes from rusage of this process, never from wall time; the audio ports are numbers
without sockets, so the figure is signalling alone: parse, transactions, dialogs, offer and
answer, journal records, events.
"""

import asyncio
import contextlib
import resource
import shutil
import time
from itertools import count
from pathlib import Path

from drivers.api import PortId, RtpAddress, RtpFormat
from drivers.errors import DriverError
from drivers.events import Answered, Released, Ringing
from drivers.sip.driver import SipDriver
from drivers.sip.options import SipOptions, TrunkOptions


class _NoAudio:
    """Audio ports for a benchmark: addresses, but nothing behind them."""

    def __init__(self) -> None:
        self._ids = count(1)

    async def open_rtp(self) -> tuple[PortId, RtpAddress]:
        number = next(self._ids)
        return PortId(number), RtpAddress("127.0.0.1", 10_000 + number % 50_000)

    async def connect_rtp(self, port: PortId, remote: RtpAddress, fmt: RtpFormat) -> None:
        """Nothing to connect."""

    async def close(self, port: PortId) -> None:
        """Nothing to close."""

    async def send_digits(self, port: PortId, digits: str) -> None:
        """Nothing to send on."""


async def run(
    *, calls: int = 3000, rate: int = 500, hold_ms: int = 100, scenario: Path | None = None
) -> dict[str, float | int | str]:
    """Answer ``calls`` calls at ``rate`` a second; DriverError without SIPp or with lost calls.

    ``scenario`` is a SIPp scenario file; without one SIPp's own caller is used. The result
    has ``cpu_s_per_1000``, the counts, and what was measured.
    """
    sipp = shutil.which("sipp")
    if sipp is None:
        raise DriverError("SIPp is not installed; on Debian: apt install sip-tester")
    journal = bytearray()
    trunk = TrunkOptions(name="load", addresses=("127.0.0.0/8",), max_calls=4000)
    driver = SipDriver(
        SipOptions(port=0, trunks=(trunk,)),
        clock=time.time,
        journal=lambda kind, payload: journal.extend(payload),
    )
    await driver.open(_NoAudio())
    tally = {"answered": 0, "released": 0}
    answering = asyncio.create_task(_answer(driver, tally), name="bench answers")
    caller = ["-sf", str(scenario)] if scenario is not None else ["-sn", "uac"]
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sipp, f"127.0.0.1:{driver.port}", *caller, "-s", "1000", "-i", "127.0.0.1",
        "-m", str(calls), "-r", str(rate), "-d", str(hold_ms), "-l", "4000", "-nostdin",
        "-timeout", f"{calls / rate + 60:.0f}s", "-timeout_error",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        status = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
        after, ended = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        await driver.close()
        answering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answering
    if status != 0:
        raise DriverError(f"SIPp lost calls (status {status})")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu_s_per_1000": round(cpu * 1000 / calls, 4),
        "cpu_s": round(cpu, 3),
        "calls": calls,
        "answered": tally["answered"],
        "released": tally["released"],
        "rate_per_s": rate,
        "wall_s": round(ended - started, 2),
        "journal_bytes_per_call": round(len(journal) / calls),
        "loop": type(asyncio.get_running_loop()).__module__.partition(".")[0],
    }


async def _answer(driver: SipDriver, tally: dict[str, int]) -> None:
    async for event in driver.events():
        if isinstance(event, Ringing):
            await driver.line(event.line).answer()
        elif isinstance(event, Answered):
            tally["answered"] += 1
        elif isinstance(event, Released):
            tally["released"] += 1
