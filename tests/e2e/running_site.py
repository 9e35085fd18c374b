"""A whole hotline started as a user starts it, on ports of its own."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daemon.service.messages import Actor
from daemon.service.socket_client import ServiceClient

READY_S = 60.0
PYTHON = sys.executable


class RunningSite:
    """``hookflash init`` and ``hookflash run`` in a folder, ended whatever happens."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "site"
        self.run_dir = folder / "run"
        self.log = folder / "hotline.log"
        self.secrets: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def init(self, *arguments: str) -> dict[str, Any]:
        made = subprocess.run(
            [PYTHON, "-m", "daemon", "init", str(self.path), "--json", *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        told = json.loads(made.stdout)
        toml = self.path / "hookflash.toml"
        text = toml.read_text()
        text = re.sub(r"^port = \d+", "port = 0", text, flags=re.MULTILINE)
        text = text.replace("[site]\n", f'[site]\nrun_dir = "{self.run_dir}"\n', 1)
        toml.write_text(text)
        return dict(told)

    def add_agents(self, count: int) -> None:
        """Replace the people by ``count`` agents at stations 3001 and up, secret = name."""
        lines = ['[[people]]\nlogin = "admin"\nroles = ["administrator"]\n']
        for number in range(3001, 3001 + count):
            lines.append(
                f'[[people]]\nlogin = "a{number}"\nstation = "{number}"\n'
                f'skills = {{ sales = 5, support = 5, billing = 5 }}\n[[stations]]\nname = "{number}"\nsecret = "s{number}"\n'
            )
        (self.path / "people.toml").write_text("\n".join(lines))

    def set_queue(self, **values: object) -> None:
        """Set fields in every queue of queues.toml."""
        toml = self.path / "queues.toml"
        text = toml.read_text()
        for key, value in values.items():
            text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        toml.write_text(text)

    def start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "daemon", "run", str(self.path)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_S
        while not self.endpoint("web"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the hotline does not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)

    def stop(self) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def endpoint(self, process: str) -> dict[str, Any]:
        try:
            return dict(json.loads((self.run_dir / f"{process}.json").read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    @property
    def sip_port(self) -> int:
        return int(self.endpoint("control")["sip_port"])

    def pid(self, process: str) -> int:
        return int(json.loads((self.run_dir / "processes.json").read_text())[process]["pid"])

    def kill(self, process: str) -> None:
        os.kill(self.pid(process), signal.SIGKILL)

    def client(self) -> ServiceClient:
        return ServiceClient(self.run_dir / "control.sock")

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"file:{self.path / 'hookflash.db'}?mode=ro", uri=True)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    async def hookflash(self, command: str, *arguments: str) -> tuple[int | None, dict[str, Any]]:
        """Run a command on the site with ``--json``: its exit code and what it said."""
        words = ["-m", "daemon", command, *arguments, "--site", str(self.path), "--json"]
        process = await asyncio.create_subprocess_exec(PYTHON, *words, stdout=subprocess.PIPE)
        said, _ = await process.communicate()
        return process.returncode, dict(json.loads(said))

    def check_records(self) -> dict[str, Any]:
        done = subprocess.run(
            [PYTHON, "-m", "daemon", "check", str(self.path), "--records", "--json"],
            capture_output=True,
            text=True,
        )
        return dict(json.loads(done.stdout))


async def seat_agents(site: RunningSite, logins: Sequence[tuple[str, str]]) -> None:
    """Log agents in at their stations and make them ready, through the facade."""
    client = site.client()
    try:
        service = client.service
        for login, station in logins:
            actor = Actor(login=login, via="command")
            await service.agent_log_in(actor, station)
            await service.ready(actor)
    finally:
        await client.close()


async def until(condition: Any, *, seconds: float = 30.0, every: float = 0.05) -> None:
    """Wait until a condition about another process holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(every)


def sipp(scenario: Path, target: str, *arguments: str, folder: Path, seconds: int = 120) -> Any:
    """Start SIPp in the background; its messages go to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    log = (folder / f"{scenario.stem}.out").open("wb")
    return subprocess.Popen(
        [
            "sipp",
            target,
            "-sf",
            str(scenario),
            "-i",
            "127.0.0.1",
            "-nostdin",
            "-timeout",
            f"{seconds}s",
            "-timeout_error",
            "-trace_err",
            "-error_file",
            str(folder / f"{scenario.stem}.err"),
            *arguments,
        ],
        stdout=log,
        stderr=log,
        cwd=folder,
    )
