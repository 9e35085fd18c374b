"""A fresh site as ``init`` writes it, and a softphone that others wrote."""

from pathlib import Path

import pytest
from parties import Town
from running_site import RunningSite, seat_agents, until
from softphone import TONE_HZ, Softphone

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(120)
async def test_softphone_of_others_takes_the_first_call_of_a_fresh_site(
    site: RunningSite, tmp_path: Path
) -> None:
    anna = site.init()["agents"][0]
    site.start()
    phone = Softphone(tmp_path / "phone")
    town = Town(("127.0.0.1", site.sip_port))
    try:
        phone.start(anna["station"], anna["secret"], f"127.0.0.1:{site.sip_port}")
        await until(lambda: "200 OK" in phone.log)
        await seat_agents(site, [(anna["login"], anna["station"])])
        caller = await town.call("0800123", "5550300")
        await caller.press("1")
        await until(lambda: caller.tone.hears(TONE_HZ))
        await until(lambda: phone.heard(caller.tone.hz))
        await caller.hang_up()
        ended = "SELECT ani, dnis, outcome, ended_by FROM call WHERE ended_ms IS NOT NULL"
        await until(lambda: site.rows(ended) == [("5550300", "0800123", "answered", "caller")])
    finally:
        phone.stop()
        await town.close()
    assert site.stop() == 0
    assert site.check_records()["faults"] == []
