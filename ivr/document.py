"""A YAML file as a tree that knows the line of everything in it.

A small, safe part of YAML: mappings, sequences and scalars. Anchors, aliases and tags are
faults (they let a small file grow without limit). A key is always a text, and a scalar keeps
how it was written, so that ``key: 09`` stays the key sequence 09.
"""

import re
from typing import Any, Final

import msgspec
import yaml

from ivr.errors import FlowFault

DEEPEST: Final = 30
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,15}")
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?")


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
        faults.append(FlowFault(file, 1, "", "the file is not UTF-8 text"))
        return None
    builder = _Builder(file, faults)
    try:
        builder.start(_Loader(decoded))
        value = builder.value(0)
    except yaml.YAMLError as error:
        faults.append(FlowFault(file, _line_of(error), "", f"not YAML: {_say(error)}"))
        return None
    except _TooDeepError as error:
        faults.append(FlowFault(file, error.line, "", f"nested deeper than {DEEPEST}"))
        return None
    if not isinstance(value, Mapping):
        faults.append(
            FlowFault(file, 1, "", "a flow file is a mapping that begins with version: 1")
        )
        return None
    builder.end()
    return value


def _line_of(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 1


def _say(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return str(problem or "unreadable character")


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
            self._fault(_line_of(error), f"not YAML: {_say(error)}")
            return
        if not isinstance(event, yaml.StreamEndEvent):
            self._fault(event.start_mark.line + 1, "only one document in a file")

    def value(self, depth: int) -> Value:
        """Build the value that begins with the next event."""
        event = self._parser.get_event()
        line = event.start_mark.line + 1
        if depth > DEEPEST:
            raise _TooDeepError(line)
        if isinstance(event, yaml.AliasEvent):
            self._fault(line, f"aliases (*{event.anchor}) are not allowed; write the value again")
            return Scalar("", line, plain=True)
        if getattr(event, "anchor", None):
            self._fault(line, f"anchors (&{event.anchor}) are not allowed")
        if getattr(event, "tag", None):
            self._fault(line, f"tags ({event.tag}) are not allowed")
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
                self._fault(key.line, "a key must be a single word")
            elif key.text in items:
                self._fault(key.line, f"key {key.text!r} is already in line {lines[key.text]}")
            else:
                items[key.text] = value
                lines[key.text] = key.line
        self._parser.get_event()
        return Mapping(items, lines, line)

    def _fault(self, line: int, message: str) -> None:
        self._faults.append(FlowFault(self._file, line, "", message))
