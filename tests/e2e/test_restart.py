"""Control is killed in the middle of calls; nobody on the telephone notices."""

import asyncio
from pathlib import Path

import pytest
from parties import Party, Town
from running_site import RunningSite, seat_agents, until

from daemon.service.errors import ServiceUnreachableError
from daemon.service.socket_client import ServiceClient
from drivers.sip.simulator.agent import UserAgent

pytestmark = pytest.mark.e2e

TALKING = 4
QUEUE_NUMBER = "7000"


@pytest.mark.timeout(150)
async def test_calls_survive_kill_of_control_and_end_from_either_side(site: RunningSite) -> None:
    site.init()
    site.add_agents(TALKING)
    site.set_queue(wrap_up_s=0.0)
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{QUEUE_NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + straight)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        await play(site, town)
    finally:
        await town.close()


def parent_of(process: int) -> int:
    """Who started a process (proc(5), the second field behind its name)."""
    return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])


async def play(site: RunningSite, town: Town) -> None:
    stations = [str(3001 + n) for n in range(TALKING)]
    phones = [await town.phone(name, f"s{name}") for name in stations]
    await seat_agents(site, [(f"a{name}", name) for name in stations])
    pairs: list[tuple[Party, Party]] = []
    for n in range(TALKING):
        caller = await town.call(QUEUE_NUMBER, f"555000{n}")
        agent = await town.pick_up(await ringing(phones))
        pairs.append((caller, agent))
    for caller, agent in pairs:
        await caller.hears(agent)
        await agent.hears(caller)
    waiting = await town.call(QUEUE_NUMBER, "5550100")
    choosing = await town.call("5000", "5550200")
    client = site.client()
    try:
        await until_states(client, {"talking": TALKING, "waiting": 1, "ivr": 1})
        before = site.pid("control")
        loaded = parent_of(before)
        site.kill("control")

        # Bridges keep talking while nobody is in control.
        for party in (party for pair in pairs for party in pair):
            frames = party.tone.frames
            await until(lambda party=party, frames=frames: party.tone.frames >= frames + 10)
        for caller, agent in pairs:
            assert caller.tone.hears(agent.tone.hz)
            assert agent.tone.hears(caller.tone.hz)

        await until(lambda: site.pid("control") not in (before, None))
        await until(lambda: site.endpoint("control").get("pid") == site.pid("control"))
        # Nothing had to be loaded again: the same process began both.
        assert parent_of(site.pid("control")) == loaded
        await until_states(client, {"talking": TALKING, "waiting": 1, "ivr": 1})
    finally:
        await client.close()
    for caller, agent in pairs:
        await caller.hears(agent)
        await agent.hears(caller)

    # Either side can end its call, and an agent who is free takes the one who waited.
    await pairs[0][0].hang_up()
    async with asyncio.timeout(10):
        await pairs[0][1].call.ended.wait()
    taken = await town.pick_up(await ringing(phones))
    await taken.hears(waiting)
    await waiting.hears(taken)
    await taken.hang_up()
    await pairs[1][1].hang_up()
    for party in (waiting, pairs[1][0]):
        async with asyncio.timeout(10):
            await party.call.ended.wait()
    # The caller in the menu goes on where the flow was.
    await choosing.press("1")
    chosen = await town.pick_up(await ringing(phones))
    await chosen.hears(choosing)
    for party in (choosing, pairs[2][0], pairs[3][0]):
        await party.hang_up()
    for party in (chosen, pairs[2][1], pairs[3][1]):
        async with asyncio.timeout(10):
            await party.call.ended.wait()

    calls = TALKING + 2
    ended = "SELECT count(*) FROM call WHERE outcome = 'answered' AND ended_ms IS NOT NULL"
    await until(lambda: site.rows(ended) == [(calls,)])
    assert site.rows("SELECT count(*) FROM call") == [(calls,)]
    assert site.rows("SELECT count(*) FROM segment WHERE kind = 'talk'") == [(calls,)]
    assert site.rows("SELECT count(*) FROM segment WHERE ended_ms IS NULL") == [(0,)]
    complete = "SELECT count(*) FROM recording WHERE ended_ms IS NOT NULL AND duration_ms > 0"
    await until(lambda: site.rows(complete) == [(calls,)])
    assert site.stop() == 0
    assert site.check_records()["faults"] == []


async def ringing(phones: list[UserAgent]) -> UserAgent:
    """The phone that a call is on its way to."""
    found: list[UserAgent] = []

    def somebody() -> bool:
        found[:] = [phone for phone in phones if not phone.incoming.empty()]
        return bool(found)

    await until(somebody)
    return found[0]


async def until_states(client: ServiceClient, wanted: dict[str, int]) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                live = await client.service.live()
            except ServiceUnreachableError:
                await asyncio.sleep(0.1)
                continue
            found: dict[str, int] = {}
            for call in live.calls:
                found[call.state] = found.get(call.state, 0) + 1
            if found == wanted:
                return
            await asyncio.sleep(0.1)
