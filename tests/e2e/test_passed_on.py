"""What comes with a caller goes on with him, and what a network says before the answer is heard."""

import asyncio

import pytest
from parties import Party, Town
from running_site import RunningSite, until

from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.packets import Media, Packet

pytestmark = pytest.mark.e2e

FLOW = """\
version: 1
title: Somewhere else
languages: [en]
start: outside
nodes:
  outside: {kind: transfer, to: "5559000", next: end, failed: end}
  end: {kind: hang_up}
"""
NUMBER = "7000"
FRAMES = 25  # half a second of talk
SAID = (
    "User-to-User: 48656c6c6f;encoding=hex",
    "X-Account: 4711",
    "X-Secret: not for others",
    "Diversion: <sip:5558888@127.0.0.1>;reason=user-busy",
)


@pytest.mark.timeout(120)
async def test_details_and_early_media_pass(site: RunningSite) -> None:
    site.init()
    site.add_agents(1)
    carrier = await UserAgent("carrier").open("127.0.0.1")
    host, port = carrier.address
    toml = site.path / "hookflash.toml"
    trunk = 'name = "trunk"\n'
    options = f'target = "{host}:{port}"\nheaders = ["X-Account"]\nredirection = "both"\n'
    text = toml.read_text().replace(trunk, trunk + options)
    toml.write_text(
        text.replace("[drivers.sip]", '[telephones]\nallowed = ["555"]\n\n[drivers.sip]')
    )
    numbers = site.path / "numbers.toml"
    numbers.write_text(numbers.read_text() + f'\n[[numbers]]\nnumber = "{NUMBER}"\nflow = "away"\n')
    (site.path / "flows" / "away.yaml").write_text(FLOW)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        phone = await town.phone("3001", "s3001")
        caller = await town.call(NUMBER, "5550100", said=SAID)
        invitation = await heard_early(town, carrier, caller)
        assert invitation.first.split()[1].startswith("sip:5559000@")
        assert invitation.get("max-forwards") == "69"
        assert invitation.get("user-to-user") == "48656c6c6f;encoding=hex"
        assert (invitation.get("x-account"), invitation.get("x-secret")) == ("4711", "")
        assert invitation.get("diversion").startswith("<sip:5558888@")
        assert "reason=user-busy" in invitation.get("diversion")
        assert "5558888" in invitation.get("history-info")
        assert "sip:5550100@" in invitation.get("from")
        # A telephone inside hears it too, before its call is answered.
        inside = await town.dial("5559001", "3001", phone=phone)
        await heard_early(town, carrier, inside)
        # What is not allowed outside is a number of the hotline, here the menu for all others.
        menu = await town.call("4440000", "3001", phone=phone)
        assert carrier.incoming.empty()
        await menu.hang_up()
    finally:
        await town.close()
        await carrier.close()
    ended = "SELECT direction, outcome FROM call WHERE ended_ms IS NOT NULL ORDER BY id"
    await until(lambda: len(site.rows(ended)) == 3)
    assert site.rows(ended)[:2] == [("in", "transferred_out"), ("out", "answered")]
    assert site.stop() == 0
    assert site.check_records()["faults"] == []


async def heard_early(town: Town, carrier: UserAgent, caller: Party) -> Packet:
    """The carrier is heard, answers, and both hear each other; what it was sent."""
    called = await town.early(await town.rings(carrier))
    await caller.hears(called)
    await called.call.answer(Media(*called.session.address))
    await caller.call.answered()
    heard = caller.tone.frames + FRAMES
    await until(lambda: caller.tone.frames > heard)
    await asyncio.gather(caller.hears(called), called.hears(caller))
    await called.hang_up()
    async with asyncio.timeout(10):
        await caller.call.ended.wait()
    assert called.call.invitation is not None
    return called.call.invitation
