"""What somebody hears who listens to messages, in English and Chinese."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from ivr.actions import Speech
from ivr.spoken import digits

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message in a mailbox."""

    recording: int
    left: datetime
    """When it was left, in the time of the site."""
    caller: str = ""
    """Who called; empty when that is not known."""
    duration_s: float = 0.0
    heard: bool = False
    deleted: bool = False


_TEXTS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "mailbox": "Please enter your mailbox number, and press pound.",
        "pin": "Please enter your PIN, and press pound.",
        "wrong": "That is not correct.",
        "refused": "You cannot get into this mailbox now. Please try again later.",
        "choose": "To hear it again, press 1. To keep it, press 2. To delete it, press 3.",
        "deleted": "Deleted. To restore it, press 3.",
        "restored": "Restored.",
        "gone": "This message is no longer there.",
        "last": "There are no more messages.",
        "menu": "To hear your messages again, press 1. To leave, press star.",
        "restore": "To restore what you have deleted, press 3.",
        "leave": "To leave, press star.",
        "paused": "Paused. To go on, press 5.",
        "bye": "Goodbye.",
        "help": (
            "1 plays the message again. 2 keeps it and goes on. 3 deletes it. 4 goes back, and 6 "
            "goes forward, 5 seconds. 5 pauses. 7 plays slower, and 9 faster. Pound goes to the "
            "next message, and star to the menu."
        ),
    },
    "zh": {
        "mailbox": "请输入信箱号码，以井号键结束。",
        "pin": "请输入密码，以井号键结束。",
        "wrong": "输入不正确。",
        "refused": "目前无法进入此信箱，请稍后再试。",
        "choose": "重听请按1，保留请按2，删除请按3。",
        "deleted": "已删除，恢复请按3。",
        "restored": "已恢复。",
        "gone": "这条留言已不存在。",
        "last": "没有更多留言了。",
        "menu": "重新收听留言请按1，退出请按星号键。",
        "restore": "恢复已删除的留言请按3。",
        "leave": "退出请按星号键。",
        "paused": "已暂停，继续请按5。",
        "bye": "再见。",
        "help": (
            "1键重听，2键保留并继续，3键删除，4键后退5秒，6键前进5秒，5键暂停，"
            "7键放慢，9键加快，井号键听下一条，星号键返回菜单。"
        ),
    },
}


def say(key: str, language: str) -> Speech:
    """A fixed sentence."""
    known = _known(language)
    return Speech(text=_TEXTS[known][key], language=known)


def fixed(language: str) -> tuple[Speech, ...]:
    """Every fixed sentence of a language, to be spoken before the first call."""
    return tuple(say(key, language) for key in _TEXTS[_known(language)])


def summary(messages: Sequence[Message], language: str) -> Speech:
    """How many messages there are."""
    known = _known(language)
    new = sum(1 for each in messages if not each.heard and not each.deleted)
    old = sum(1 for each in messages if each.heard and not each.deleted)
    text = _summary_zh(new, old) if known == "zh" else _summary_en(new, old)
    return Speech(text=text, language=known)


def _summary_en(new: int, old: int) -> str:
    parts = [_count_en(count, kind) for count, kind in ((new, "new"), (old, "saved")) if count]
    if not parts:
        return "You have no messages."
    return f"You have {' and '.join(parts)}."


def _count_en(count: int, kind: str) -> str:
    return f"{count} {kind} message" if count == 1 else f"{count} {kind} messages"


def _summary_zh(new: int, old: int) -> str:
    parts = [f"{count}条{kind}留言" for count, kind in ((new, "新"), (old, "已听")) if count]
    return f"您有{'和'.join(parts)}。" if parts else "您没有留言。"


def envelope(message: Message, place: int, today: date, language: str) -> tuple[Speech, ...]:
    """Which message it is, when it was left, and by whom; in pieces that other messages share."""
    known = _known(language)
    pieces = (
        _place(message, place, known),
        _day(message.left.date(), today, known),
        _time(message.left, known),
        _caller(message.caller, known),
    )
    return tuple(Speech(text=text, language=known) for text in pieces)


def _place(message: Message, place: int, language: str) -> str:
    state = 0 if message.deleted else 1 if message.heard else 2
    if language == "zh":
        return f"第{place}条，{('已删除', '已听', '新留言')[state]}。"
    return f"{('Deleted', 'Saved', 'New')[state]} message {place}."


def _day(day: date, today: date, language: str) -> str:
    chinese = language == "zh"
    if day == today:
        return "今天" if chinese else "Today,"
    if day == today - timedelta(days=1):
        return "昨天" if chinese else "Yesterday,"
    if chinese:
        return f"{day.month}月{day.day}日"
    return f"{_MONTHS[day.month - 1]} {day.day},"


def _time(at: datetime, language: str) -> str:
    if language == "zh":
        return f"{at.hour}点{at.minute}分" if at.minute else f"{at.hour}点整"
    half, hour = "A M" if at.hour < 12 else "P M", at.hour % 12 or 12
    return f"{hour} {half}." if not at.minute else f"{hour} {at.minute:02} {half}."


def _caller(number: str, language: str) -> str:
    spoken = digits(number, language)
    if language == "zh":
        return f"来电号码{spoken}。" if spoken else "来电号码未知。"
    return f"From {spoken}." if spoken else "From an unknown number."


def _known(language: str) -> str:
    return language if language in _TEXTS else "en"
