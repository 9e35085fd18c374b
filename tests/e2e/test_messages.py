"""A caller leaves a message: the lamp goes on, and out again when somebody has heard it."""

import re

import pytest
from console_visitor import visitor
from parties import Tone
from running_site import RunningSite, until

from daemon.demo.exchange import Exchange, TrunkChannel

pytestmark = pytest.mark.e2e

MAILBOX = "2001"
BEEP_HZ = 1000.0
FLOW = f"""\
version: 1
title: Mailbox
languages: [en]
start: message
nodes:
  message: {{kind: record, mailbox: "{MAILBOX}", say: {{en: "Please leave a message."}}, next: end}}
  end: {{kind: hang_up}}
"""


@pytest.mark.timeout(120)
async def test_message_lights_the_lamp_until_it_is_heard_in_the_console(site: RunningSite) -> None:
    told = site.init("--demo")
    device = site.run_dir.parent / "exchange.tty"
    toml = site.path / "hookflash.toml"
    toml.write_text(
        re.sub(r'^device = ".*"', f'device = "{device}"', toml.read_text(), flags=re.MULTILINE)
    )
    (site.path / "flows" / "main.yaml").write_text(FLOW)
    exchange = Exchange(
        device=device,
        socket=site.run_dir / "board.sock",
        channels=[TrunkChannel(channel=n) for n in range(1, 5)],
    )
    site.start()
    await exchange.start()
    try:
        await exchange.ready()
        admin = await visitor(site, told["login"], told["password"])
        voice = Tone(630.0)
        caller = exchange.call(1, ani="5556789", forwarded_from=MAILBOX, reason="cfna", audio=voice)
        await until(lambda: voice.hears(BEEP_HZ))
        frames = voice.frames
        await until(lambda: voice.frames > frames + 100)
        assert not exchange.lamps.get(MAILBOX)
        await caller.press("#")
        await until(lambda: exchange.lamps.get(MAILBOX) is True)
        await caller.wait_released()
        kept = "SELECT id, duration_ms FROM recording WHERE kind = 'message' AND mailbox = ?"
        await until(lambda: [ms > 1500 for _, ms in site.rows(kept, MAILBOX)] == [True])
        (call,) = (await admin.get("/api/v1/calls")).json()["calls"]
        detail = (await admin.get(f"/api/v1/calls/{call['call']}")).json()
        assert (call["ani"], call["outcome"]) == ("5556789", "voicemail")
        assert detail["redirecting"] == MAILBOX
        assert site.rows("SELECT reason FROM call") == [("cfna",)]
        (recording,) = detail["recordings"]
        played = await admin.get(f"/recordings/{recording['recording']}/audio.wav")
        assert (played.status, played.body[:4]) == (200, b"RIFF")
        await until(lambda: exchange.lamps.get(MAILBOX) is False)
        assert site.rows("SELECT count(*) FROM recording WHERE heard_ms IS NOT NULL") == [(1,)]
        assert site.check_records()["faults"] == []
    finally:
        await exchange.stop()
    assert site.stop() == 0
