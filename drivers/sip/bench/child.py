"""The processes that make the load: started, told to go on, ended."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from typing import Final

import msgspec

from drivers.errors import DriverError
from drivers.sip.bench.generator import Result, Spec
from drivers.sip.bench.subject import cpu_seconds

LIMIT: Final = 120.0  # s for one load


async def generate(spec: Spec) -> tuple[Result, float]:
    """What became of a load, and the processor seconds of this process while it ran."""
    process = await start("generator", encode(spec))
    try:
        await line(process)
        before = cpu_seconds()
        async with asyncio.timeout(LIMIT):
            out, err = await process.communicate(b"\n")
        cpu = cpu_seconds() - before
    finally:
        await end(process)
    if process.returncode != 0:
        raise DriverError(f"the generator failed: {err.decode(errors='replace')[-500:]}")
    return msgspec.json.decode(out, type=Result), cpu


def encode(spec: Spec) -> str:
    """A spec as the generator reads it."""
    return msgspec.json.encode(spec).decode()


async def start(module: str, *words: str) -> Process:
    """Start a module of this package as a process."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"drivers.sip.bench.{module}", *words,
        stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip


async def line(process: Process) -> str:
    """The next line a process says; DriverError with its last words when it ended."""
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT):
        text = (await process.stdout.readline()).decode()
    if not text:
        err = b"" if process.stderr is None else await process.stderr.read()
        raise DriverError(f"the generator failed: {err.decode(errors='replace')[-500:]}")
    return text


def go_on(process: Process) -> None:
    """Let a process that waits go on."""
    assert process.stdin is not None
    process.stdin.write(b"\n")


async def end(process: Process) -> None:
    """End a process that still runs."""
    if process.returncode is None:
        process.kill()
        await process.wait()
