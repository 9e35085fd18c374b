"""Calls from an exchange: voice through a board, caller and reason over the serial link."""

import asyncio
import re

import pytest
from parties import Tone, Town
from running_site import RunningSite, seat_agents, until

from daemon.demo.exchange import BoardCaller, Exchange, TrunkChannel
from daemon.service.errors import ServiceUnreachableError

pytestmark = pytest.mark.e2e

QUEUE_NUMBER = "7000"


def make_site(site: RunningSite) -> Exchange:
    """A demo site whose board ports lead straight to a queue; returns its exchange."""
    site.init("--demo")
    site.add_agents(1)
    site.set_queue(wrap_up_s=0.0)
    device = site.run_dir.parent / "exchange.tty"
    toml = site.path / "hookflash.toml"
    text = toml.read_text().replace('"5000"', f'"{QUEUE_NUMBER}"')
    toml.write_text(re.sub(r'^device = ".*"', f'device = "{device}"', text, flags=re.MULTILINE))
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{QUEUE_NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + straight)
    return Exchange(
        device=device,
        socket=site.run_dir / "board.sock",
        channels=[TrunkChannel(channel=n) for n in range(1, 5)],
    )


async def talks(caller: Tone, agent: Tone) -> None:
    await until(lambda: caller.hears(agent.hz) and agent.hears(caller.hz))


async def released(caller: BoardCaller) -> None:
    async with asyncio.timeout(10):
        await caller.wait_released()


async def known_calls(site: RunningSite) -> dict[str, str]:
    client = site.client()
    try:
        live = await client.service.live()
    except ServiceUnreachableError:
        return {}
    finally:
        await client.close()
    return {call.ani: call.state for call in live.calls}


@pytest.mark.timeout(150)
async def test_board_calls_survive_kill_of_control(site: RunningSite) -> None:
    exchange = make_site(site)
    site.start()
    await exchange.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        await play(site, exchange, town)
    finally:
        await town.close()
        await exchange.stop()


async def play(site: RunningSite, exchange: Exchange, town: Town) -> None:
    async with asyncio.timeout(40):
        await exchange.ready()
    phone = await town.phone("3001", "s3001")
    await seat_agents(site, [("a3001", "3001")])
    first = Tone(1810.0)
    caller = exchange.call(1, ani="5556789", forwarded_from="5551234", reason="cfb", audio=first)
    agent = await town.pick_up(phone)
    await talks(first, agent.tone)

    # Control is away: they talk on, and a second call begins to ring.
    before = site.pid("control")
    site.kill("control")
    second = Tone(1940.0)
    waiting = exchange.call(2, ani="5550002", audio=second)
    frames = first.frames
    await until(lambda: first.frames > frames + 15)
    assert first.hears(agent.tone.hz)
    await until(lambda: site.endpoint("control").get("pid") not in (before, None))
    async with asyncio.timeout(30):
        while await known_calls(site) != {"5556789": "talking", "5550002": "waiting"}:
            await asyncio.sleep(0.1)
    await talks(first, agent.tone)

    # Either side ends its call.
    caller.hang_up()
    async with asyncio.timeout(10):
        await agent.call.ended.wait()
    agent = await town.pick_up(phone)
    await talks(second, agent.tone)
    await agent.hang_up()
    await released(waiting)
    ended = "SELECT count(*) FROM call WHERE ended_ms IS NOT NULL"
    await until(lambda: site.rows(ended) == [(2,)])
    assert site.rows(
        "SELECT line, ani, redirecting, reason, outcome FROM call ORDER BY started_ms"
    ) == [
        ("board/1", "5556789", "5551234", "cfb", "answered"),
        ("board/2", "5550002", "", "direct", "answered"),
    ]
    assert exchange.free_channels() == [1, 2, 3, 4]
    assert site.stop() == 0
    assert site.check_records()["faults"] == []
