"""A caller hangs up, keeps his place, and is called over the trunk when an agent is there."""

import pytest
from parties import Town
from running_site import RunningSite, seat_agents, until

from drivers.sip.simulator.agent import UserAgent

pytestmark = pytest.mark.e2e

FLOW = """\
version: 1
title: Queue with call-back
languages: [en]
start: queue
nodes:
  queue:
    kind: enter_queue
    queue: sales
    timed_out: end
    callback: {key: "5", next: end}
  end: {kind: hang_up}
"""
NUMBER, ANI = "7000", "5550400"


@pytest.mark.timeout(120)
async def test_caller_is_called_back_and_talks_with_the_agent(site: RunningSite) -> None:
    told = site.init()
    carrier = await UserAgent("carrier").open("127.0.0.1")
    host, port = carrier.address
    toml = site.path / "hookflash.toml"
    trunk = 'name = "trunk"\n'
    toml.write_text(toml.read_text().replace(trunk, f'{trunk}target = "{host}:{port}"\n'))
    queues = site.path / "queues.toml"
    head, first, *others = queues.read_text().split("[[queues]]\n")
    first += "[queues.callback]\ndial_ahead_s = 30.0\n\n"
    queues.write_text("[[queues]]\n".join([head, first, *others]))
    numbers = site.path / "numbers.toml"
    added = f'\n[[numbers]]\nnumber = "{NUMBER}"\nflow = "place"\n'
    numbers.write_text(numbers.read_text() + added)
    (site.path / "flows" / "place.yaml").write_text(FLOW)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        anna = told["agents"][0]
        phone = await town.phone(anna["station"], anna["secret"])
        caller = await town.call(NUMBER, ANI)
        await caller.press("5")
        taken = "SELECT count(*) FROM call WHERE outcome = 'callback_taken'"
        await until(lambda: site.rows(taken) == [(1,)])
        await seat_agents(site, [(anna["login"], anna["station"])])
        called = await town.pick_up(carrier)
        assert called.call.invitation is not None
        assert called.call.invitation.first.split()[1].startswith(f"sip:{ANI}@")
        await called.press("1")
        agent = await town.pick_up(phone)
        await called.hears(agent)
        await agent.hears(called)
        await called.hang_up()
        ended = "SELECT direction, ani, outcome FROM call WHERE ended_ms IS NOT NULL ORDER BY id"
        await until(lambda: len(site.rows(ended)) == 2)
        assert site.rows(ended) == [("in", ANI, "callback_taken"), ("out", ANI, "answered")]
        await until(lambda: site.check_records()["ok"])
        # The two who talked heard each other well, by the figures of their streams.
        good = "SELECT count(*) FROM stream JOIN call ON call.id = call_id WHERE mos > 4"
        await until(lambda: site.rows(f"{good} AND direction = 'out'") == [(2,)])
    finally:
        await town.close()
        await carrier.close()
