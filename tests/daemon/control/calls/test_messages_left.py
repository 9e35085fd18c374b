"""Callers who leave the queue by a key, and messages they leave."""

from acd_core.agent import AgentState
from daemon.control.calls.call import Phase
from daemon.store.rows import RecordingRow
from drivers.events import Cause
from tests.fakes.control_rig import ControlRig
from tests.fakes.sound_records import assert_sound


async def test_exit_key_leads_to_the_mailbox(rig: ControlRig) -> None:
    line = await rig.call_sales()
    await rig.later(5)
    await rig.press(line, "8")
    assert rig.phase(line) is Phase.WAITING
    await rig.press(line, "9")
    assert rig.phase(line) is Phase.FLOW
    assert rig.speech.said[-1] == "Speak after the tone"
    await rig.hear_out(line)
    assert rig.media.played[-1].tone == ((1000.0, 0.0),)
    assert rig.media.recorded == []
    await rig.hear_out(line)
    await rig.later(12)
    await rig.press(line, "#")
    [row], [visit], [message] = rig.calls(), rig.visits(), rig.book.newest(RecordingRow)
    assert (row.outcome, visit.outcome) == ("voicemail", "overflowed")
    assert (message.kind, message.mailbox, message.duration_ms) == ("message", "2001", 12_000)
    assert not message.stereo
    assert message.path.startswith("voicemail/")
    assert rig.driver.lamps == [("2001", True)]
    assert ("message", "", 12) in rig.kinds(row)
    assert_sound(rig)


async def test_exit_key_while_a_station_rings_stops_the_ringing(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    await rig.later(2)
    await rig.press(line, "9")
    assert rig.driver.telephone("2001").released_with == [Cause.NORMAL]
    assert rig.state("ann") is AgentState.READY
    await rig.hang_up(line)
    assert [kind[:2] for kind in rig.kinds(rig.calls()[0])] == [
        ("ivr", ""), ("wait", "overflowed"), ("ring", "withdrawn"), ("ivr", ""),
    ]  # fmt: skip
    assert_sound(rig)


async def test_exit_key_too_late_changes_nothing(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await rig.press(line, "9")
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_message_ends_with_the_callers_hang_up(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "2")
    await rig.hear_out(line)
    await rig.hear_out(line)
    await rig.later(9)
    await rig.hang_up(line)
    [row], [message] = rig.calls(), rig.book.newest(RecordingRow)
    assert (row.outcome, message.duration_ms) == ("voicemail", 9000)
    assert rig.driver.lamps == [("2001", True)]
    assert_sound(rig)


async def test_click_into_the_mailbox_is_no_message(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "2")
    await rig.hear_out(line)
    await rig.hear_out(line)
    await rig.later(0.4)
    await rig.hang_up(line)
    assert rig.calls()[0].outcome == "ivr_contained"
    assert rig.driver.lamps == []
    assert_sound(rig)
