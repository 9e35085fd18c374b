"""What an option of another system means here: moved to a key of a queue, or not done."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from daemon.site_files import queues
from daemon.site_import.report import Finding, Origin, Verdict, Words, finding
from daemon.site_import.staff import slug_of

TRUE: Final = frozenset(("yes", "true", "y", "t", "1", "on"))
OFF: Final = frozenset(("no", "false", "n", "f", "0", "off", ""))
SAME: Final = Words("this site does so anyway", "本站本来如此")
NOT_A_NUMBER: Final = Words("not a number; treated as not set", "不是数字；视为未设置")
UNKNOWN: Final = Words(
    "unknown option; nothing was taken over from it", "未知选项；没有从中转换任何内容"
)
DAY_S: Final = 86_400.0
SITE_MUSIC: Final = Words(
    "queues without music of their own play prompts/hold_music; put a file there",
    "没有自己音乐的队列播放 prompts/hold_music；请放一个文件",
)
UPLOAD: Final = Words(
    "the sound file is not in this file: upload one of that name as a prompt",
    "语音文件不在此文件中：请以此名称上传提示音",
)


class Converted(msgspec.Struct, frozen=True):
    """A value for a key of a queue; None leaves the key at its default."""

    value: object
    verdict: Verdict = Verdict.MAPPED
    words: Words = Words()


class Moved(msgspec.Struct, frozen=True):
    """An option that becomes a key of a queue."""

    key: str
    """Empty when the conversion never gives a value, only words."""
    convert: Callable[[str], Converted]


class Absent(msgspec.Struct, frozen=True):
    """An option that has no counterpart; ``same`` are values that ask for what is done anyway."""

    words: Words
    same: frozenset[str] = OFF
    near: bool = False
    """The site does something near it, which ``words`` explain."""


Meaning = Moved | Absent


def apply_option(
    origin: Origin, meaning: Meaning | None, settings: dict[str, object], slug: str
) -> Finding:
    """Take one option over into a queue's settings and say what became of it."""
    match meaning:
        case None:
            return finding(origin, Verdict.NOT_SUPPORTED, words=UNKNOWN)
        case Moved(key=key, convert=convert):
            converted = convert(origin.value)
            if converted.value is None:
                return finding(origin, converted.verdict, words=converted.words)
            settings[key] = converted.value
            target = f"{queues.FILE} {slug} {key} = {plain(converted.value)}"
            return finding(origin, converted.verdict, target=target, words=converted.words)
        case Absent(words=words, same=same, near=near):
            if origin.value.strip().lower() in same:
                return finding(origin, Verdict.MAPPED, words=SAME)
            verdict = Verdict.APPROXIMATED if near else Verdict.NOT_SUPPORTED
            return finding(origin, verdict, words=words)


def default_settings(
    defaults: Mapping[str, str], meanings: Mapping[str, Meaning]
) -> dict[str, object]:
    """Keys of a queue as the source's own defaults make them."""
    settings: dict[str, object] = {}
    for option, value in defaults.items():
        meaning = meanings[option]
        if isinstance(meaning, Moved):
            settings[meaning.key] = meaning.convert(value).value
    return settings


def last_of_each(
    origins: Iterable[Origin], aliases: Mapping[str, str]
) -> tuple[dict[str, Origin], list[Finding]]:
    """The line that counts for each option, lower case, and findings of the others."""
    counting: dict[str, Origin] = {}
    findings = []
    for origin in origins:
        name = origin.option.lower()
        name = aliases.get(name, name)
        before = counting.pop(name, None)
        if before is not None:
            words = Words(
                f"{origin.file}:{origin.line} counts", f"以 {origin.file}:{origin.line} 为准"
            )
            findings.append(finding(before, Verdict.OVERRIDDEN, words=words))
        counting[name] = origin
    return counting, findings


def plain(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def number_of(text: str) -> float | None:
    """A decimal number, None for anything else."""
    trimmed = text.strip()
    digits = trimmed.removeprefix("-").removeprefix("+")
    if not digits or len(digits) > 15 or set(digits) - set("0123456789.") or digits.count(".") > 1:
        return None
    return float(trimmed) if digits != "." else None


def seconds(
    low: float, high: float, *, zero: Converted | None = None
) -> Callable[[str], Converted]:
    """A duration within what the site accepts; ``zero`` when 0 has a meaning of its own."""

    def convert(text: str) -> Converted:
        number = number_of(text)
        if number is None:
            return Converted(None, Verdict.NOT_SUPPORTED, NOT_A_NUMBER)
        if number == 0 and zero is not None:
            return zero
        if low <= number <= high:
            return Converted(number)
        words = Words(
            f"the site accepts {low:g} to {high:g} seconds", f"本站接受 {low:g} 到 {high:g} 秒"
        )
        return Converted(min(max(number, low), high), Verdict.APPROXIMATED, words)

    return convert


def whole_number(text: str) -> Converted:
    """A count; negative ones mean none, as 0 does."""
    number = number_of(text)
    if number is None:
        return Converted(None, Verdict.NOT_SUPPORTED, NOT_A_NUMBER)
    return Converted(max(int(number), 0))


def service_level(text: str) -> Converted:
    """Threshold of the service level; 0 computes no figure in the source."""
    zero = Converted(
        None,
        Verdict.APPROXIMATED,
        Words("the site always computes it, with 20 seconds", "本站总是计算服务水平，阈值 20 秒"),
    )
    return seconds(1, DAY_S, zero=zero)(text)


def music(text: str) -> Converted:
    """Music of a queue: a file of that name in the site's prompts."""
    name = slug_of(text.rpartition("/")[2].partition(".")[0], "")
    if not name or name == "default" or "$" in text:
        return Converted(None, Verdict.APPROXIMATED, SITE_MUSIC)
    return Converted(name, Verdict.APPROXIMATED, UPLOAD)


def prompt_name(text: str) -> str:
    """The name under which a sound file can be a prompt of the site; empty for none."""
    return slug_of(text.strip().rpartition("/")[2].partition(".")[0], "")
