"""The text form of Asterisk's configuration files: sections, templates, options, comments.

https://docs.asterisk.org/Configuration/Core-Configuration/Asterisk-Configuration-Files/
Only the form is read here, not what options mean. Nothing is opened: ``#include`` and
``#exec`` are refused, because a report about half a configuration would be wrong.
"""

import re
from typing import Final

import msgspec

from daemon.errors import Fault
from daemon.language import pick
from daemon.site_import.report import Origin, SourceError

SIZE_LIMIT: Final = 4 * 1024 * 1024  # bytes; real files have some kilobytes
OPTION_LIMIT: Final = 200_000  # options after templates are copied in
MOST_FAULTS: Final = 50
_SECTION: Final = re.compile(r"\[([^\[\]]*)\]\s*(?:\(([^()]*)\))?\s*")
_OPTION: Final = re.compile(r"([^=]*?)\s*(\+=|=>|=)\s*(.*)")
_BLANKS: Final = " \t\r\f\v\0"


class Section(msgspec.Struct, kw_only=True):
    """A section with its options in order, those of its templates first."""

    name: str
    line: int
    template: bool = False
    options: list[Origin] = []
    used: bool = False
    """A template that some section inherits from."""


class _Line(msgspec.Struct, frozen=True):
    number: int
    text: str


def read_sections(file: str, content: bytes) -> tuple[Section, ...]:
    """Sections in the order of their first line; SourceError with every fault."""
    return _Reader(file).read(_decoded(file, content))


def _decoded(file: str, content: bytes) -> str:
    if len(content) > SIZE_LIMIT:
        what = pick("is larger than 4 MiB", "大于 4 MiB")
        raise SourceError([Fault(file=file, what=what)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = pick("is not UTF-8 text", "不是 UTF-8 文本")
        todo = pick("save it as UTF-8", "请存为 UTF-8")
        raise SourceError([Fault(file=file, line=line, what=what, todo=todo)]) from error


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._faults: list[Fault] = []
        self._sections: dict[str, Section] = {}
        self._current: Section | None = None
        self._options = 0

    def read(self, text: str) -> tuple[Section, ...]:
        for line in self._without_comments(text):
            if len(self._faults) >= MOST_FAULTS or self._options > OPTION_LIMIT:
                break
            if line.text.startswith("#"):
                self._directive(line)
            elif line.text.startswith("["):
                self._header(line)
            else:
                self._option(line)
        if self._options > OPTION_LIMIT:
            self._fault(0, pick("has too many options", "选项过多"))
        if self._faults:
            raise SourceError(self._faults)
        return tuple(self._sections.values())

    def _without_comments(self, text: str) -> list[_Line]:
        """Lines with something in them; ``;`` ends a line, ``;--`` to ``--;`` may nest."""
        lines = []
        depth, opened = 0, 0
        # Only line feeds end a line: a form feed or U+2028 inside a value stays there.
        for number, raw in enumerate(text.split("\n"), 1):
            kept, position = "", 0
            while position < len(raw):
                if depth and raw.startswith("--;", position):
                    depth -= 1
                    position += 3
                elif raw.startswith(";--", position) and raw[position + 3 : position + 4] != "-":
                    opened = opened if depth else number
                    depth += 1
                    position += 3
                elif depth:
                    position += 1
                elif raw.startswith("\\;", position):
                    kept += ";"
                    position += 2
                elif raw[position] == ";":
                    break
                else:
                    kept += raw[position]
                    position += 1
            if stripped := kept.strip(_BLANKS):
                lines.append(_Line(number, stripped))
        if depth:
            self._fault(opened, pick("this comment has no end", "此注释没有结束"), ";-- ... --;")
        return lines

    def _directive(self, line: _Line) -> None:
        name = line.text.split(None, 1)[0]
        self._fault(
            line.number,
            pick(f"{name} is not followed", f"不处理 {name}"),
            pick(
                "put what it names into this file and import again",
                "请把它引用的内容写入本文件后重新导入",
            ),
        )

    def _header(self, line: _Line) -> None:
        found = _SECTION.fullmatch(line.text)
        if found is None or not found[1].strip(_BLANKS):
            what = pick("is not a section", "不是节标题")
            self._fault(line.number, what, "[name], [name](!), [name](template)")
            self._current = None
            return
        name = found[1].strip(_BLANKS)
        marks = [mark.strip(_BLANKS) for mark in (found[2] or "").split(",")]
        known = self._sections.get(name)
        if "+" in marks and known is None:
            what = pick(f"there is no section {name} to add to", f"没有可追加的节 {name}")
            self._fault(line.number, what)
        # A section that comes again goes on with the first one, as its later lines count.
        section = known or Section(name=name, line=line.number, template="!" in marks)
        self._sections[name] = self._current = section
        for mark in marks:
            if mark and mark not in ("!", "+"):
                self._inherit(section, mark, line)

    def _inherit(self, section: Section, name: str, line: _Line) -> None:
        template = self._sections.get(name)
        if template is None or template is section:
            what = pick(f"there is no template {name!r} above", f"前面没有模板 {name!r}")
            self._fault(line.number, what)
            return
        template.used = True
        for option in template.options:
            self._keep(section, msgspec.structs.replace(option, section=section.name))

    def _option(self, line: _Line) -> None:
        found = _OPTION.fullmatch(line.text)
        if found is None or not found[1].strip(_BLANKS):
            what = pick("has no = or =>", "缺少 = 或 =>")
            self._fault(line.number, what, "name = value")
            return
        section = self._current
        if section is None:
            what = pick("belongs to no section", "不属于任何节")
            self._fault(line.number, what, pick("write [name] above", "请在上方写 [名称]"))
            return
        name, value = found[1].strip(_BLANKS), found[3].strip(_BLANKS)
        if found[2] == "+=":
            before = [one.value for one in section.options if one.option == name]
            value = (before[-1] if before else "") + value
        self._keep(
            section,
            Origin(
                file=self._file, line=line.number, section=section.name, option=name, value=value
            ),
        )

    def _keep(self, section: Section, option: Origin) -> None:
        self._options += 1
        if self._options <= OPTION_LIMIT:
            section.options.append(option)

    def _fault(self, line: int, what: str, todo: str = "") -> None:
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(file=self._file, line=line, what=what, todo=todo))
