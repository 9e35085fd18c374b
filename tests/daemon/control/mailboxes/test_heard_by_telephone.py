"""Messages heard at a telephone: who may, what becomes of them, and what survives a kill."""

from argon2 import PasswordHasher

from daemon.control.flows.active import ActiveFlow, ActiveFlows
from daemon.store.history import Recording
from daemon.store.rows import RecordingRow
from ivr.flow import load_flow
from tests.daemon.control.mailboxes.voicemail import Voicemail

PIN = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("4711")


async def test_the_station_of_a_mailbox_hears_its_messages(voicemail: Voicemail) -> None:
    await voicemail.leave(1)
    await voicemail.leave(2, heard=True)
    await voicemail.leave(3, ms=400)  # a click is no message
    line = await voicemail.dial()
    await voicemail.hears(line, "You have 1 new message and 1 saved message.")
    await voicemail.listens_to(line, 1)
    await voicemail.rig.press(line, "2")
    await voicemail.hears(line, "Saved message 2.")
    await voicemail.rig.settle()
    assert voicemail.rig.driver.lamps == [("2001", False)]
    await voicemail.rig.press(line, "**")
    await voicemail.gone(line)
    rows = await voicemail.stored()
    assert rows[1].heard_ms is not None
    assert rows[1].deleted_ms is None
    [row] = [call for call in voicemail.rig.calls() if call.dnis == "800"]
    assert (row.data["messages_new"], row.data["messages_left"]) == ("0", "2")
    assert ("telephone", "mailbox.open", "2001") in voicemail.acts
    assert [action for _, action, _ in voicemail.acts].count("recording.play") == 1


async def test_keys_move_in_the_message_that_plays(voicemail: Voicemail) -> None:
    await voicemail.leave(1)
    line = await voicemail.dial()
    await voicemail.listens_to(line, 1)
    await voicemail.rig.press(line, "4697")
    media = voicemail.rig.media
    assert media.steered == [("by", -5000.0), ("by", 5000.0), ("speed", 1.25), ("speed", 1.0)]
    assert voicemail.heard_now(line) == ["voicemail/1.wav"]
    await voicemail.rig.press(line, "5")
    await voicemail.hears(line, "Paused.")
    await voicemail.rig.press(line, "9")
    await voicemail.hears(line, "voicemail/1.wav")
    await voicemail.rig.press(line, "5")
    await voicemail.hears(line, "Paused.")
    again = [played for played in media.played if played.files == ("voicemail/1.wav",)][-1]
    assert again.speed == 1.25
    assert 4900 < again.start_ms < 7000
    await voicemail.rig.hang_up(line)
    # He hung up in the middle: it is still new.
    assert (await voicemail.stored())[1].heard_ms is None
    assert voicemail.rig.driver.lamps == []


async def test_a_deleted_message_goes_when_the_visitor_hangs_up(voicemail: Voicemail) -> None:
    one, two = await voicemail.leave(1), await voicemail.leave(2)
    line = await voicemail.dial()
    await voicemail.listens_to(line, 1)
    await voicemail.rig.press(line, "3")
    await voicemail.hears(line, "Deleted.")
    await voicemail.rig.press(line, "#")
    await voicemail.listens_to(line, 2)
    await voicemail.rig.press(line, "3")
    await voicemail.hears(line, "Deleted.")
    await voicemail.rig.press(line, "3")
    await voicemail.hears(line, "Restored.")
    assert one.exists()
    await voicemail.rig.hang_up(line)
    await voicemail.file_gone(one)
    assert two.exists()
    rows = await voicemail.stored()
    assert [rows[n].deleted_ms is None for n in (1, 2)] == [False, True]
    assert voicemail.rig.driver.lamps[-1] == ("2001", False)
    assert ("system", "recording.delete") in [act[:2] for act in voicemail.acts]


async def test_a_message_that_is_kept_by_an_administrator_stays(voicemail: Voicemail) -> None:
    file = await voicemail.leave(1)
    line = await voicemail.dial()
    await voicemail.listens_to(line, 1)
    await Recording.filter(id=1).update(held_ms=1)
    await voicemail.rig.press(line, "3")
    await voicemail.hears(line, "Deleted.")
    await voicemail.rig.hang_up(line)
    row = (await voicemail.stored())[1]
    assert (row.held_ms, row.deleted_ms) == (1, None)
    assert file.exists()


