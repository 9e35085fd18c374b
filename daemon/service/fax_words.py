"""How a fax goes, in words for people: the console and the command line say the same."""

from collections.abc import Mapping
from typing import Final

from daemon.service.faxes import Fax, FaxState

Words = tuple[str, str]
"""English, Chinese."""

STATES: Final[Mapping[FaxState, Words]] = {
    FaxState.PREPARING: ("being prepared", "正在准备"),
    FaxState.WAITING: ("waiting", "等待中"),
    FaxState.CALLING: ("calling", "正在呼叫"),
    FaxState.SENDING: ("being sent", "正在发送"),
    FaxState.SENT: ("sent", "已发送"),
    FaxState.RECEIVING: ("coming in", "正在接收"),
    FaxState.RECEIVED: ("received", "已接收"),
    FaxState.FAILED: ("failed", "失败"),
    FaxState.CANCELLED: ("cancelled", "已取消"),
}
MOVING: Final = frozenset((FaxState.SENDING, FaxState.RECEIVING))
OVER_WELL: Final = frozenset((FaxState.SENT, FaxState.RECEIVED))


def state_words(state: FaxState, language: str) -> str:
    """How far a fax is."""
    return _said(STATES[state], language)


def page_words(fax: Fax, language: str) -> str:
    """The page that goes over now, or how many did; empty before there is one."""
    if fax.state in MOVING and fax.rate:
        page = fax.pages + 1
        if not fax.of:
            return _said((f"page {page}", f"第 {page} 页"), language)
        page = min(page, fax.of)
        return _said((f"page {page} of {fax.of}", f"第 {page}/{fax.of} 页"), language)
    if fax.of and fax.state in (FaxState.SENT, FaxState.FAILED):
        both = (f"{fax.pages} of {fax.of} pages", f"{fax.pages}/{fax.of} 页")
        return _said(both, language)
    if fax.pages and not fax.of:
        pages = "1 page" if fax.pages == 1 else f"{fax.pages} pages"
        return _said((pages, f"{fax.pages} 页"), language)
    return ""


def way_words(fax: Fax, language: str) -> list[str]:
    """How the machines send: speed, error correction, T.38, and what the audio suffered."""
    words: list[Words] = []
    if fax.state in MOVING and not fax.rate:
        words.append(("the machines agree on a speed", "正在协商速率"))
    if fax.rate and fax.state in MOVING | OVER_WELL:
        words.append((f"{fax.rate} bit/s",) * 2)
        if fax.ecm:
            words.append(("error correction", "纠错"))
        if fax.t38:
            words.append(("T.38", "T.38"))
    if fax.slips:
        slips = "1 slip" if fax.slips == 1 else f"{fax.slips} slips"
        words.append((f"{slips} of the audio", f"音频滑动 {fax.slips} 次"))
    if fax.gaps:
        gaps = "1 gap" if fax.gaps == 1 else f"{fax.gaps} gaps"
        words.append((f"{gaps} in the audio", f"音频缺失 {fax.gaps} 处"))
    return [_said(each, language) for each in words]


def _said(words: Words, language: str) -> str:
    return words[language == "zh"]
