"""baresip, which others wrote, as the agent's telephone: it parks a caller and takes him back."""

import asyncio
import socket

import pytest
from parties import Party, Town
from running_site import RunningSite, seat_agents, until
from softphone import TONE_HZ, Softphone

from tests.drivers.sip.interop.terminal import needs
from tests.drivers.sip.interop.test_baresip import CONTROL, Steered

pytestmark = pytest.mark.e2e

NUMBER = "7000"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def hears_agent(party: Party) -> None:
    """Whoever listens hears baresip's tone."""
    await until(lambda: party.tone.hears(TONE_HZ))


@pytest.mark.timeout(120)
async def test_softphone_parks_and_takes_back(site: RunningSite) -> None:
    needs("baresip", "baresip-core")
    site.init()
    site.add_agents(1)
    site.set_queue(wrap_up_s=0.0)
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + straight)
    site.start()
    server, port = f"127.0.0.1:{site.sip_port}", free_port()
    softphone = Softphone(site.path.parent / "phone")
    softphone.start("3001", "s3001", server, config=CONTROL.format(port=port))
    town = Town(("127.0.0.1", site.sip_port))
    steered = None
    try:
        await until(lambda: "200 OK" in softphone.log)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        steered = Steered(softphone, writer)
        await seat_agents(site, [("a3001", "3001")])

        caller = await town.call(NUMBER, "5550402")
        await hears_agent(caller)
        steered.do("transfer", f"sip:*5@{server}")
        await until(lambda: not caller.tone.hears(TONE_HZ))
        parked = "SELECT detail FROM segment WHERE kind = 'parked' AND ended_ms IS NULL"
        await until(lambda: len(site.rows(parked)) == 1)
        steered.do("dial", f"sip:*51@{server}")
        await hears_agent(caller)
        await until(lambda: site.rows(parked) == [])
        await caller.hang_up()
    finally:
        if steered is not None:
            await asyncio.to_thread(steered.close)
        softphone.stop()
        await town.close()
    ended = "SELECT count(*) FROM call WHERE ended_ms IS NULL"
    await until(lambda: site.rows(ended) == [(0,)])
    assert site.stop() == 0
    assert site.check_records()["faults"] == []
