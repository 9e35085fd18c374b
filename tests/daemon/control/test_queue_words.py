"""What waiting callers are told: every text in both languages, no promise below a minute."""

import pytest

from acd_core.commands import AnnounceToCaller
from acd_core.ids import CallId, QueueId
from daemon.control.flows.queue_words import announcement, confirmation, no_callback


def said(language: str, **told: object) -> list[str]:
    command = AnnounceToCaller(call=CallId(1), queue=QueueId(1), **told)  # type: ignore[arg-type]
    return [speech.text or f"file {speech.file}" for speech in announcement(command, language)]


@pytest.mark.parametrize(
    ("position", "en", "zh"),
    [
        (1, "You are next.", "您是下一位。"),
        (3, "You are number 3 in the queue.", "您前面还有2位来电者。"),
    ],
)
def test_the_place(position: int, en: str, zh: str) -> None:
    assert said("en", position=position) == [en]
    assert said("zh", position=position) == [zh]


@pytest.mark.parametrize(
    ("low", "high", "en", "zh"),
    [
        (5.0, 20.0, "Your wait will be about 1 minute.", "预计等待时间约1分钟。"),
        (60.0, 180.0, "Your wait will be between 1 and 3 minutes.", "预计等待时间1到3分钟。"),
        (600.0, 600.0, "Your wait will be about 10 minutes.", "预计等待时间约10分钟。"),
        (600.0, 3601.0, "Your wait will be more than an hour.", "预计等待时间超过一小时。"),
    ],
)
def test_the_wait(low: float, high: float, en: str, zh: str) -> None:
    assert said("en", low_s=low, high_s=high) == [en]
    assert said("zh", low_s=low, high_s=high) == [zh]


def test_the_prompt_of_the_queue_comes_last() -> None:
    assert said("en", position=1, prompt="offers") == ["You are next.", "file offers"]


def test_a_language_we_have_no_words_in_hears_english() -> None:
    assert said("ko", position=1) == ["You are next."]
    assert no_callback("ko").language == "en"
    assert no_callback("zh").text != no_callback("en").text
    assert set(confirmation()) == {"en", "zh"}
