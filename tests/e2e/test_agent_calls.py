"""What caller and agent live through: an uploaded greeting, music on hold, records that add up."""

import asyncio
import json
import subprocess
import wave
from pathlib import Path

import pytest
from console_visitor import upload_prompt, visitor, with_token
from parties import LEVEL_DBM0, Party, Town
from running_site import RunningSite, seat_agents, until
from websockets.asyncio.client import connect

from cython_ext import dsp
from tests.fakes.http_client import HttpClient

pytestmark = pytest.mark.e2e

NUMBER = "7000"
GREETING_HZ, MUSIC_HZ = 700.0, 1000.0
FLOW = """\
version: 1
title: Greeting and queue
languages: [en]
start: greeting
nodes:
  greeting: {kind: announce, say: {file: greeting}, next: queue}
  queue: {kind: enter_queue, queue: sales, timed_out: end}
  end: {kind: hang_up}
"""


def tone_file(folder: Path, hz: float, kind: str) -> Path:
    """Four seconds of a tone as people upload it: 44.1 kHz, in any format that ffmpeg writes."""
    plain, wanted = folder / f"{hz:.0f}.wav", folder / f"{hz:.0f}-upload.{kind}"
    with wave.open(str(plain), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(dsp.ToneGenerator((hz,), LEVEL_DBM0).generate(4 * 8000))
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", plain, "-ar", "44100", wanted], check=True
    )
    return wanted


@pytest.mark.timeout(120)
async def test_uploaded_sound_and_hold_from_the_telephone(
    site: RunningSite, tmp_path: Path
) -> None:
    told = site.init()
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{NUMBER}"\nflow = "greeting"\n'
    numbers.write_text(numbers.read_text() + straight)
    (site.path / "flows" / "greeting.yaml").write_text(FLOW)
    site.set_queue(wrap_up_s=0.0)
    site.start()
    admin = await visitor(site, told["login"], told["password"])
    for name, hz, kind in (("greeting", GREETING_HZ, "mp3"), ("hold_music", MUSIC_HZ, "ogg")):
        kept = await upload_prompt(admin, name, tone_file(tmp_path, hz, kind))
        assert kept.status == 302, kept.text
    anna = told["agents"][0]
    town = Town(("127.0.0.1", site.sip_port))
    try:
        phone = await town.phone(anna["station"], anna["secret"])
        caller = await town.call(NUMBER, "5550400")
        await until(lambda: caller.tone.hears(GREETING_HZ))
        await until(lambda: caller.tone.hears(MUSIC_HZ))  # nobody is ready: he waits
        await seat_agents(site, [(anna["login"], anna["station"])])
        agent = await town.pick_up(phone)
        await talk_with_a_pause(site, admin, caller, agent)
        await agent.hang_up()
        ended = "SELECT count(*) FROM call WHERE ended_ms IS NOT NULL"
        await until(lambda: site.rows(ended) == [(1,)])
    finally:
        await town.close()
    kinds = [kind for (kind,) in site.rows("SELECT kind FROM segment ORDER BY started_ms, id")]
    assert kinds[:3] == ["ivr", "wait", "ring"]
    assert [kind for kind in kinds if kind in ("talk", "hold")] == ["talk", "hold", "talk"]
    assert site.rows("SELECT count(*) FROM queue_visit WHERE hold_ms > 0") == [(1,)]
    assert site.stop() == 0
    assert site.check_records()["faults"] == []


async def talk_with_a_pause(
    site: RunningSite, admin: HttpClient, caller: Party, agent: Party
) -> None:
    await asyncio.gather(caller.hears(agent), agent.hears(caller))
    await agent.call.change("sendonly")
    await until(lambda: caller.tone.hears(MUSIC_HZ) and not caller.tone.hears(agent.tone.hz))
    program = await with_token(admin)
    (call,) = (await program.get("/api/v1/live")).json()["calls"]
    assert (call["ani"], call["state"]) == ("5550400", "on_hold")
    # Offered is accounted for at any moment, also in the middle of a call.
    assert site.check_records()["faults"] == []
    await agent.call.change("sendrecv")
    await asyncio.gather(caller.hears(agent), agent.hears(caller))
    await is_analysed(program, call["call"], caller, agent)


async def is_analysed(program: HttpClient, call: str, caller: Party, agent: Party) -> None:
    """A program outside hears both sides apart, from the engine's taps through control and web."""
    url = f"ws://127.0.0.1:{program.port}/api/v1/calls/{call}/audio?rate=16000"
    heard = [b"", b""]
    async with (
        connect(url, additional_headers={"Authorization": f"Bearer {program.token}"}) as analyser,
        asyncio.timeout(10),
    ):
        form = json.loads(await analyser.recv())
        assert form == {"rate": 16_000, "bits": 16, "sides": ["caller", "agent"]}
        while min(len(side) for side in heard) < 32_000:  # a second of each
            frame = await analyser.recv()
            assert isinstance(frame, bytes), frame  # text would tell of a loss
            heard[frame[0]] += frame[2:]
    for side, own, other in zip(heard, (caller, agent), (agent, caller), strict=True):
        level = dsp.goertzel(side[-16_000:], 16_000, own.tone.hz)
        assert level == pytest.approx(LEVEL_DBM0, abs=1.5)
        assert dsp.goertzel(side[-16_000:], 16_000, other.tone.hz) < LEVEL_DBM0 - 25
