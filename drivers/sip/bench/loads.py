"""The benchmark's loads beside SIPp's: each transport, registrations, memory, a flood.

All are made by our own generator (``generator.py``, ``registering.py``), since SIPp as packaged
speaks neither TLS nor WebSocket; figures of one generator can be compared with each other only.
"""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Final

from drivers.errors import DriverError
from drivers.sip.auth import hash_secret
from drivers.sip.bench import registering
from drivers.sip.bench.child import end, generate, go_on, line, start
from drivers.sip.bench.generator import Spec
from drivers.sip.bench.subject import Subject, cpu_seconds, resident
from drivers.sip.options import SipOptions, StationAccount, TimerOptions, TrunkOptions
from drivers.sip.streams.tls import Certificate

TRANSPORTS: Final = ("udp", "tcp", "tls", "ws")
FLOOD_RATE: Final = 3000.0
FLOOD_LIMIT: Final = 300.0  # calls a second that are taken
FLOOD_HOLD: Final = 0.5  # s
FORGOTTEN_S: Final = 5.0  # after the last transaction should have ended

_TRUNK: Final = TrunkOptions(name="load", addresses=("127.0.0.0/8",), max_calls=4000)


async def by_transport(*, calls: int, rate: float) -> dict[str, dict[str, float | str]]:
    """Processor seconds per 1000 calls over each transport, with the delay callers saw."""
    found: dict[str, dict[str, float | str]] = {}
    with tempfile.TemporaryDirectory(prefix="hookflash-bench-") as name:
        folder = Path(name)
        has_tls = await _make_certificate(folder)
        names = [one for one in TRANSPORTS if one != "tls" or has_tls]
        for transport in names:
            options = SipOptions(
                listen=(f"{transport}:127.0.0.1:0",),
                certificates=(Certificate(certificate="bench.crt", private_key="bench.key"),),
                trunks=(_TRUNK,),
            )
            async with Subject(options, folder=folder) as subject:
                spec = Spec(
                    mode="calls",
                    transport=transport,
                    port=subject.port(transport),
                    calls=calls,
                    rate=rate,
                    authority=str(folder / "bench.crt"),
                )
                result, cpu = await generate(spec)
            if result.completed != calls:
                raise DriverError(f"{calls - result.completed} calls over {transport} were lost")
            found[transport] = {
                "cpu_s_per_1000": round(cpu * 1000 / calls, 4),
                "pdd_p99_ms": result.pdd_p99_ms,
                "calls": calls,
                "rate_per_s": rate,
                "repeated": result.repeated,
            }
        if not has_tls:
            found["tls"] = {"missing": "openssl(1) makes the certificate and is not installed"}
    return found


async def registrations(*, stations: int = 200, rounds: int = 10) -> float:
    """Processor seconds per 1000 renewals with digest MD5, one transaction each."""
    accounts = [
        StationAccount(name, hash_secret(name, registering.REALM, registering.PASSWORD))
        for name in map(registering.name_of, range(stations))
    ]
    async with Subject(SipOptions(port=0, source_limit_per_s=0)) as subject:
        subject.driver.set_stations(accounts)
        process = await start("registering", str(subject.driver.port), str(stations), str(rounds))
        try:
            await line(process)
            before = cpu_seconds()
            go_on(process)
            renewed = int(json.loads(await line(process))["renewed"])
            cpu = cpu_seconds() - before
            await process.wait()
        finally:
            await end(process)
    if renewed != stations * rounds:
        raise DriverError(f"{stations * rounds - renewed} registrations were lost")
    return round(cpu * 1000 / renewed, 4)


async def memory(*, calls: int = 2000) -> int:
    """Resident bytes per established call, measured in a process that did nothing else before."""
    process = await start("holding", str(calls))
    try:
        return int(await line(process))
    finally:
        await end(process)


async def flood(*, seconds: float, t1: float = TimerOptions().t1) -> dict[str, float | int]:
    """Ten times the calls that are taken; those that are must not notice.

    The flood comes twice: ``kept_mb`` grew in the first one, most of it what answers repetitions
    of the calls that were taken for 64 times T1; ``grown_mb`` is what the second one added.
    """
    options = SipOptions(
        port=0,
        trunks=(_TRUNK,),
        new_calls_per_s=FLOOD_LIMIT,
        timers=TimerOptions(t1=t1),
    )
    async with Subject(options) as subject:
        before = resident()
        spec = Spec(
            mode="flood",
            transport="udp",
            port=subject.driver.port,
            calls=int(FLOOD_RATE * seconds),
            rate=FLOOD_RATE,
            hold_s=FLOOD_HOLD,
            limit_s=seconds + 45.0,
        )
        result, cpu = await generate(spec)
        kept = resident() - before
        await _forgotten(subject, 64 * t1 + FORGOTTEN_S)
        await generate(spec)
        grown = resident() - before - kept
    return {
        "accepted": result.completed,
        "accepted_pdd_p50_ms": result.pdd_p50_ms,
        "accepted_pdd_p99_ms": result.pdd_p99_ms,
        "refused": result.refused,
        "refused_without_retry_after": result.without_retry_after,
        "unanswered": result.failed,
        "recovered_s": result.recovered_s,
        "offered_per_s": FLOOD_RATE,
        "limit_per_s": FLOOD_LIMIT,
        "seconds": seconds,
        "kept_mb": round(kept / 1e6, 1),
        "grown_mb": round(grown / 1e6, 1),
        "cpu_s": round(cpu, 2),
    }


async def _forgotten(subject: Subject, limit_s: float) -> None:
    """Wait until no transaction is open; DriverError when some stay."""
    loop = asyncio.get_running_loop()
    until = loop.time() + limit_s
    while subject.driver.counters()["transactions_open"]:
        if loop.time() > until:
            raise DriverError("transactions of the flood stay open")
        await asyncio.sleep(0.1)


async def _make_certificate(folder: Path) -> bool:
    """A certificate for 127.0.0.1 that lives as long as the benchmark; False without openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return False
    process = await asyncio.create_subprocess_exec(
        openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "1", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(folder / "bench.key"), "-out", str(folder / "bench.crt"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return await process.wait() == 0
