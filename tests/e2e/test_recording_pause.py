"""A recording that is paused, also while control is killed, and proved afterwards."""

import asyncio
import json
import subprocess
import sys
import wave

import pytest
from parties import Party, Town
from running_site import RunningSite, seat_agents, until

from cython_ext import dsp
from daemon.service.messages import Actor

pytestmark = pytest.mark.e2e

NUMBER, STATION = "7000", "3001"
AGENT = Actor(login=f"a{STATION}")
SECOND = 32_000


def check(site: RunningSite) -> tuple[int, dict[str, object]]:
    words = [sys.executable, "-m", "daemon", "check", str(site.path), "--recordings", "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)["recordings"]


@pytest.mark.timeout(120)
async def test_what_is_said_in_a_pause_is_in_no_file(site: RunningSite) -> None:
    site.init()
    site.add_agents(1)
    site.set_queue(wrap_up_s=0.0)
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + straight)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        paused = await play(site, town)
    finally:
        await town.close()
    row = "SELECT path, chain, paused_ms, gap_ms, duration_ms FROM recording WHERE ended_ms > 0"
    await until(lambda: len(site.rows(row)) == 1)
    [(name, chain, paused_ms, gap_ms, duration_ms)] = site.rows(row)
    acts = "SELECT action FROM audit WHERE action LIKE 'recording.%' ORDER BY id"
    assert site.rows(acts) == [("recording.pause",), ("recording.resume",)]
    assert site.stop() == 0
    assert site.check_records()["faults"] == []
    assert paused * 1000 - 200 <= paused_ms < duration_ms
    assert (len(chain), gap_ms) == (64, 0)
    path = site.path / name
    with wave.open(str(path)) as file:
        audio = file.readframes(file.getnframes())
    silent = sum(dsp.level(audio[at : at + 640]) < -90 for at in range(0, len(audio) - 640, 640))
    assert silent * 20 >= paused_ms - 40
    assert silent * 20 < duration_ms - 500
    sound = {"checked": 1, "states": {"unchanged": 1}, "faults": [], "deleted": 0}
    assert check(site) == (0, sound)
    touched = bytearray(path.read_bytes())
    touched[44 + SECOND] ^= 1
    path.write_bytes(touched)
    code, told = check(site)
    assert (code, told["states"]) == (1, {"changed": 1})


async def play(site: RunningSite, town: Town) -> float:
    """A conversation with a pause over a crash; returns how long it lasted at least, in s."""
    phone = await town.phone(STATION, f"s{STATION}")
    await seat_agents(site, [(AGENT.login, STATION)])
    caller = await town.call(NUMBER, "5550400")
    agent = await town.pick_up(phone)
    await asyncio.gather(caller.hears(agent), agent.hears(caller))
    await goes_on(caller, 30)
    client = site.client()
    try:
        assert (await client.service.pause_recording(AGENT, on=True)).recording == "paused"
    finally:
        await client.close()
    frames = caller.tone.frames
    await goes_on(caller, 25)
    before = site.pid("control")
    site.kill("control")
    await goes_on(caller, 25)
    await until(lambda: site.pid("control") not in (before, None))
    await until(lambda: site.endpoint("control").get("pid") == site.pid("control"))
    client = site.client()
    try:
        assert (await client.service.my_desk(AGENT)).recording == "paused"
        await goes_on(caller, 10)
        paused = (caller.tone.frames - frames) * 0.02
        assert (await client.service.pause_recording(AGENT, on=False)).recording == "on"
    finally:
        await client.close()
    await goes_on(caller, 40)
    await caller.hang_up()
    async with asyncio.timeout(10):
        await agent.call.ended.wait()
    return paused


async def goes_on(party: Party, frames: int) -> None:
    """So many frames of 20 ms are heard."""
    wanted = party.tone.frames + frames
    await until(lambda: party.tone.frames >= wanted)
