"""A call seen from outside: captured with its audio for tshark, drawn afterwards, hiding us."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from analyser import faults, fields, gaps, streams
from parties import Party, Town
from running_site import RunningSite, seat_agents, until

from daemon.service.errors import ServiceError
from daemon.service.messages import Actor, CaptureWish

pytestmark = pytest.mark.e2e

NUMBER, CALLER = "7001", "5550777"


async def call_in_progress(site: RunningSite) -> str:
    """The 13 characters of the only call."""
    client = site.client()
    try:
        (call,) = (await client.service.live()).calls
        return call.call
    finally:
        await client.close()


async def conflict(site: RunningSite, login: str, call: str) -> str:
    """What a second capture at the same time is refused with."""
    client = site.client()
    try:
        async for _ in client.service.capture(Actor(login=login), CaptureWish(call=call)):
            break
    except ServiceError as error:
        return error.code
    finally:
        await client.close()
    return ""


async def leg(site: RunningSite, call: str, ref: str) -> list[dict[str, Any]]:
    """Messages of one leg, once the call is over and in the records."""
    code, said = await site.hookflash("sip", "ladder", call, "--messages")
    assert code == 0
    return [row for row in said["ladder"] if row["ref"] == ref]


@pytest.mark.timeout(120)
async def test_call_is_captured_with_its_audio(site: RunningSite, tmp_path: Path) -> None:
    told = site.init()
    numbers = site.path / "numbers.toml"
    added = f'\n[[numbers]]\nnumber = "{NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + added)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    file = tmp_path / "call.pcapng"
    try:
        anna = told["agents"][0]
        phone = await town.phone(anna["station"], anna["secret"])
        await seat_agents(site, [(anna["login"], anna["station"])])
        caller = await town.call(NUMBER, CALLER)
        agent = await town.pick_up(phone)
        await caller.hears(agent)
        await look_at_a_peer(site, tmp_path / "peer.pcapng")
        call = await call_in_progress(site)
        words = ("--call", call, "--seconds", "30", "--output", str(file))
        capture = asyncio.create_task(site.hookflash("sip", "capture", *words))
        await until(lambda: file.exists() and file.stat().st_size > 20_000)
        assert await conflict(site, told["login"], call) == "conflict"
        await change_everything(site, Actor(login=anna["login"]), caller, agent)
        await caller.press("5")
        await caller.hang_up()
        code, said = await capture
        assert (code, said["octets"]) == (0, file.stat().st_size)
        assert file.stat().st_mode & 0o077 == 0
        await look_at_the_file(file)
        ours = await leg(site, call, caller.call.id)
        assert [row["title"] for row in ours][:1] == ["INVITE"]
        assert ours[-1]["title"] == "200 OK"
        assert await leg(site, call, agent.call.id)
        hides_the_inside(ours, [anna["station"], agent.call.id, str(phone.address[1])])
    finally:
        await town.close()


async def change_everything(site: RunningSite, anna: Actor, caller: Party, agent: Party) -> None:
    """Hold and back, a recording that is paused, and a transfer: the numbers must go on."""
    await agent.call.change("sendonly")
    await until(lambda: not caller.tone.hears(agent.tone.hz))
    await agent.call.change("sendrecv")
    await caller.hears(agent)
    client = site.client()
    try:
        for on in (True, False):
            await client.service.pause_recording(anna, on=on)
    finally:
        await client.close()
    assert await agent.call.refer("*5") == 202
    await until(lambda: not caller.tone.hears(agent.tone.hz))


async def look_at_a_peer(site: RunningSite, file: Path) -> None:
    """Both legs are with the same address here: a second of it holds four streams."""
    words = ("--peer", "127.0.0.1", "--seconds", "1", "--output", str(file))
    assert (await site.hookflash("sip", "capture", *words))[0] == 0
    assert await faults(file) == []
    rows = await fields(file, 'frame.interface_name == "rtp"', "udp.srcport", "udp.dstport")
    assert len({tuple(row) for row in rows}) >= 4
    assert len(rows) > 100


async def look_at_the_file(file: Path) -> None:
    """An analyser that is not ours finds nothing wrong."""
    assert await faults(file) == []
    messages = await fields(file, "sip", "sip.Method", "sip.Status-Code", "udp.dstport")
    assert {"INVITE", "ACK", "BYE"} <= {row[0] for row in messages}
    assert {"180", "200"} <= {row[1] for row in messages}
    found = await streams(file)
    long = {key: packets for key, packets in found.items() if len(packets) > 20}
    assert len(long) == 4  # two legs, both directions
    for packets in long.values():
        assert gaps(packets) == []
        assert {kind for _, kind in packets} <= {0, 8, 101}
    assert any(kind == 101 for packets in found.values() for _, kind in packets)
    assert await fields(file, "rtcp", "rtcp.pt")
    lost = await fields(file, 'frame.interface_name == "rtp" && !rtp && !rtcp', "frame.number")
    assert lost == []


def hides_the_inside(rows: list[dict[str, Any]], inner: list[str]) -> None:
    """Nothing of the agent's side and no version number stands in what the carrier gets."""
    for row in rows:
        if not row["out"]:
            continue
        for word in inner:
            assert word not in row["text"], row["title"]
        for name in ("Server", "User-Agent"):
            value = re.search(rf"^{name}: (.*)$", row["text"], re.MULTILINE)
            assert value is None or not re.search(r"\d", value[1])
