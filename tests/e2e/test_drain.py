"""Drained for an upgrade: new calls are refused, the one in progress outlives the restart."""

import os
import signal

import pytest
from parties import Town
from running_site import RunningSite, seat_agents, until

from drivers.sip.simulator.call import Refused

pytestmark = pytest.mark.e2e

NUMBER = "7000"


@pytest.mark.timeout(120)
async def test_upgrade_of_control_loses_no_call(site: RunningSite) -> None:
    told = site.init()
    numbers = site.path / "numbers.toml"
    added = f'\n[[numbers]]\nnumber = "{NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + added)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        anna = told["agents"][0]
        phone = await town.phone(anna["station"], anna["secret"])
        await seat_agents(site, [(anna["login"], anna["station"])])
        caller = await town.call(NUMBER, "5550401")
        agent = await town.pick_up(phone)
        await caller.hears(agent)
        code, left = await site.hookflash("drain", "--wait", "0.5")
        assert (code, left["on"], left["calls"]) == (1, True, 1)
        with pytest.raises(Refused) as refused:
            await town.call(NUMBER, "5550402")
        assert refused.value.status == 503
        old = site.pid("control")
        os.kill(old, signal.SIGTERM)
        await until(lambda: site.pid("control") != old and site.endpoint("control")["pid"] != old)
        town.hotline = ("127.0.0.1", site.sip_port)
        second = await town.call(NUMBER, "5550403")
        await caller.hears(agent)
        await second.hang_up()
        await caller.hang_up()
        code, left = await site.hookflash("drain", "--wait", "20")
        assert (code, left["on"], left["calls"]) == (0, True, 0)
        code, left = await site.hookflash("drain", "--undo")
        assert (code, left["on"]) == (0, False)
        third = await town.call(NUMBER, "5550404")
        await third.hang_up()
        ended = "SELECT count(*) FROM call WHERE ended_ms IS NULL"
        await until(lambda: site.rows(ended) == [(0,)])
        assert site.check_records()["ok"]
    finally:
        await town.close()
