"""SIPp around a hotline: callers, registrations and agents' telephones, each a process.

SIPp is a program of its own (GPL) that is started, never linked. Its scenarios lie in
``scenarios/``; in all of them a 200 counts only for the request it answers (CSeq).
"""

import asyncio
import contextlib
import csv
import os
import random
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Final

from daemon.benchmark.hotline import die_with_parent, end, free_port
from daemon.errors import CommandError
from daemon.language import pick

AUDIO_PORTS: Final = range(12_000, 32_000, 4)
END_S: Final = 2.0
STATISTICS_S: Final = 1.2  # until the counters of one that goes on are in its file
MOST_SENT: Final = 12  # times; an INVITE is tried as long as timer B lasts (RFC 3261 17.1.1.2)


def scenario(name: str) -> Path:
    """File of a scenario: one of ours by its name, or any by its path."""
    if name.endswith(".xml"):
        return Path(name)
    return Path(str(resources.files("daemon.benchmark") / "scenarios" / f"{name}.xml"))


def find_sipp() -> str:
    """The program; CommandError saying how to get it when it is not there."""
    found = shutil.which("sipp")
    if found is None:
        raise CommandError(
            pick("SIPp is not installed", "未安装 SIPp"),
            todo=pick("on Debian: apt install sip-tester", "Debian：apt install sip-tester"),
        )
    return found


def audio_port() -> int:
    """A port for SIPp's audio: it also binds the second next one, for video.

    Below those that the system gives out, of which a hotline with many calls has thousands.
    """
    for port in random.sample(AUDIO_PORTS, len(AUDIO_PORTS)):
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for each in (port, port + 2):
                probe = probes.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                probe.bind(("127.0.0.1", each))
            return port
    raise CommandError(pick("No port is free for SIPp", "没有可供 SIPp 使用的空闲端口"))


class Sipp:
    """One SIPp that runs."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder

    async def done(self, seconds: float) -> None:
        """Wait for its end; CommandError with its errors when calls failed."""
        try:
            async with asyncio.timeout(seconds):
                status = await self.process.wait()
        except TimeoutError:
            status = None
        if status != 0:
            raise CommandError(
                pick(f"SIPp lost calls (status {status})", f"SIPp 丢失呼叫（状态 {status}）")
                + "\n" + self.errors()
            )  # fmt: skip

    def errors(self) -> str:
        """The end of what it noted as errors."""
        path = self.folder / "errors"
        return path.read_text(errors="replace")[-1500:] if path.exists() else ""

    def statistics(self) -> dict[str, int]:
        """The last row of its counters: those that end in ``(C)``, without that."""
        with (self.folder / "statistics.csv").open(newline="") as file:
            rows = list(csv.reader(file, delimiter=";"))
        found = zip(rows[0], rows[-1], strict=False)
        return {
            key.removesuffix("(C)"): int(value)
            for key, value in found
            if key.endswith("(C)") and value.isdigit()
        }


@contextlib.asynccontextmanager
async def sipp(
    name: str, target: str, *words: str, folder: Path, port: int = 0
) -> AsyncIterator[Sipp]:
    """Start a scenario against ``target``; what it writes goes to ``folder``."""
    program = find_sipp()
    os.makedirs(folder, exist_ok=True)
    with (folder / "screen").open("wb") as screen:
        process = await asyncio.create_subprocess_exec(
            program, target, "-sf", str(scenario(name)), "-i", "127.0.0.1", "-nostdin",
            "-p", str(port or free_port()), "-mp", str(audio_port()),
            "-max_invite_retrans", str(MOST_SENT), "-max_non_invite_retrans", str(MOST_SENT),
            "-trace_err", "-error_file", str(folder / "errors"),
            "-trace_stat", "-stf", str(folder / "statistics.csv"), "-fd", "1", *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=screen, stderr=screen,
            cwd=folder, start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
    try:
        yield Sipp(process, folder)
    finally:
        await end(process, signal.SIGKILL, END_S)