async def test_a_message_deleted_meanwhile_is_told_and_left_out(voicemail: Voicemail) -> None:
    file = await voicemail.leave(1)
    line = await voicemail.dial()
    await voicemail.hears(line, "You have 1 new message.")
    file.unlink()
    await voicemail.hears(line, "You have 1 new message.")
    await voicemail.rig.hear_out(line)
    await voicemail.hears(line, "New message 1.")
    await voicemail.rig.hear_out(line)
    await voicemail.hears(line, "This message is no longer there.")
    assert "There are no more messages." in voicemail.heard_now(line)


async def test_without_messages(voicemail: Voicemail) -> None:
    line = await voicemail.dial()
    await voicemail.hears(line, "You have no messages.")
    await voicemail.rig.press(line, "*")
    await voicemail.gone(line)


async def test_what_was_heard_and_deleted_survives_a_kill(voicemail: Voicemail) -> None:
    one = await voicemail.leave(1)
    await voicemail.leave(2)
    line = await voicemail.dial()
    await voicemail.listens_to(line, 1)
    await voicemail.rig.press(line, "3")
    await voicemail.hears(line, "Deleted.")
    await voicemail.again()
    marks = [row for row in voicemail.rig.book.newest(RecordingRow) if row.id == 1]
    assert [(row.heard_ms is not None, row.deleted_ms is not None) for row in marks] == [
        (True, True)
    ]
    # The caller is in the mailbox again, without its door, and may still take it back.
    await voicemail.hears(line, "You have")
    assert [act[1] for act in voicemail.acts].count("mailbox.open") == 1
    assert one.exists()
    row = (await voicemail.stored())[1]
    assert row.deleted_ms is not None


async def test_files_left_by_a_kill_go_later(voicemail: Voicemail) -> None:
    file = await voicemail.leave(1)
    now = round(voicemail.rig.clock() * 1000)
    await Recording.filter(id=1).update(deleted_ms=now - 10_000)
    await voicemail.rig.controller.mailboxes.clear()
    assert file.exists()  # within the hour its visitor may be back
    await Recording.filter(id=1).update(deleted_ms=now - 3_700_000)
    await voicemail.rig.controller.mailboxes.clear()
    assert not file.exists()
    await voicemail.rig.controller.mailboxes.clear()
    assert [act[1] for act in voicemail.acts] == ["recording.delete"]


async def test_a_stranger_needs_number_and_pin(voicemail: Voicemail) -> None:
    await voicemail.leave(1)
    await voicemail.pin("2001", PIN)
    line = await voicemail.rig.call("800")
    await voicemail.hears(line, "Please enter your mailbox number")
    await voicemail.rig.press(line, "2001#")
    await voicemail.hears(line, "Please enter your PIN")
    await voicemail.rig.press(line, "9999#")
    await voicemail.hears(line, "That is not correct.")
    await voicemail.rig.hear_out(line)
    await voicemail.hears(line, "Please enter your mailbox number")
    await voicemail.rig.press(line, "2001#4711#")
    await voicemail.hears(line, "You have 1 new message.")
    assert [act[1:] for act in voicemail.acts] == [
        ("mailbox.refuse", "2001"), ("mailbox.open", "2001"),
    ]  # fmt: skip
    [call] = [life.call for life in voicemail.rig.controller.calls.values()]
    assert not any(b"4711" in each or b"9999" in each for each in call.inputs)
    assert "4711" not in str(call.data)


async def test_another_telephone_needs_the_pin_of_the_mailbox(voicemail: Voicemail) -> None:
    await voicemail.leave(1)
    line = await voicemail.dial("2002")
    await voicemail.hears(line, "You have no messages.")  # its own


