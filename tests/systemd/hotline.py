"""What the tests ask of the hotline that runs on the machine."""

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from parties import Party, Town

from daemon.service.api import Service
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor
from daemon.service.socket_client import ServiceClient
from tests.systemd.installation import QUEUE_NUMBER, SITE
from tests.systemd.machine import Machine

HOTLINE: Final = ("127.0.0.1", 5060)
PROCESSES: Final = ("media", "speech", "control", "web")
ANNA: Final = Actor(login="anna", via="command")
ADMIN: Final = Actor(login="admin", via="command")


def unit(name: str) -> str:
    return f"hookflash-{name}@main.service"


def status(machine: Machine, process: int) -> dict[str, str]:
    lines = machine.read(f"proc/{process}/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def until(reached: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def active(machine: Machine) -> dict[str, str]:
    return {name: machine.show(unit(name), "ActiveState") for name in PROCESSES}


def announced(machine: Machine, process: str) -> dict[str, Any]:
    return dict(json.loads(machine.read(f"run/hookflash/main/{process}.json")))


def journal(machine: Machine, name: str) -> list[dict[str, Any]]:
    lines = machine.run("journalctl", "--unit", unit(name), "--output", "cat").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def loaded(machine: Machine) -> tuple[int, int]:
    """How often systemd started control again, and the process that it started."""
    return (
        int(machine.show(unit("control"), "NRestarts")),
        int(machine.show(unit("control"), "MainPID")),
    )


@contextmanager
def new_control(machine: Machine) -> Any:
    """Wait at the end until another control process is ready than at the beginning."""
    before = announced(machine, "control")["pid"]
    yield before
    until(lambda: announced(machine, "control")["pid"] != before, "control does not come back")


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    people = Town(HOTLINE)
    try:
        yield people
    finally:
        await people.close()


@asynccontextmanager
async def conversation(machine: Machine) -> AsyncIterator[tuple[Party, Party]]:
    """A caller from outside who talks with anna."""
    secrets = re.findall(r'secret = "([^"]+)"', machine.read(f"{SITE}/people.toml"))
    client = ServiceClient(machine.root / "run/hookflash/main/control.sock")
    async with town() as people:
        phone = await people.phone("2001", secrets[0])
        await client.service.agent_log_in(ANNA, "2001")
        await client.service.ready(ANNA)
        await client.close()
        caller = await people.call(QUEUE_NUMBER, "5550100")
        agent = await people.pick_up(phone)
        await both_hear(caller, agent)
        yield caller, agent
        await caller.hang_up()
        await agent.call.ended.wait()
        await logged_out(client.service)
    await client.close()


async def logged_out(service: Service) -> None:
    """Log anna out as soon as her call is over for the hotline as well."""
    async with asyncio.timeout(10):
        while True:
            try:
                await service.agent_log_out(ANNA)
                return
            except ServiceError:
                await asyncio.sleep(0.1)


async def both_hear(caller: Party, agent: Party) -> None:
    await caller.hears(agent)
    await agent.hears(caller)


def kill(machine: Machine, process: int, number: signal.Signals) -> None:
    # Zero would be this test's own process group.
    assert process > 1
    machine.run("kill", f"-{number.value}", str(process))
