"""A visit to a mailbox: every key in every stage, the places it leads to, and the edges."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.voicemail.visit import Jump, Listen, Mark, Pace, Say, Stage, Steps, Visit
from ivr.voicemail.words import Message, say

TODAY = date(2026, 11, 20)
KEYS = "0123456789*#"


def message(number: int, *, heard: bool = False, seconds: float = 20.0) -> Message:
    left = datetime(2026, 11, 20, 14, number, tzinfo=UTC)
    return Message(recording=number, left=left, caller="55", duration_s=seconds, heard=heard)


def visit(*messages: Message) -> Visit:
    return Visit(messages or (message(1), message(2)), "en", TODAY)


def texts(told: Steps) -> list[str]:
    return [said.text for step in told if isinstance(step, Say) for said in step.said]


def playing(*messages: Message) -> Visit:
    """A visit that plays its first message since second 100."""
    made = visit(*messages)
    made.start()
    made.sounded(90)
    assert made.sounded(100) == (Listen(recording=1, start_ms=0, speed=1.0),)
    return made


def choosing() -> Visit:
    """A visit whose first message was heard to its end."""
    made = playing()
    made.sounded(120)
    assert made.stage is Stage.CHOOSING
    return made


def test_the_way_through_two_messages_without_a_key() -> None:
    made = visit(message(2, heard=True), message(1))
    assert texts(made.start()) == ["You have 1 new message and 1 saved message."]
    assert texts(made.sounded(0)) == ["New message 1.", "Today,", "2 01 P M.", "From five five."]
    assert made.sounded(3) == (Listen(recording=1, start_ms=0, speed=1.0),)
    mark, ask = made.sounded(23)
    assert mark == Mark(recording=1, heard=True, deleted=False)
    assert texts((ask,)) == [
        "To hear it again, press 1. To keep it, press 2. To delete it, press 3."
    ]
    assert made.patience_s == 6
    assert texts(made.silent(29)) == texts((ask,))
    assert texts(made.silent(35))[0] == "Saved message 2."
    assert made.sounded(38) == (Listen(recording=2, start_ms=0, speed=1.0),)
    assert texts(made.sounded(58)) == texts((ask,))  # was heard before: nothing to note
    made.silent(64)
    assert texts(made.silent(70)) == [
        "There are no more messages.",
        "To hear your messages again, press 1. To leave, press star.",
    ]
    assert len(made.silent(76)) == 1
    assert texts(made.silent(82)) == ["Goodbye."]
    assert (made.stage, made.heard) == (Stage.OVER, 1)


def test_no_messages() -> None:
    made = Visit((), "zh", TODAY)
    assert texts(made.start()) == ["您没有留言。", "退出请按星号键。"]
    for key in "12345679#":
        told = made.key(key, 0)
        assert not any(isinstance(step, Listen | Mark) for step in told)
    assert texts(made.key("0", 0))[0].startswith("1键重听")
    assert made.sounded(5) != ()
    made.key("*", 6)
    assert made.stage is Stage.OVER
    assert made.key("1", 7) == ()


def test_1_repeats_from_the_announcement() -> None:
    made = playing()
    assert texts(made.key("1", 104))[0] == "New message 1."
    assert made.sounded(107) == (Listen(recording=1, start_ms=0, speed=1.0),)
    made.sounded(127)
    assert texts(made.key("1", 128))[0] == "Saved message 1."


@pytest.mark.parametrize("key", "2#")
def test_the_next_message_follows(key: str) -> None:
    made = playing()
    told = made.key(key, 104)
    assert texts(told)[0] == "New message 2."
    kept = (Mark(recording=1, heard=True, deleted=False),)
    # Kept is heard; who only skips may not have listened.
    assert told[:-1] == (kept if key == "2" else ())
    assert made.messages[0].heard == (key == "2")


def test_3_deletes_and_takes_back_until_the_end() -> None:
    made = playing()
    mark, said = made.key("3", 104)
    assert mark == Mark(recording=1, heard=True, deleted=True)
    assert texts((said,)) == ["Deleted. To restore it, press 3."]
    assert made.patience_s == 2
    back, ask = made.key("3", 105)
    assert back == Mark(recording=1, heard=True, deleted=False)
    assert texts((ask,))[0] == "Restored."
    made.key("3", 106)
    assert texts(made.silent(110))[0] == "New message 2."
    # Later on it is still there, as deleted.
    made.key("*", 111)
    assert texts(made.key("1", 112))[0] == "Deleted message 1."
    assert made.key("3", 113)[0] == Mark(recording=1, heard=True, deleted=False)


def test_2_keeps_what_was_deleted() -> None:
    made = playing()
    made.key("3", 104)
    told = made.key("2", 105)
    assert told[0] == Mark(recording=1, heard=True, deleted=False)
    assert texts(told)[:2] == ["Restored.", "New message 2."]


def test_the_menu_restores_all_that_was_deleted() -> None:
    made = playing()
    made.key("3", 104)
    made.silent(107)
    made.key("3", 108)
    told = made.key("#", 109)
    assert texts(told)[-1] == "To restore what you have deleted, press 3."
    told = made.key("3", 110)
    assert [step.recording for step in told if isinstance(step, Mark)] == [1, 2]
    assert texts(told)[0] == "Restored."
    assert not any(isinstance(step, Mark) for step in made.key("3", 111))


def test_4_and_6_move_by_five_seconds_and_not_beyond_the_ends() -> None:
    made = playing()
    assert made.key("4", 102) == (Jump(-5000),)
    # Two seconds in, it went to the beginning.
    assert made.key("6", 102) == (Jump(5000),)
    assert made.key("5", 103) == (Say((say("paused", "en"),)),)
    assert made.key("5", 200) == (Listen(recording=1, start_ms=6000, speed=1.0),)
    made.key("6", 201)
    made.key("6", 201)
    made.key("6", 201)
    made.key("5", 201)
    assert made.key("4", 202) == (Listen(recording=1, start_ms=15_000, speed=1.0),)


def test_4_behind_the_end_plays_the_last_five_seconds() -> None:
    assert choosing().key("4", 121) == (Listen(recording=1, start_ms=15_000, speed=1.0),)


def test_7_and_9_change_the_speed_and_the_next_message_has_it() -> None:
    made = playing()
    assert made.key("9", 104) == (Pace(1.25),)
    assert made.key("9", 108) == (Pace(1.5),)  # 4 s, then 4 s of 1.25
    made.key("5", 110)
    assert made.key("5", 150) == (Listen(recording=1, start_ms=12_000, speed=1.5),)
    assert [made.key("9", 150) for _ in range(3)][-1] == (Pace(2.0),)
    assert [made.key("7", 150) for _ in range(9)][-1] == (Pace(0.5),)
    made.key("#", 151)
    assert made.sounded(155) == (Listen(recording=2, start_ms=0, speed=0.5),)


def test_a_paused_message_moves_and_goes_on() -> None:
    made = playing()
    made.key("5", 110)
    assert made.stage is Stage.PAUSED
    assert made.patience_s == 120
    assert made.sounded(111) == ()
    assert made.key("6", 120) == (Listen(recording=1, start_ms=15_000, speed=1.0),)
    made.key("5", 121)
    assert made.key("9", 130) == (Listen(recording=1, start_ms=16_000, speed=1.25),)
    made.key("5", 131)
    assert texts(made.silent(251))[0].startswith("To hear it again")


def test_0_helps_and_goes_on_where_it_was() -> None:
    made = playing()
    assert texts(made.key("0", 107))[0].startswith("1 plays the message again.")
    assert made.sounded(130) == (Listen(recording=1, start_ms=7000, speed=1.0),)
    made.key("0", 131)
    assert made.key("5", 132) == (Listen(recording=1, start_ms=8000, speed=1.0),)
    behind = choosing()
    behind.key("0", 121)
    assert texts(behind.sounded(140))[0].startswith("To hear it again")
    gone = playing()
    gone.key("3", 101)
    gone.key("0", 102)
    assert texts(gone.sounded(120))[0].startswith("To hear it again")
    first = visit()
    first.start()
    first.key("0", 1)
    assert first.stage is Stage.HELPED
    assert texts(first.sounded(2))[0].startswith("To hear your messages again")


def test_star_goes_up_and_up_again_is_the_end() -> None:
    made = playing()
    made.key("*", 104)
    assert made.stage is Stage.MENU
    assert not made.messages[0].heard  # hung up on in the middle
    made.key("*", 105)
    assert made.stage is Stage.OVER


@pytest.mark.parametrize("key", "12#")
def test_the_greeting_may_be_cut_short(key: str) -> None:
    made = visit()
    made.start()
    assert texts(made.key(key, 1))[0] == "New message 1."


@pytest.mark.parametrize(("there", "said"), [(0, ["This message is no longer there."]), (1, [])])
def test_a_message_that_is_gone_is_told_and_left_out(there: int, said: list[str]) -> None:
    made = playing(message(1)) if not there else playing()
    told = made.gone(100)
    assert texts(told)[0] == "This message is no longer there."
    rest = [each.recording for each in made.messages]
    assert rest == ([] if not there else [2])
    if there:
        assert texts(told)[1] == "New message 1."
        assert made.sounded(104) == (Listen(recording=2, start_ms=0, speed=1.0),)
    else:
        assert texts(told)[1:] == ["There are no more messages.", "To leave, press star."]


@given(st.lists(st.sampled_from([*KEYS, "end", "wait", "gone", "A"]), max_size=60), st.data())
def test_any_order_of_anything_keeps_what_was_told(story: list[str], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 3))
    made = Visit([message(n + 1, heard=n > 1) for n in range(count)], "en", TODAY)
    now, plays, noted = 0.0, False, {n + 1: (n > 1, False) for n in range(count)}
    told = made.start()
    for event in story:
        now += data.draw(st.floats(0, 30))
        if event == "end":
            told = made.sounded(now)
        elif event == "wait":
            told = made.silent(now) if made.patience_s else ()
        elif event == "gone":
            told = made.gone(now) if plays else ()
        else:
            told = made.key(event, now)
        for step in told:
            plays = isinstance(step, Listen) or (plays and isinstance(step, Jump | Pace))
            if isinstance(step, Listen):
                assert 0 <= step.start_ms <= 20_000
                assert 0.5 <= step.speed <= 2.0
            if isinstance(step, Jump | Pace):
                assert plays
            if isinstance(step, Mark):
                noted[step.recording] = (step.heard, step.deleted)
        if made.stage is Stage.OVER:
            assert made.patience_s is None
    for each in made.messages:
        assert noted[each.recording] == (each.heard, each.deleted)
