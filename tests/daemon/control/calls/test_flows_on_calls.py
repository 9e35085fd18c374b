"""What callers do in a flow: keys before and during prompts, speech, silence, missing audio."""

from collections.abc import Awaitable, Callable

import pytest

from daemon.control.calls.call import Phase
from daemon.link.errors import MediaRefused
from drivers.events import Cause
from drivers.tones import TONES
from speech.api import EngineDown, TooLong
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]


async def test_key_cuts_the_prompt(rig: ControlRig) -> None:
    line = await rig.call()
    assert rig.media.hears(line.port)
    await rig.press(line, "1")
    assert rig.phase(line) is Phase.WAITING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_keys_that_the_line_itself_reports_count_too(rig: ControlRig) -> None:
    line = await rig.call()
    rig.driver.press(line, "1")
    await rig.settle()
    assert rig.phase(line) is Phase.WAITING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_keys_typed_ahead_answer_the_questions_to_come(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "34711#")
    assert rig.phase(line) is Phase.WAITING
    assert rig.call_on(line).data["account"] == "4711"
    assert rig.speech.said == ["Sales is one and a message is two"]
    await rig.hang_up(line)
    assert rig.calls()[0].path == ("menu", "account", "sales")
    assert_sound(rig)


async def test_pause_between_keys_ends_the_entry(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "3")
    await rig.press(line, "4711")
    assert rig.phase(line) is Phase.FLOW
    await rig.later(5)
    assert rig.phase(line) is Phase.WAITING
    assert rig.call_on(line).data["account"] == "4711"
    await rig.hang_up(line)
    assert_sound(rig)


async def test_silence_is_asked_again_and_then_given_up(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.hear_out(line)
    rig.speech.hear_nothing()
    await rig.settle()
    assert rig.speech.said[1] == "Are you there"
    await rig.hear_out(line)
    rig.speech.hear_nothing()
    await rig.settle()
    [row] = rig.calls()
    assert (row.outcome, row.ended_by, row.path[-1]) == ("ivr_contained", "system", "goodbye")
    assert line.released_with == [Cause.NORMAL]
    assert_sound(rig)


async def test_spoken_choice_after_the_prompt(rig: ControlRig) -> None:
    line = await rig.call()
    assert rig.speech.grammars == []
    await rig.hear_out(line)
    assert rig.speech.grammars[0].phrases == {"sales": "1"}
    rig.speech.hear("sales")
    await rig.settle()
    assert rig.phase(line) is Phase.WAITING
    assert (rig.media.taps, rig.media.armed) == (set(), set())
    await rig.hang_up(line)
    assert_sound(rig)


async def test_speaking_into_the_prompt_stops_it(rig: ControlRig) -> None:
    line = await rig.call()
    rig.media.begin_to_speak(line.port)
    await rig.settle()
    assert rig.media.hears(line.port) == ()
    rig.speech.hear("sales")
    await rig.settle()
    assert rig.phase(line) is Phase.WAITING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_words_that_are_no_choice_are_asked_again(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.hear_out(line)
    rig.speech.hear("marmalade")
    await rig.settle()
    assert rig.media.hears(line.port)
    await rig.hear_out(line)
    rig.speech.tell(TooLong(text="and so on"))
    await rig.settle()
    assert rig.calls()[0].path[-1] == "goodbye"
    assert_sound(rig)


async def test_key_while_listening_ends_the_listening(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.hear_out(line)
    await rig.press(line, "1")
    assert rig.phase(line) is Phase.WAITING
    assert rig.media.taps == set()
    await rig.hang_up(line)
    assert_sound(rig)


@pytest.mark.parametrize("how", ["service", "engine", "tap"])
async def test_without_recognition_the_keys_still_work(rig: ControlRig, how: str) -> None:
    if how == "tap":
        rig.media.faults["tap"] = MediaRefused("system", "no descriptors left")
    line = await rig.call()
    if how == "service":
        rig.speech.away = True
    await rig.hear_out(line)
    if how == "engine":
        rig.speech.tell(EngineDown("the model is gone"))
        await rig.settle()
    await rig.later(2)
    await rig.press(line, "1")
    assert rig.phase(line) is Phase.WAITING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_without_recognition_silence_still_ends_the_wait(rig: ControlRig) -> None:
    line = await rig.call()
    rig.speech.away = True
    await rig.hear_out(line)
    await rig.later(5)
    await rig.later(5)
    assert rig.calls()[0].path[-1] == "goodbye"
    assert_sound(rig)


async def test_menu_whose_prompt_is_missing_takes_keys(rig: ControlRig) -> None:
    rig.speech.missing.add("Sales is one and a message is two")
    line = await rig.call()
    assert rig.media.played == []
    await rig.press(line, "1")
    assert rig.phase(line) is Phase.WAITING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_waiting_callers_hear_announcements_between_the_music(rig: ControlRig) -> None:
    (rig.site / "prompts").mkdir()
    (rig.site / "prompts" / "hold_music.wav").write_bytes(b"RIFF")
    line = await rig.call("400")
    heard = [rig.media.hears(line.port)]
    for wait in (1.5, 20, 1, 20):
        await rig.later(wait)
        heard.append(rig.media.hears(line.port))
    said, music = ("cache/prompts/1.8k.s16",), ("cache/prompts/hold_music.8k.s16",)
    assert heard == [said, music, said, music, said]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_waiting_callers_hear_the_music_of_their_queue(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(music="harp")])
    (rig.site / "prompts").mkdir()
    (rig.site / "prompts" / "harp.ogg").write_bytes(b"OggS")
    (rig.site / "prompts" / "hold_music.wav").write_bytes(b"RIFF")
    line = await rig.call_sales()
    assert rig.media.hears(line.port) == ("cache/prompts/harp.8k.s16",)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_waiting_callers_hear_ringback_where_there_is_no_music(rig: ControlRig) -> None:
    line = await rig.call_sales()
    assert rig.media.played[-1].tone == ((425.0, 0.0),)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_ringback_is_that_of_the_country(rig: ControlRig) -> None:
    rig.controller.prompts.tones = TONES["uk"]
    line = await rig.call_sales()
    assert rig.media.played[-1].tone == ((400.0, 450.0),)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_flow_that_names_an_unknown_queue_is_told_that_it_is_refused(
    make_rig: MakeRig,
) -> None:
    rig = await make_rig(queues=[make_queue(slug="support")])
    line = await rig.call_sales()
    assert rig.speech.said[-1] == "The queue is full"
    await rig.hear_out(line)
    assert rig.visits() == []
    assert_sound(rig)


async def test_disabled_queue_takes_no_calls(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(enabled=False)])
    line = await rig.call_sales()
    assert rig.speech.said[-1] == "The queue is full"
    await rig.hear_out(line)
    assert_sound(rig)


async def test_recording_that_never_ends_is_stopped(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "2")
    await rig.hear_out(line)
    await rig.hear_out(line)
    await rig.later(130)
    [row] = rig.calls()
    assert row.outcome == "voicemail"
    assert_sound(rig)
