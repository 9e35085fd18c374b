"""The speech process dies while a caller is in the menu: the menu goes on with keys."""

import asyncio

import pytest
from parties import Town
from running_site import RunningSite, seat_agents, until

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(120)
async def test_menu_goes_on_with_keys_when_speech_is_killed(site: RunningSite) -> None:
    anna = site.init()["agents"][0]
    site.set_queue(wrap_up_s=0.0)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        phone = await town.phone(anna["station"], anna["secret"])
        await seat_agents(site, [(anna["login"], anna["station"])])
        first = await town.call("5000", "5550500")
        await until(lambda: first.tone.frames > 25)  # he hears the greeting
        before = site.pid("speech")
        site.kill("speech")
        second = await town.call("5000", "5550501")
        for caller in (first, second):
            await caller.press("1")
            agent = await town.pick_up(phone)
            await asyncio.gather(caller.hears(agent), agent.hears(caller))
            await caller.hang_up()
            async with asyncio.timeout(10):
                await agent.call.ended.wait()
        await until(lambda: site.pid("speech") not in (before, None))
        answered = "SELECT count(*) FROM call WHERE outcome = 'answered' AND ended_ms IS NOT NULL"
        await until(lambda: site.rows(answered) == [(2,)])
    finally:
        await town.close()
    assert site.stop() == 0
    assert site.check_records()["faults"] == []
