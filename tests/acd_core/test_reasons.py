"""Reasons in words: every one has them in both languages, and numbers keep their meaning."""

import pytest

from acd_core.errors import AcdError
from acd_core.reasons import LEAST_ARGUMENTS, Reason, explain, unpack

# What journals hold: a number never stands for something else.
NUMBERS = {
    "RULE": 1,
    "WAITED": 2,
    "CHOSEN_FROM": 3,
    "CHOSEN": 4,
    "RUNNER_UP": 5,
    "TIE_BREAK": 6,
    "LAST_AGENT": 7,
    "NAMED_AGENT": 8,
    "PREFERENCE_OVER": 9,
    "NOT_SKILLED": 10,
    "NOT_READY": 11,
    "CALLS_WAITING": 12,
    "MEASURED": 13,
    "WIDENED": 14,
    "CALL_RULE": 15,
    "OWN_ORDER": 16,
    "WEIGHT": 17,
    "OTHER_QUEUES": 18,
    "RESERVES": 19,
    "RINGS_WITH": 20,
    "RESERVES_HELD": 21,
    "TIER": 22,
    "NO_ROOM": 23,
}


def test_numbers_keep_their_meaning() -> None:
    assert {reason.name: reason.value for reason in Reason} == NUMBERS


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_in_both_languages(reason: Reason) -> None:
    count = LEAST_ARGUMENTS[reason]
    reasons = (reason, count, *range(1, count + 1))
    [english] = explain(reasons, "en", "agent {}".format)
    [chinese] = explain(reasons, "zh", "坐席 {}".format)
    assert english.isascii()
    assert english != chinese
    assert any("一" <= letter <= "鿿" for letter in chinese)
    with pytest.raises(AcdError):
        list(unpack(reasons[:-1]))


@pytest.mark.parametrize(
    ("reasons", "en", "zh"),
    [
        (
            (16, 2, 2, 3),
            "the agent's own order has the queue at place 2 of 3",
            "坐席自定顺序中该队列排第 2 位，共 3 位",
        ),
        (
            (16, 2, 0, 3),
            "the agent's own order names other queues first, at 3 places",
            "坐席自定顺序未列该队列，先服务其所列 3 位队列",
        ),
        ((17, 1, 2500), "a second of wait counts 2.5 times", "每秒等待按 2.5 倍计"),
        ((18, 2, 2, 7), "2 agents serve other queues only (7 and others)", None),
        (
            (19, 2, 712, 61_500),
            "reserve agents help (service level 71.2 %, estimated wait 61.5 s)",
            None,
        ),
        ((19, 2, -1, -1), "reserve agents help", "后备坐席已启用"),
        ((21, 2, 1, 7), "1 agents are in reserve (7)", "1 名坐席为后备（7）"),
        ((22, 3, 4, 5, 0), "green channel, tier 4: priority +5, open to all agents", None),
        ((23, 2, 1, 7), "1 agents had no room for one more (7)", "1 名坐席已无余量（7）"),
    ],
)
def test_what_new_reasons_say(reasons: tuple[int, ...], en: str, zh: str | None) -> None:
    assert explain(reasons, "en", str) == [en]
    if zh is not None:
        assert explain(reasons, "zh", str) == [zh]
