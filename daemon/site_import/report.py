"""The account of an import: what became of every option, and faults that leave none."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from daemon.errors import ConfigError, Fault
from daemon.language import Language, pick


class SourceError(ConfigError):
    """A file to import cannot be understood; ``faults`` holds each with file and line."""


class Verdict(StrEnum):
    """What became of an option."""

    MAPPED = "mapped"
    """The site does the same."""
    APPROXIMATED = "approximated"
    """The site does something near; the text says what differs."""
    NOT_SUPPORTED = "not_supported"
    """The site does not do it; the text says what that means."""
    OVERRIDDEN = "overridden"
    """Another line of the source counts instead."""


class Words(msgspec.Struct, frozen=True):
    """A text in both languages."""

    en: str = ""
    zh: str = ""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """An option where it was found."""

    file: str
    line: int
    """From 1; 0 when the source does not set the option and its default counts."""
    section: str
    """The queue or agent it belongs to, or the part of the file."""
    option: str
    value: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One option and its verdict."""

    file: str
    line: int
    section: str
    option: str
    value: str
    verdict: Verdict
    target: str = ""
    """What it became: file, entry, key and value."""
    en: str = ""
    zh: str = ""

    def text(self, language: Language | None = None) -> str:
        """One line for people."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        unset = "" if self.line else pick(" (not set)", "（未设置）", language=language)
        found = f"{where} [{self.section}] {self.option} = {self.value}{unset}"
        became = f" -> {self.target}" if self.target else ""
        why = pick(self.en, self.zh, language=language)
        return f"{found}{became}" + (f": {why}" if why else "")


HEADINGS: dict[Verdict, Words] = {
    Verdict.MAPPED: Words("mapped", "已转换"),
    Verdict.APPROXIMATED: Words("approximated", "近似转换"),
    Verdict.NOT_SUPPORTED: Words("not supported", "不支持"),
    Verdict.OVERRIDDEN: Words("overridden in the source", "在源文件中被覆盖"),
}


def finding(
    origin: Origin, verdict: Verdict, *, target: str = "", words: Words | None = None
) -> Finding:
    """Give an option its verdict."""
    why = words or Words()
    return Finding(
        file=origin.file,
        line=origin.line,
        section=origin.section,
        option=origin.option,
        value=origin.value,
        verdict=verdict,
        target=target,
        en=why.en,
        zh=why.zh,
    )


def count(findings: Sequence[Finding]) -> dict[str, int]:
    """How many options got each verdict; every verdict is there."""
    found = Counter(str(one.verdict) for one in findings)
    return {str(verdict): found[str(verdict)] for verdict in Verdict}


def report_text(findings: Sequence[Finding], language: Language | None = None) -> str:
    """Every finding by verdict, what needs attention last."""
    blocks = []
    for verdict in (
        Verdict.OVERRIDDEN,
        Verdict.MAPPED,
        Verdict.APPROXIMATED,
        Verdict.NOT_SUPPORTED,
    ):
        of_it = [one for one in findings if one.verdict is verdict]
        words = HEADINGS[verdict]
        head = f"{pick(words.en, words.zh, language=language)}: {len(of_it)}"
        blocks.append("\n".join([head, *(f"  {one.text(language)}" for one in of_it)]))
    return "\n".join(blocks) + "\n"


def source_error(
    file: str, line: int, what: str, todo: str = "", *, section: str = ""
) -> SourceError:
    """Build the error of one fault; ``line`` from 1, 0 for the whole file."""
    return SourceError([Fault(file=file, line=line, section=section, what=what, todo=todo)])
