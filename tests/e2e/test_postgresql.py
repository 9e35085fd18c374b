"""A hotline on PostgreSQL: the server crashes and control is killed while people talk."""

import asyncio
import signal
from pathlib import Path

import pytest
from running_site import RunningSite, seat_agents, sipp, until
from test_restart import until_states
from test_sipp_calls import SCENARIOS, finish, free_port, register, what_failed

from tests.fakes.postgresql_cluster import PostgresqlCluster

pytestmark = pytest.mark.e2e

CALLS = 2
TALK_MS = 3000


@pytest.mark.timeout(120)
async def test_calls_outlive_a_crash_of_the_server_and_a_kill_of_control(
    site: RunningSite, postgresql: PostgresqlCluster, tmp_path: Path
) -> None:
    with postgresql.database(filled=True) as url:
        try:
            await talk(site, postgresql, url, tmp_path)
        finally:
            site.stop()
        found = site.check_records()
        assert (found["faults"], found["records"]["faults"]) == ([], [])
        assert (found["records"]["calls"], found["records"]["visits"]) == (CALLS, CALLS)
        name = url.partition("@/")[2].partition("?")[0]
        outcomes = "SELECT outcome, ended_by, count(*) FROM call GROUP BY 1, 2"
        assert postgresql.psql(outcomes, database=name) == [f"answered|agent|{CALLS}"]
        talks = "SELECT count(*) FROM segment WHERE kind = 'talk' AND ended_ms > started_ms"
        assert postgresql.psql(talks, database=name) == [str(CALLS)]
        assert not (site.path / "hookflash.db").exists()


async def talk(site: RunningSite, server: PostgresqlCluster, url: str, folder: Path) -> None:
    site.init()
    toml = site.path / "hookflash.toml"
    toml.write_text(toml.read_text() + f'\n[records]\ndatabase = "{url}"\n')
    site.add_agents(CALLS)
    site.set_queue(wrap_up_s=0.0)
    site.start()
    stations = [str(3001 + number) for number in range(CALLS)]
    port = free_port()
    register(site, stations, port, folder)
    target = f"127.0.0.1:{site.sip_port}"
    count = ("-m", str(CALLS), "-mp", str(free_port()))
    agents = sipp(
        SCENARIOS / "uas_talks.xml",
        target,
        *("-p", str(port), "-d", str(TALK_MS), *count),
        folder=folder / "agents",
    )
    try:
        await seat_agents(site, [(f"a{name}", name) for name in stations])
        callers = sipp(
            SCENARIOS / "uac_menu.xml",
            target,
            *("-s", "5000", "-r", "2", "-p", str(free_port()), "-m", str(CALLS)),
            *("-mp", str(free_port())),
            folder=folder / "callers",
        )
        try:
            await lose_both(site, server)
            assert await asyncio.to_thread(callers.wait, 30) == 0, what_failed(folder / "callers")
        finally:
            finish(callers)
        assert await asyncio.to_thread(agents.wait, 30) == 0, what_failed(folder / "agents")
    finally:
        finish(agents)


async def lose_both(site: RunningSite, server: PostgresqlCluster) -> None:
    client = site.client()
    try:
        await until_states(client, {"talking": CALLS})
    finally:
        await client.close()
    server.stop(signal.SIGQUIT)
    before = site.pid("control")
    site.kill("control")
    await until(lambda: site.pid("control") not in (before, None))
    # The next control waits for the database and says so.
    await until(lambda: '"event":"database away"' in site.log.read_text())
    server.start()
    await until(lambda: site.endpoint("control").get("pid") == site.pid("control"))
