"""A program of others that is steered by lines of text, as a person would type them."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

PATIENCE_S = 20.0  # for a machine that is busy with other tests


def needs(program: str, package: str) -> str:
    """Where a program is; the test is skipped where its package is missing, in CI it fails."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        _refuse(program, package)
    return found


def needs_file(pattern: str, package: str) -> None:
    """The same for a part that is no program, at a place below the root that may hold ``*``."""
    if not any(Path("/").glob(pattern)):
        _refuse(Path(pattern).name, package)


def _refuse(name: str, package: str) -> NoReturn:
    text = f"{name} is not installed: ./install-packages packages-test.txt ({package})"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


class Terminal:
    """One process with what it has printed so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._more = asyncio.Event()

    async def start(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        """Run it in its folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env={**os.environ, **(environment or {})},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._process))

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.returncode is None

    def type(self, line: str) -> None:
        """Type a line."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def until(self, text: str, count: int = 1) -> None:
        """Wait until it has printed this, ``count`` times."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self.printed.count(text) < count:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"no {text!r} in: {self.printed[-3000:]}") from None

    async def done(self, limit_s: float = PATIENCE_S) -> int:
        """Wait for its end; its exit status."""
        assert self._process is not None
        assert self._reading is not None
        async with asyncio.timeout(limit_s):
            await self._reading
            return await self._process.wait()

    async def close(self) -> None:
        """End it if it still runs."""
        process = self._process
        if process is None or self._reading is None:
            return
        if process.returncode is None:
            self.end(process)
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await process.stdin.wait_closed()
        await process.wait()
        await self._reading

    def end(self, process: asyncio.subprocess.Process) -> None:
        """End the process, which has no use for a goodbye."""
        process.kill()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while data := await process.stdout.read(4096):
            self.printed += data.decode(errors="replace")
            self._more.set()
