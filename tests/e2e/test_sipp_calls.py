"""SIPp as caller and as agent against a whole hotline: menu, queue, agent, records."""

import asyncio
import re
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from running_site import RunningSite, seat_agents, sipp

pytestmark = pytest.mark.e2e

SCENARIOS = Path(__file__).parent / "scenarios"
CALLS = 200
RATE = 10  # calls a second
AGENTS = 30
TALK_MS = 1000


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def register(site: RunningSite, stations: list[str], port: int, folder: Path) -> None:
    accounts = folder / "accounts.csv"
    rows = [f"{name};[authentication username={name} password=s{name}]" for name in stations]
    accounts.write_text("\n".join(["SEQUENTIAL", *rows]) + "\n")
    done = sipp(
        SCENARIOS / "register_many.xml",
        f"127.0.0.1:{site.sip_port}",
        *("-inf", str(accounts), "-m", str(len(stations)), "-p", str(port)),
        folder=folder / "register",
    )
    assert done.wait(60) == 0, what_failed(folder / "register")


def what_failed(folder: Path) -> str:
    return "\n".join(path.read_text()[-2000:] for path in folder.glob("*.*"))


def finish(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


async def records_add_up_until_the_end(
    site: RunningSite, callers: "subprocess.Popen[bytes]"
) -> int:
    """Check the identity of "offered" under load, again and again; how often it was checked."""
    checks = 0
    async with asyncio.timeout(150):
        while callers.poll() is None:
            checked = await asyncio.to_thread(site.check_records)
            assert checked["faults"] == []
            assert checked["records"]["faults"] == []
            checks += 1
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(callers.wait, 4)
    return checks


@pytest.mark.timeout(240)
async def test_200_calls_through_menu_and_queue_lose_nothing(
    site: RunningSite, tmp_path: Path
) -> None:
    site.init()
    site.add_agents(AGENTS)
    site.set_queue(wrap_up_s=0.0)
    site.start()
    stations = [str(3001 + number) for number in range(AGENTS)]
    port = free_port()
    register(site, stations, port, tmp_path)
    target = f"127.0.0.1:{site.sip_port}"
    agents = sipp(
        SCENARIOS / "uas_talks.xml",
        target,
        *("-p", str(port), "-d", str(TALK_MS), "-m", str(CALLS), "-mp", str(free_port())),
        folder=tmp_path / "agents",
    )
    try:
        await seat_agents(site, [(f"a{name}", name) for name in stations])
        callers = sipp(
            SCENARIOS / "uac_menu.xml",
            target,
            *("-s", "5000", "-r", str(RATE), "-m", str(CALLS), "-p", str(free_port())),
            *("-mp", str(free_port())),
            folder=tmp_path / "callers",
        )
        try:
            checks = await records_add_up_until_the_end(site, callers)
            assert callers.returncode == 0, what_failed(tmp_path / "callers")
            assert checks >= 2
        finally:
            finish(callers)
        assert agents.wait(20) == 0, what_failed(tmp_path / "agents")
    finally:
        finish(agents)
    assert site.stop() == 0

    outcomes = dict(site.rows("SELECT outcome, count(*) FROM call GROUP BY outcome"))
    assert outcomes == {"answered": CALLS}
    visits = dict(site.rows("SELECT outcome, count(*) FROM queue_visit GROUP BY outcome"))
    assert visits == {"answered": CALLS}
    kinds: dict[str, Any] = dict(site.rows("SELECT kind, count(*) FROM segment GROUP BY kind"))
    assert kinds["talk"] == CALLS
    assert kinds["wait"] == CALLS
    recorded = site.rows("SELECT path FROM recording WHERE ended_ms IS NOT NULL")
    assert len(recorded) == CALLS
    assert all((site.path / path).stat().st_size > 8000 for (path,) in recorded)
    assert site.rows("SELECT count(*) FROM call WHERE ended_by != 'agent'") == [(0,)]
    callers_seen = {ani for (ani,) in site.rows("SELECT ani FROM call")}
    assert len(callers_seen) == CALLS
    assert not re.search(r'"level": "error"', site.log.read_text()), site.log.read_text()[-3000:]
