"""A supervisor in a conversation, heard by ear: who hears whom, also when control is killed."""

import asyncio

import pytest
from parties import Party, Town
from running_site import RunningSite, seat_agents, until

from daemon.service.api import Service
from daemon.service.messages import Actor

pytestmark = pytest.mark.e2e

NUMBER = "7000"
ADMIN = Actor(login="admin", via="command")
AGENTS, HIS = "3001", "3002"
FRAMES = 25  # half a second: what is to be heard would be by then


async def deaf_to(listener: Party, speaker: Party) -> None:
    """Somebody does not hear somebody else in all of the next half second."""
    first = listener.tone.frames
    while listener.tone.frames < first + FRAMES:
        seen = listener.tone.frames
        await until(lambda seen=seen: listener.tone.frames > seen, every=0.01)
        if listener.tone.frames > first + 5:  # the ear remembers 100 ms
            assert not listener.tone.hears(speaker.tone.hz)


async def heard(supervisor: Party, caller: Party, agent: Party, *, part: str) -> None:
    """All hear whom they are to hear in a part, and nobody else."""
    await asyncio.gather(
        supervisor.hears(caller), supervisor.hears(agent), caller.hears(agent), agent.hears(caller)
    )
    for party, hears in ((agent, part != "listen"), (caller, part == "barge")):
        if hears:
            await party.hears(supervisor)
        else:
            await until(lambda party=party: not party.tone.hears(supervisor.tone.hz))
            await deaf_to(party, supervisor)


@pytest.mark.timeout(120)
async def test_supervisor_listens_whispers_and_barges_in(site: RunningSite) -> None:
    site.init()
    site.add_agents(2)
    site.set_queue(wrap_up_s=0.0)
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + straight)
    site.start()
    town, client = Town(("127.0.0.1", site.sip_port)), site.client()
    try:
        await play(site, town, client.service)
    finally:
        await client.close()
        await town.close()
    ended = "SELECT count(*) FROM call WHERE outcome = 'answered' AND ended_ms IS NOT NULL"
    await until(lambda: site.rows(ended) == [(1,)])
    # An agent who reads his own calls finds no trace of it.
    assert site.rows("SELECT count(*) FROM stream WHERE line LIKE ?", f"%{HIS}%") == [(0,)]
    assert site.rows("SELECT count(*) FROM segment WHERE line LIKE ?", f"%{HIS}%") == [(0,)]
    parts = "SELECT subject FROM audit WHERE action = 'call.supervise' ORDER BY id"
    asked = [subject.split()[1] for (subject,) in site.rows(parts)]
    assert asked == ["listen", "whisper", "barge", "listen", "barge"]
    assert site.stop() == 0
    assert site.check_records()["faults"] == []


async def play(site: RunningSite, town: Town, service: Service) -> None:
    phone, his = [await town.phone(name, f"s{name}") for name in (AGENTS, HIS)]
    await seat_agents(site, [(f"a{AGENTS}", AGENTS)])
    caller = await town.call(NUMBER, "5550400")
    agent = await town.pick_up(phone)
    await asyncio.gather(caller.hears(agent), agent.hears(caller))
    (live,) = (await service.live()).calls
    await service.supervise(ADMIN, live.call, HIS, "listen")
    supervisor = await town.pick_up(his)
    await heard(supervisor, caller, agent, part="listen")
    for part in ("whisper", "barge"):
        await service.supervise(ADMIN, live.call, HIS, part)
        await heard(supervisor, caller, agent, part=part)

    # Hold parts all three; he is in again when the agent is back.
    await service.supervise(ADMIN, live.call, HIS, "listen")
    await heard(supervisor, caller, agent, part="listen")
    await agent.call.change("sendonly")
    await until(lambda: not supervisor.tone.hears(caller.tone.hz))
    await agent.call.change("sendrecv")
    await heard(supervisor, caller, agent, part="listen")

    before = site.pid("control")
    site.kill("control")
    await heard(supervisor, caller, agent, part="listen")
    await until(lambda: site.pid("control") not in (before, None))
    await until(lambda: site.endpoint("control").get("pid") == site.pid("control"))
    client = site.client()
    try:
        (live,) = (await client.service.live()).calls
        assert (live.supervisor, live.part) == ("admin", "listen")
        await heard(supervisor, caller, agent, part="listen")
        await client.service.supervise(ADMIN, live.call, HIS, "barge")
        await heard(supervisor, caller, agent, part="barge")
    finally:
        await client.close()
    await agent.hang_up()
    async with asyncio.timeout(10):
        await supervisor.call.ended.wait()
    assert supervisor.call.ended_by == "remote"
    await caller.hang_up()
