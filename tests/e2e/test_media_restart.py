"""Media is killed in the middle of calls: after a moment everybody hears everybody again."""

import asyncio

import pytest
from parties import Town
from running_site import RunningSite, seat_agents, until

pytestmark = pytest.mark.e2e

QUEUE_NUMBER = "7000"


@pytest.mark.timeout(120)
async def test_conversation_goes_on_after_kill_of_media_and_then_of_both(
    site: RunningSite,
) -> None:
    site.init()
    site.add_agents(1)
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{QUEUE_NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + straight)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        await play(site, town)
    finally:
        await town.close()


async def play(site: RunningSite, town: Town) -> None:
    phone = await town.phone("3001", "s3001")
    await seat_agents(site, [("a3001", "3001")])
    caller = await town.call(QUEUE_NUMBER, "5550001")
    agent = await town.pick_up(phone)
    await caller.hears(agent)
    await agent.hears(caller)
    choosing = await town.call("5000", "5550200")

    await restart(site, "media")
    # What was heard before the kill has left their ears.
    for party in (caller, agent):
        frames = party.tone.frames
        await until(lambda party=party, frames=frames: party.tone.frames >= frames + 10)
    await caller.hears(agent)
    await agent.hears(caller)

    # A control process that never asked for these ports brings them back as well.
    await restart(site, "control")
    await until(lambda: site.endpoint("control").get("pid") == site.pid("control"))
    await restart(site, "media")
    for party in (caller, agent):
        frames = party.tone.frames
        await until(lambda party=party, frames=frames: party.tone.frames >= frames + 10)
    await caller.hears(agent)
    await agent.hears(caller)

    # The caller in the menu still chooses, and waits for the agent who is busy.
    await choosing.press("1")
    await until(lambda: site.rows("SELECT count(*) FROM queue_visit") == [(2,)])
    await choosing.hang_up()
    await agent.hang_up()
    async with asyncio.timeout(10):
        await caller.call.ended.wait()
    ended = "SELECT count(*) FROM call WHERE ended_ms IS NOT NULL"
    await until(lambda: site.rows(ended) == [(2,)])
    # Each media process recorded a part of its own; the first had no second to write down.
    complete = "SELECT count(*) FROM recording WHERE ended_ms IS NOT NULL"
    await until(lambda: site.rows(complete) == [(3,)])
    assert site.rows(f"{complete} AND duration_ms > 0") >= [(2,)]
    key = site.run_dir / "journal.key"
    assert (key.stat().st_size, key.stat().st_mode & 0o777) == (32, 0o600)
    assert site.stop() == 0
    assert site.check_records()["faults"] == []


async def restart(site: RunningSite, process: str) -> None:
    """Kill a process and wait for the next one."""
    before = site.pid(process)
    site.kill(process)
    await until(lambda: site.pid(process) not in (before, None))
