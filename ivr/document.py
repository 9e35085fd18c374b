"""A YAML file as a tree that knows the line of everything in it.

A small, safe part of YAML: mappings, sequences and scalars. Anchors, aliases and tags are
faults (they let a small file grow without limit). A key is always a text, and a scalar keeps
how it was written, so that ``key: 09`` stays the key sequence 09.
"""

import re
from typing import Any, Final

import msgspec
import yaml

from ivr.errors import FlowFault, Wording

DEEPEST: Final = 30
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,15}")
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?")
_PROBLEMS: Final = {
    "mapping values are not allowed": "此处不能有键和值",
    "sequence entries are not allowed": "此处不能有列表项",
    "end of stream": "文件提前结束，可能缺少引号或括号",
    "expected key": "此处应为键",
    "could not find expected ':'": "缺少冒号",
    "expected ',' or": "缺少逗号或右括号",
    "expected '-' indicator": "此处应为以 - 开头的列表项",
    "expected <document start>": "文档之后还有其他内容",
    "expected <block end>": "缩进不一致",
    "node content": "缺少值",
    "cannot start any token": "有不能作为开头的字符",
    "tab character": "缩进使用了制表符",
    "escape character": "有未知的转义字符",
    "control characters": "有控制字符",
    "special characters": "有控制字符",
    "undefined alias": "有未定义的别名",
    "undefined tag": "有未定义的标签",
    "unreadable character": "有无法读取的字符",
}
"""Words of the parser's message, and what they are in Chinese."""


class Scalar(msgspec.Struct, frozen=True):
    """A single value as it is written."""

    text: str
    line: int
    plain: bool
    """Written without quotation marks."""

    def integer(self) -> int | None:
        """The value as an integer, or None."""
        return int(self.text) if self.plain and _INTEGER.fullmatch(self.text) else None

    def number(self) -> float | None:
        """The value as a number, or None."""
        return float(self.text) if self.plain and _NUMBER.fullmatch(self.text) else None

    def boolean(self) -> bool | None:
        """The value as true or false, or None."""
        return {"true": True, "false": False}.get(self.text) if self.plain else None

    def empty(self) -> bool:
        """Whether nothing is written."""
        return self.plain and self.text in ("", "~", "null")


class Sequence(msgspec.Struct, frozen=True):
    """A list."""

    items: tuple["Value", ...]
    line: int


class Mapping(msgspec.Struct, frozen=True):
    """Keys with values; ``key_lines`` says where each key is written."""

    items: dict[str, "Value"]
    key_lines: dict[str, int]
    line: int


Value = Scalar | Sequence | Mapping


def parse(text: str | bytes, file: str, faults: list[FlowFault]) -> Mapping | None:
    """Read a document; None, with the reason in ``faults``, when it is none at all."""
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        decoded.encode("utf-8")
    except UnicodeError:
        en = "the file is not UTF-8 text; save it as UTF-8"
        faults.append(FlowFault(file, 1, "", en, "文件不是 UTF-8 文本；请另存为 UTF-8"))
        return None
    builder = _Builder(file, faults)
    try:
        builder.start(_Loader(decoded))
        value = builder.value(0)
    except yaml.YAMLError as error:
        faults.append(FlowFault(file, _line_of(error), "", *_not_yaml(error)))
        return None
    except _TooDeepError as error:
        en = f"nested deeper than {DEEPEST}; remove levels"
        zh = f"嵌套超过 {DEEPEST} 层；请减少层数"
        faults.append(FlowFault(file, error.line, "", en, zh))
        return None
    if not isinstance(value, Mapping):
        en = "a flow file is a mapping that begins with version: 1"
        faults.append(FlowFault(file, 1, "", en, "流程文件由键和值组成，以 version: 1 开头"))
        return None
    builder.end()
    return value


def _line_of(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 1


def _not_yaml(error: yaml.YAMLError) -> Wording:
    """What the parser says, which is English, in Chinese where it is one of the usual faults."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    en = str(problem or "unreadable character")
    zh = next((zh for words, zh in _PROBLEMS.items() if words in en), f"解析器报告 {en!r}")
    return Wording(
        f"not YAML: {en}; check indentation, colons and quotation marks",
        f"不是 YAML：{zh}；请检查缩进、冒号和引号",
    )


class _TooDeepError(Exception):
    """The document is nested too deeply."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Builder:
    """Builds the tree from the parser's events."""

    def __init__(self, file: str, faults: list[FlowFault]) -> None:
        self._file = file
        self._faults = faults
        self._parser: Any = None

    def start(self, parser: Any) -> None:
        """Skip to the first value."""
        self._parser = parser
        parser.get_event()  # stream start
        if not parser.check_event(yaml.StreamEndEvent):
            parser.get_event()  # document start

    def end(self) -> None:
        """Check that nothing follows the document."""
        try:
            self._parser.get_event()  # document end
            event = self._parser.get_event()
        except yaml.YAMLError as error:
            self._fault(_line_of(error), *_not_yaml(error))
            return
        if not isinstance(event, yaml.StreamEndEvent):
            self._fault(
                event.start_mark.line + 1,
                "only one document in a file; remove what follows ---",
                "一个文件只能有一个文档；请删除 --- 之后的内容",
            )

    def value(self, depth: int) -> Value:
        """Build the value that begins with the next event."""
        event = self._parser.get_event()
        line = event.start_mark.line + 1
        if depth > DEEPEST:
            raise _TooDeepError(line)
        if isinstance(event, yaml.AliasEvent):
            self._fault(
                line,
                f"aliases (*{event.anchor}) are not allowed; write the value again",
                f"不允许别名（*{event.anchor}）；请重写该值",
            )
            return Scalar("", line, plain=True)
        if getattr(event, "anchor", None):
            self._fault(
                line,
                f"anchors (&{event.anchor}) are not allowed; write the value alone",
                f"不允许锚点（&{event.anchor}）；请只写值",
            )
        if getattr(event, "tag", None):
            self._fault(
                line,
                f"tags ({event.tag}) are not allowed; write the value alone",
                f"不允许标签（{event.tag}）；请只写值",
            )
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(line, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(line, depth)
        # An empty file has no value at all: its next event ends the stream.
        text = event.value if isinstance(event, yaml.ScalarEvent) else ""
        return Scalar(text, line, plain=not getattr(event, "style", None))

    def _sequence(self, line: int, depth: int) -> Sequence:
        items: list[Value] = []
        while not self._parser.check_event(yaml.SequenceEndEvent):
            items.append(self.value(depth + 1))
        self._parser.get_event()
        return Sequence(tuple(items), line)

    def _mapping(self, line: int, depth: int) -> Mapping:
        items: dict[str, Value] = {}
        lines: dict[str, int] = {}
        while not self._parser.check_event(yaml.MappingEndEvent):
            key = self.value(depth + 1)
            value = self.value(depth + 1)
            if not isinstance(key, Scalar):
                self._fault(key.line, "a key must be a single word", "键必须是一个词")
            elif key.text in items:
                before = lines[key.text]
                self._fault(
                    key.line,
                    f"key {key.text!r} is already in line {before}",
                    f"键 {key.text!r} 已在第 {before} 行",
                )
            else:
                items[key.text] = value
                lines[key.text] = key.line
        self._parser.get_event()
        return Mapping(items, lines, line)

    def _fault(self, line: int, en: str, zh: str) -> None:
        self._faults.append(FlowFault(self._file, line, "", en, zh))
