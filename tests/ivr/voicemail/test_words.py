"""What is said of messages: numbers, days and callers in both languages."""

from datetime import UTC, date, datetime

import pytest

from ivr.voicemail.words import Message, envelope, fixed, say, summary

TODAY = date(2027, 1, 1)


def message(left: datetime, caller: str = "", *, heard: bool = False) -> Message:
    return Message(recording=1, left=left, caller=caller, heard=heard)


@pytest.mark.parametrize(
    ("new", "old", "en", "zh"),
    [
        (0, 0, "You have no messages.", "您没有留言。"),
        (1, 0, "You have 1 new message.", "您有1条新留言。"),
        (2, 1, "You have 2 new messages and 1 saved message.", "您有2条新留言和1条已听留言。"),
        (0, 5, "You have 5 saved messages.", "您有5条已听留言。"),
    ],
)
def test_how_many_there_are(new: int, old: int, en: str, zh: str) -> None:
    at = datetime(2027, 1, 1, 9, tzinfo=UTC)
    all_of_them = [message(at)] * new + [message(at, heard=True)] * old
    assert summary(all_of_them, "en").text == en
    assert summary(all_of_them, "zh").text == zh
    assert summary(all_of_them, "fr").text == en


@pytest.mark.parametrize(
    ("left", "en", "zh"),
    [
        (datetime(2027, 1, 1, 0, 5, tzinfo=UTC), "Today, 12 05 A M.", "今天 0点5分"),
        (datetime(2026, 12, 31, 12, 0, tzinfo=UTC), "Yesterday, 12 P M.", "昨天 12点整"),
        (datetime(2026, 11, 3, 17, 30, tzinfo=UTC), "November 3, 5 30 P M.", "11月3日 17点30分"),
    ],
)
def test_when_it_was_left(left: datetime, en: str, zh: str) -> None:
    for language, wanted in (("en", en), ("zh", zh)):
        told = envelope(message(left), 1, TODAY, language)
        assert " ".join(piece.text for piece in told[1:3]) == wanted
        assert {piece.language for piece in told} == {language}


def test_who_has_called() -> None:
    at = datetime(2027, 1, 1, 9, tzinfo=UTC)
    assert envelope(message(at, "401"), 2, TODAY, "en")[3].text == "From four zero one."
    assert envelope(message(at, "401"), 2, TODAY, "zh")[3].text == "来电号码四零幺。"
    assert envelope(message(at), 2, TODAY, "en")[3].text == "From an unknown number."
    assert envelope(message(at, "anonymous"), 2, TODAY, "zh")[3].text == "来电号码未知。"


def test_both_languages_say_the_same_sentences() -> None:
    assert len(fixed("en")) == len(fixed("zh")) > 10
    assert say("bye", "zh").text == "再见。"
