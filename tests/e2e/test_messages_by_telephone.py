"""Staff hear a message at their telephone, and delete it."""

import pytest
from parties import Party, Town
from running_site import RunningSite, until

pytestmark = pytest.mark.e2e

NUMBER = "7000"
BEEP_HZ = 1000.0
FLOW = """\
version: 1
title: Mailbox
languages: [en]
start: message
nodes:
  message: {kind: record, mailbox: "3001", say: {en: "Speak."}, next: end}
  end: {kind: hang_up}
"""
MESSAGE = (
    "SELECT heard_ms IS NULL, deleted_ms IS NULL FROM recording"
    " WHERE kind = 'message' AND ended_ms IS NOT NULL"
)


async def hears_message(visitor: Party, caller: Party) -> None:
    """Wait for the tone itself: a voice has its pitch for a moment only."""
    told = 0

    def steady() -> bool:
        nonlocal told
        told = told + 1 if visitor.tone.hears(caller.tone.hz) else 0
        return told > 8

    await until(steady, seconds=30)


@pytest.mark.timeout(120)
async def test_a_message_is_heard_and_deleted_at_a_telephone(site: RunningSite) -> None:
    site.init()
    site.add_agents(1)
    numbers = site.path / "numbers.toml"
    added = f'\n[[numbers]]\nnumber = "{NUMBER}"\nflow = "leave"\n'
    numbers.write_text(numbers.read_text() + added)
    (site.path / "flows" / "leave.yaml").write_text(FLOW)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        phone = await town.phone("3001", "s3001")
        caller = await town.call(NUMBER, "5551")
        await until(lambda: caller.tone.hears(BEEP_HZ))
        frames = caller.tone.frames
        await until(lambda: caller.tone.frames > frames + 100)
        await caller.press("#")
        await until(lambda: site.rows(MESSAGE) == [(1, 1)])
        (file,) = (site.path / "voicemail").rglob("*.wav")
        visitor = await town.call("8500", phone.user, phone=phone)
        await visitor.press("1")  # no greeting
        await hears_message(visitor, caller)
        await visitor.press("3")
        await until(lambda: site.rows(MESSAGE) == [(0, 0)])
        assert file.exists()
        await visitor.hang_up()
        await until(lambda: not file.exists())
    finally:
        await town.close()
    assert site.rows(MESSAGE) == [(0, 0)]
    acts = {action for (action,) in site.rows("SELECT action FROM audit")}
    assert {"mailbox.open", "recording.play", "message.delete", "recording.delete"} <= acts
    assert site.stop() == 0
    assert site.check_records()["faults"] == []