async def test_who_guesses_is_let_in_no_more(voicemail: Voicemail) -> None:
    await voicemail.leave(1)
    await voicemail.pin("2001", PIN)
    for _ in range(2):
        line = await voicemail.rig.call("800")
        for _ in range(3):
            await voicemail.hears(line, "Please enter your mailbox number")
            await voicemail.rig.press(line, "2001#0000#")
            while True:
                await voicemail.hears(line, ".")
                heard = voicemail.heard_now(line)
                if "That is not correct." in heard or any("cannot get" in each for each in heard):
                    break
            await voicemail.rig.hear_out(line)
            if any("cannot get" in each for each in heard):
                break
        await voicemail.hears(line, "No, ")
        await voicemail.gone(line)
    # The right one is refused now, too.
    line = await voicemail.rig.call("800", ani="5550000")
    await voicemail.hears(line, "Please enter your mailbox number")
    await voicemail.rig.press(line, "2001#4711#")
    await voicemail.hears(line, "You cannot get into this mailbox now.")


async def test_what_is_no_mailbox_is_not_written_down(voicemail: Voicemail) -> None:
    await voicemail.pin("2001", PIN)
    line = await voicemail.rig.call("800")
    await voicemail.hears(line, "Please enter your mailbox number")
    await voicemail.rig.press(line, "4711#2001#")  # in the wrong order
    await voicemail.hears(line, "That is not correct.")
    assert voicemail.acts == [("telephone", "mailbox.refuse", "")]


async def test_a_mailbox_without_pin_opens_to_nobody_else(voicemail: Voicemail) -> None:
    await voicemail.leave(1)
    await voicemail.pin("2001", "")
    line = await voicemail.rig.call("800")
    await voicemail.hears(line, "Please enter your mailbox number")
    await voicemail.rig.press(line, "2001##")
    await voicemail.hears(line, "No, silent")


ALWAYS = """\
version: 1
languages: [en]
start: messages
nodes:
  messages: {kind: messages, mailbox: "2001", always_pin: true, next: end}
  end: {kind: hang_up}
"""


async def test_a_flow_may_ask_the_own_telephone_for_the_pin(voicemail: Voicemail) -> None:
    await voicemail.leave(1)
    await voicemail.pin("2001", PIN)
    flow = ActiveFlow(load_flow(ALWAYS, "mailbox"), 1, ALWAYS)
    voicemail.rig.controller.flows = ActiveFlows([flow])
    line = await voicemail.dial()
    await voicemail.hears(line, "Please enter your PIN")
    await voicemail.rig.press(line, "4711#")
    await voicemail.hears(line, "You have 1 new message.")


THEN_ASKS = """\
version: 1
languages: [en]
start: messages
nodes:
  messages: {kind: messages, say: Welcome, next: grade, refused: grade}
  grade: {kind: collect, say: How was it, max: 1, into: grade, next: end, failed: end}
  end: {kind: hang_up}
"""


async def test_keys_pressed_too_early_answer_no_later_question(voicemail: Voicemail) -> None:
    await voicemail.pin("2001", PIN)
    flow = ActiveFlow(load_flow(THEN_ASKS, "mailbox"), 1, THEN_ASKS)
    voicemail.rig.controller.flows = ActiveFlows([flow])
    line = await voicemail.rig.call("800")
    await voicemail.hears(line, "Welcome")
    await voicemail.rig.press(line, "2001#4711#")
    await voicemail.rig.hear_out(line)
    await voicemail.hears(line, "Please enter your mailbox number")
    await voicemail.rig.press(line, "2001##")
    await voicemail.hears(line, "How was it")
    await voicemail.rig.press(line, "7")
    await voicemail.gone(line)
    [row] = [call for call in voicemail.rig.calls() if call.dnis == "800"]
    assert row.data["grade"] == "7"


async def test_without_its_database_a_visit_goes_on(voicemail: Voicemail) -> None:
    await voicemail.leave(1)
    await voicemail.leave(2)
    line = await voicemail.dial()
    await voicemail.listens_to(line, 1)
    await voicemail.store.connection.execute_script("ALTER TABLE recording RENAME TO away")
    await voicemail.rig.press(line, "2")
    await voicemail.listens_to(line, 2)
    await voicemail.rig.press(line, "3")
    await voicemail.hears(line, "Deleted.")
    marks = voicemail.rig.book.newest(RecordingRow)
    assert [(row.id, row.deleted_ms is None) for row in marks] == [(1, True), (2, False)]
    again = await voicemail.dial("2002")
    await voicemail.hears(again, "You cannot get into this mailbox now.")
    await voicemail.store.connection.execute_script("ALTER TABLE away RENAME TO recording")
