"""What the end of a fax means, in words for people; numbers as in libspandsp's ``t30_err_e``."""

from typing import Final

from daemon.fax import messages as ends
from daemon.language import Language, pick

SOUND: Final = ("the line is too poor for a fax", "线路质量太差，无法传真")
SILENT: Final = ("the other side sent nothing that a fax sends", "对方没有发送传真信号")
STOPPED: Final = ("the other fax machine stopped in the middle", "对方传真机中途停止")
LOST: Final = ("the other fax machine no longer answered", "对方传真机不再应答")
UNLIKE: Final = ("the two fax machines do not agree", "两端传真机不兼容")
FILE: Final = ("the file of the fax cannot be used", "无法使用传真文件")
REFUSED: Final = ("the other fax machine does not let us in", "对方传真机拒绝访问")

_SAME: Final = {
    SOUND: (5, 6, 14, 20, 23, 26, 27, 28, 48),
    SILENT: (2, 3, 19),
    STOPPED: (15, 17, 24, 25, 35, 36, 37, 38, 39, 40),
    LOST: (21, 22, 29, 30, 31, 32, 33, 34),
    UNLIKE: (1, 4, 7, 8, 9, 10, 11, 12, 13, 16, 18),
    FILE: (41, 42, 43, 44, 45, 46, ends.BAD_FILE),
    REFUSED: tuple(range(50, 62)),
}
_TEXTS: Final = {
    ends.OK: ("complete", "完成"),
    47: ("the machine has no memory left", "内存不足"),
    ends.DROPPED: ("somebody hung up in the middle", "传真中途被挂断"),
    ends.NO_TERMINAL: ("our fax terminal failed", "本方传真终端故障"),
    ends.TOO_LONG: ("it took longer than a fax may", "传真超过允许的时间"),
    ends.BUSY: ("too many faxes at once", "同时传真过多"),
    ends.NO_AUDIO: ("the audio was lost", "音频中断"),
    ends.INTERRUPTED: (
        "the hotline stopped while it was being sent; some pages may have arrived",
        "发送过程中热线中断，部分页面可能已送达",
    ),
    ends.LINE_BUSY: ("the number is engaged", "对方占线"),
    ends.NO_ANSWER: ("nobody answered", "无人接听"),
    ends.CALL_REFUSED: ("the call was refused", "呼叫被拒绝"),
    ends.UNKNOWN_NUMBER: ("there is no such number", "号码不存在"),
    ends.NO_LINE: ("no line is free for it", "没有可用线路"),
    ends.NOT_REACHED: ("the number cannot be reached", "无法接通该号码"),
    **{code: text for text, codes in _SAME.items() for code in codes},
}


def text_of(code: int, *, language: Language | None = None) -> str:
    """Say how a fax ended; a number that we do not know is told as it is."""
    unknown = (f"failed for reason {code}", f"失败，原因 {code}")
    return pick(*_TEXTS.get(code, unknown), language=language)
