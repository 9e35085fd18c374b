"""An open driver on loopback, and SIPp against it."""

import asyncio
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from drivers.events import LineEvent
from drivers.sip.auth import hash_secret
from drivers.sip.border import nothing
from drivers.sip.driver import SipDriver
from drivers.sip.options import SipOptions, StationAccount, TrunkOptions
from tests.fakes.udp_audio_ports import UdpAudioPorts

LIMIT_S = 30.0  # for a driver to open, close or die, on a machine that is busy with other tests
SCENARIOS = Path(__file__).parents[2] / "e2e" / "scenarios"


class Running:
    """An open driver with what it was given and what it told."""

    def __init__(
        self,
        options: SipOptions | None = None,
        *,
        folder: Path = Path(),
        settle: Callable[[], None] = nothing,
    ) -> None:
        self.journal: list[tuple[str, bytes]] = []
        self.ports = UdpAudioPorts()
        self.told: list[LineEvent] = []
        self.driver = SipDriver(
            options or loopback_options(),
            clock=time.time,
            journal=lambda kind, payload: self.journal.append((kind, payload)),
            folder=folder,
            settle=settle,
        )
        self.driver.set_stations(
            [StationAccount("2001", hash_secret("2001", "hookflash", "s3cret"))]
        )
        self.react: Callable[[LineEvent], Awaitable[None]] | None = None
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> "Running":
        async with asyncio.timeout(LIMIT_S):
            await self.driver.open(self.ports)
        self._task = asyncio.create_task(self._listen())
        return self

    async def close(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            await self.driver.close()
            if self._task is not None:
                await self._task

    async def die(self) -> None:
        """End as after kill -9: nothing is said to anybody."""
        async with asyncio.timeout(LIMIT_S):
            await self.driver.border.close()
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.sleep(0)

    async def wait_for(
        self, kind: type[LineEvent], count: int = 1, limit_s: float = 30.0
    ) -> LineEvent:
        """The event of this kind, once there are ``count`` of them."""
        async with asyncio.timeout(limit_s):
            while True:
                found = [event for event in self.told if isinstance(event, kind)]
                if len(found) >= count:
                    return found[count - 1]
                self._news.clear()
                await self._news.wait()

    async def _listen(self) -> None:
        async for event in self.driver.events():
            self.told.append(event)
            self._news.set()
            if self.react is not None:
                await self.react(event)


def loopback_options(port: int = 0) -> SipOptions:
    """One trunk that calls from loopback; a SIPp agent is reached through it too."""
    trunk = TrunkOptions(name="carrier", addresses=("127.0.0.0/8",), max_calls=40)
    return SipOptions(port=port, trunks=(trunk,))


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    made = await Running().open()
    yield made
    await made.close()


@pytest.fixture
def make_running() -> type[Running]:
    return Running


@pytest.fixture
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            return int(sock.getsockname()[1])

    return find


Sipp = Callable[..., Awaitable["Process"]]


class Process:
    """A SIPp that runs."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder

    async def listening(self, port: int) -> None:
        """Wait until it takes connections."""
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                return

    async def done(self, limit_s: float = 30.0) -> None:
        """Wait for its end; every call must have gone as its scenario says."""
        async with asyncio.timeout(limit_s):
            out, _ = await self.process.communicate()
        logs = "".join(path.read_text()[-3000:] for path in self.folder.glob("*_errors.log"))
        assert self.process.returncode == 0, logs or out.decode()[-3000:]


@pytest.fixture
async def sipp(tmp_path: Path) -> AsyncIterator[Sipp]:
    if shutil.which("sipp") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("SIPp is not installed")
    started: list[Process] = []

    async def start(
        scenario: str, target: str, *arguments: str, local: str = "127.0.0.1"
    ) -> Process:
        folder = tmp_path / f"{len(started)}-{scenario}"
        folder.mkdir()
        process = await asyncio.create_subprocess_exec(
            "sipp", target, "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", local, "-mi", "127.0.0.1",
            "-nostdin", "-trace_err", "-timeout", "25s", "-timeout_error", *arguments,
            cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        started.append(Process(process, folder))
        return started[-1]

    yield start
    for one in started:
        if one.process.returncode is None:
            one.process.kill()
            await one.process.communicate()
