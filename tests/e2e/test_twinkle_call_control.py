"""Twinkle, which others wrote, as the agent's telephone: it asks a colleague and hands over."""

import asyncio

import pytest
from parties import Town
from running_site import RunningSite, seat_agents, until

from tests.drivers.sip.interop.conftest import free_pair, make_twinkle

__all__ = ["free_pair", "make_twinkle"]
pytestmark = pytest.mark.e2e

NUMBER = "7000"


@pytest.mark.timeout(120)
async def test_telephone_of_others_transfers_attended(site: RunningSite, make_twinkle) -> None:
    site.init()
    site.add_agents(2)
    site.set_queue(wrap_up_s=0.0)
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + straight)
    toml = site.path / "hookflash.toml"
    realm = 'realm = "hookflash"\n'
    # Offered SHA-256 as well, it gives up.
    only = f'{realm}digest_algorithms = ["MD5"]\n'
    toml.write_text(toml.read_text().replace(realm, only))
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        colleagues = await town.phone("3002", "s3002")
        phone = make_twinkle()
        await phone.register("3001", "s3001", f"127.0.0.1:{site.sip_port}")
        await seat_agents(site, [("a3001", "3001")])
        caller = await town.call(NUMBER, "5550401")
        await phone.until("incoming call")
        phone.type("answer")
        answered = "SELECT count(*) FROM segment WHERE kind = 'talk'"
        await until(lambda: site.rows(answered) == [(1,)])
        phone.type("transfer -c 3002")
        colleague = await town.pick_up(colleagues)
        await phone.until("far end answered call")
        phone.type("transfer -c")
        await asyncio.gather(caller.hears(colleague), colleague.hears(caller))
        await phone.until("call successfully referred")
        told = "SELECT detail FROM segment WHERE kind = 'outside' AND ended_ms IS NULL"
        await until(lambda: any("attended" in row[0] for row in site.rows(told)))
        await colleague.hang_up()
        await caller.hang_up()
    finally:
        await town.close()
    ended = "SELECT count(*) FROM call WHERE ended_ms IS NULL"
    await until(lambda: site.rows(ended) == [(0,)])
    assert site.stop() == 0
    assert site.check_records()["faults"] == []
