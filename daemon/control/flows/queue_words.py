"""What waiting callers are told of their place and their wait, in their language."""

from math import ceil
from typing import Final

from acd_core.commands import AnnounceToCaller
from ivr.actions import Speech

LONGEST_MIN: Final = 60  # min; a longer wait is told as "more than an hour"

_NO_CALLBACK: Final = {
    "en": "We cannot call you back at the moment. Please stay on the line.",
    "zh": "目前无法安排回电，请不要挂机。",
}
_CONFIRM: Final = {
    "en": "This is the call you asked for. Press 1 to be connected.",
    "zh": "这是您预约的回电。接通请按1。",
}


def no_callback(language: str) -> Speech:
    """Said when a call-back is wished and cannot be taken."""
    return Speech(text=_NO_CALLBACK[_known(language)], language=_known(language))


def announcement(told: AnnounceToCaller, language: str) -> tuple[Speech, ...]:
    """What the engine wants the caller to know; the site's own prompt comes last."""
    known = _known(language)
    texts = []
    if told.position is not None:
        texts.append(_position(told.position, known))
    if told.low_s is not None and told.high_s is not None:
        texts.append(_wait(told.low_s, told.high_s, known))
    said = [Speech(text=text, language=known) for text in texts]
    if told.prompt:
        said.append(Speech(file=told.prompt, language=known))
    return tuple(said)


def confirmation() -> dict[str, str]:
    """What somebody who is called back hears first: an answering machine cannot press a key."""
    return dict(_CONFIRM)


def _known(language: str) -> str:
    return language if language in _NO_CALLBACK else "en"


def _position(position: int, language: str) -> str:
    if language == "zh":
        return "您是下一位。" if position == 1 else f"您前面还有{position - 1}位来电者。"
    return "You are next." if position == 1 else f"You are number {position} in the queue."


def _wait(low_s: float, high_s: float, language: str) -> str:
    """The wait in whole minutes; never less than one is promised."""
    low, high = max(1, ceil(low_s / 60)), max(1, ceil(high_s / 60))
    if high > LONGEST_MIN:
        over = "预计等待时间超过一小时。"
        return over if language == "zh" else "Your wait will be more than an hour."
    if low >= high:
        if language == "zh":
            return f"预计等待时间约{high}分钟。"
        return f"Your wait will be about {high} {_minutes(high)}."
    if language == "zh":
        return f"预计等待时间{low}到{high}分钟。"
    return f"Your wait will be between {low} and {high} minutes."


def _minutes(count: int) -> str:
    return "minute" if count == 1 else "minutes"
