"""Attended transfer, park, pick-up, conference and click-to-dial between real telephones.

Everybody is known by a tone: who hears whom is what is tested, also when control is killed.
"""

import asyncio
import itertools

import pytest
from parties import Party, Town
from running_site import RunningSite, seat_agents, until

from daemon.service.api import Service
from daemon.service.messages import Actor
from drivers.sip.simulator.agent import UserAgent

pytestmark = pytest.mark.e2e

NUMBER = "7000"
ANN, BOB, SUE = (Actor(login=f"a300{number}", via="command") for number in (1, 2, 3))


@pytest.mark.timeout(120)
async def test_calls_go_from_telephone_to_telephone(site: RunningSite) -> None:
    site.init()
    site.add_agents(3)
    site.set_queue(wrap_up_s=0.0)
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + straight)
    site.start()
    town, client = Town(("127.0.0.1", site.sip_port)), site.client()
    try:
        phones = [await town.phone(f"300{number}", f"s300{number}") for number in (1, 2, 3)]
        await seat_agents(site, [("a3001", "3001")])
        await telephone_joins(town, phones)
        await parked_and_taken_back(town, phones, client.service)
        await picked_up(town, phones)
        await clicked(town, phones, client.service)
        await asked_and_joined(site, town, phones)
    finally:
        await client.close()
        await town.close()
    ended = "SELECT count(*) FROM call WHERE ended_ms IS NULL"
    await until(lambda: site.rows(ended) == [(0,)])
    moves = site.rows(
        "SELECT kind, detail FROM segment WHERE kind IN ('outside', 'parked', 'consult')"
    )
    told = dict(moves)
    assert set(told) == {"outside", "parked", "consult"}
    assert all("a3001" in detail for kind, detail in moves if kind == "parked")
    assert site.stop() == 0
    assert site.check_records()["faults"] == []


async def second_call(town: Town, phone: UserAgent, number: str) -> Party:
    """Dial at a telephone; the party once it is answered."""
    return await town.call(number, phone.user, phone=phone)


async def telephone_joins(town: Town, phones: list[UserAgent]) -> None:
    """The agent holds the caller, calls a colleague, and the telephone joins the two."""
    caller = await town.call(NUMBER, "5550401")
    agent = await town.pick_up(phones[0])
    await asyncio.gather(caller.hears(agent), agent.hears(caller))
    await agent.call.change("sendonly")
    colleague, consulting = await asyncio.gather(
        town.pick_up(phones[1]), second_call(town, phones[0], "3002")
    )
    await asyncio.gather(colleague.hears(consulting), consulting.hears(colleague))
    assert await agent.call.refer("3002", consulting.call) == 202
    await asyncio.gather(caller.hears(colleague), colleague.hears(caller))
    await until(lambda: agent.call.notified[-1:] == ["SIP/2.0 200 OK"])
    async with asyncio.timeout(10):
        await asyncio.gather(agent.call.ended.wait(), consulting.call.ended.wait())
    await colleague.hang_up()
    await caller.hang_up()


async def parked_and_taken_back(town: Town, phones: list[UserAgent], service: Service) -> None:
    """The agent parks the caller with the transfer key, a colleague dials the slot."""
    caller = await town.call(NUMBER, "5550402")
    agent = await town.pick_up(phones[0])
    await caller.hears(agent)
    assert await agent.call.refer("*5") == 202
    async with asyncio.timeout(10):
        await agent.call.ended.wait()
    (parked,) = (await service.my_desk(ANN)).parked
    assert (parked.slot, parked.ani, parked.by) == ("*51", "5550402", "3001")
    colleague = await second_call(town, phones[2], "*51")
    await asyncio.gather(caller.hears(colleague), colleague.hears(caller))
    await colleague.hang_up()
    await caller.hang_up()


async def picked_up(town: Town, phones: list[UserAgent]) -> None:
    """A telephone rings and somebody at another one takes the call."""
    caller = await town.call(NUMBER, "5550403")
    ringing = await town.rings(phones[0])
    taker = await second_call(town, phones[2], "*83001")
    await asyncio.gather(caller.hears(taker), taker.hears(caller))
    async with asyncio.timeout(10):
        await ringing.ended.wait()
    await caller.hang_up()
    async with asyncio.timeout(10):
        await taker.call.ended.wait()


async def clicked(town: Town, phones: list[UserAgent], service: Service) -> None:
    """The own telephone rings first, then that of a colleague."""
    await service.dial(ANN, "3003")
    own = await town.pick_up(phones[0])
    colleague = await town.pick_up(phones[2])
    await asyncio.gather(own.hears(colleague), colleague.hears(own))
    assert (await service.my_desk(ANN)).state == "busy"
    await own.hang_up()
    async with asyncio.timeout(10):
        await colleague.call.ended.wait()


async def asked_and_joined(site: RunningSite, town: Town, phones: list[UserAgent]) -> None:
    """The agent asks a colleague from the desk, control is killed, all three talk, two go on."""
    client = site.client()
    try:
        caller = await town.call(NUMBER, "5550404")
        agent = await town.pick_up(phones[0])
        await asyncio.gather(caller.hears(agent), agent.hears(caller))
        await client.service.consult(ANN, "3002")
        colleague = await town.pick_up(phones[1])
        await asyncio.gather(agent.hears(colleague), colleague.hears(agent))
        await client.service.consult_step(ANN, "swap")
        await asyncio.gather(agent.hears(caller), caller.hears(agent))
    finally:
        await client.close()
    before = site.pid("control")
    site.kill("control")
    await asyncio.gather(agent.hears(caller), caller.hears(agent))
    await until(lambda: site.pid("control") not in (before, None))
    await until(lambda: site.endpoint("control").get("pid") == site.pid("control"))
    client = site.client()
    try:
        async with asyncio.timeout(20):  # it serves a moment before its calls go on
            while (await client.service.my_desk(ANN)).consultation is None:
                await asyncio.sleep(0.05)
        await client.service.consult_step(ANN, "join")
        pairs = itertools.permutations((caller, agent, colleague), 2)
        await asyncio.gather(*(one.hears(other) for one, other in pairs))
    finally:
        await client.close()
    await agent.hang_up()
    await asyncio.gather(caller.hears(colleague), colleague.hears(caller))
    await caller.hang_up()
    async with asyncio.timeout(10):
        await colleague.call.ended.wait()
