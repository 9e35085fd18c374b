"""The command draws the signalling of both legs of a call that the running hotline carries."""

from typing import Any

import pytest
from parties import Town
from running_site import RunningSite, seat_agents

pytestmark = pytest.mark.e2e

NUMBER, CALLER = "7000", "5550501"


async def ladder(site: RunningSite, call: str) -> list[dict[str, Any]]:
    """The rows of the command's answer."""
    code, said = await site.hookflash("sip", "ladder", call)
    assert code == 0
    return list(said["ladder"])


@pytest.mark.timeout(120)
async def test_both_legs_of_a_call_are_drawn(site: RunningSite) -> None:
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
        caller = await town.call(NUMBER, CALLER)
        agent = await town.pick_up(phone)
        await caller.hears(agent)
        rows = await ladder(site, CALLER)
        assert {row["ref"] for row in rows} == {caller.call.id, agent.call.id}
        assert next(row["title"] for row in rows if row["ref"] == caller.call.id) == "INVITE"
        answers = {(row["ref"], row["out"]) for row in rows if row["title"].startswith("200")}
        assert answers == {(caller.call.id, True), (agent.call.id, False)}
        by_ref = await ladder(site, caller.call.id)
        assert {row["ref"] for row in by_ref} == {caller.call.id}
        assert await site.hookflash("sip", "bans") == (0, {"bans": []})
        await caller.hang_up()
    finally:
        await town.close()
