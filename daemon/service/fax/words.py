"""How a fax goes, in words for people: the console and the command line say the same."""

from collections.abc import Mapping
from typing import Final

from daemon.service.fax.faxes import Fax, FaxState

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
    words += _damage(fax.slips, fax.gaps)
    return [_said(each, language) for each in words]


def record_words(detail: Mapping[str, str], language: str) -> list[str]:
    """How a fax went, out of the details of its segment; nothing for other segments."""
    count = {name: int(value) for name, value in detail.items() if value.isdecimal()}
    pages, rate = count.get("pages", 0), count.get("rate", 0)
    words: list[Words] = []
    if pages:
        words.append(("1 page" if pages == 1 else f"{pages} pages", f"{pages} 页"))
    if rate:
        words.append((f"{rate} bit/s",) * 2)
    if detail.get("ecm"):
        words.append(("error correction", "纠错"))
    if detail.get("t38"):
        words.append(("T.38", "T.38"))
    words += _damage(count.get("slips", 0), count.get("gaps", 0))
    for prefix, side in (("packets_", ("", "")), ("packets_other_", ("back: ", "反向："))):
        got = count.get(f"{prefix}received", 0)
        if got:
            made, lost = count.get(f"{prefix}recovered", 0), count.get(f"{prefix}lost", 0)
            en = f"{side[0]}{got} packets, {made} recovered, {lost} lost"
            words.append((en, f"{side[1]}{got} 个数据包，恢复 {made}，丢失 {lost}"))
    if detail.get("interrupted"):
        words.append(("interrupted for a moment", "曾短暂中断"))
    if detail.get("cut"):
        words.append(("the line was cut before the good-bye", "结束信号前线路中断"))
    return [_said(each, language) for each in words]


def _damage(slips: int, gaps: int) -> list[Words]:
    words: list[Words] = []
    if slips:
        en = "1 slip of the audio" if slips == 1 else f"{slips} slips of the audio"
        words.append((en, f"音频滑动 {slips} 次"))
    if gaps:
        en = "1 gap in the audio" if gaps == 1 else f"{gaps} gaps in the audio"
        words.append((en, f"音频缺失 {gaps} 处"))
    return words


def _said(words: Words, language: str) -> str:
    return words[language == "zh"]
