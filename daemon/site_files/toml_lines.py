"""Finds the line of a key in a TOML text, which ``tomllib`` does not keep.

Not a parser: it runs on texts that ``tomllib`` has accepted, knows tables, arrays of
tables and keys at the start of a line, and skips multi-line strings and arrays. A key
inside an inline table or array gets the line of the key that holds it.
"""

import re
from typing import Final

Path = tuple[str | int, ...]

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_PART: Final = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")


def key_lines(text: str) -> dict[Path, int]:
    """Map each key's path (names, and indices of arrays of tables) to its line, from 1."""
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    skipper = _Skipper()
    for number, line in enumerate(text.splitlines(), 1):
        if skipper.inside:
            skipper.feed(line)
            continue
        header = _HEADER.match(line)
        if header:
            table = _table_path(header[1], header[2], arrays)
            lines.setdefault(table, number)
            continue
        names, rest = _dotted(line)
        if names and rest.startswith("="):
            for length in range(1, len(names) + 1):
                lines.setdefault((*table, *names[:length]), number)
            skipper.feed(rest[1:])
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a key, or of the nearest key or table that holds it; 0 for none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 0


def _table_path(brackets: str, name: str, arrays: dict[Path, int]) -> Path:
    names, _rest = _dotted(name)
    path: Path = ()
    for index, part in enumerate(names):
        path = (*path, part)
        last = index == len(names) - 1
        if last and brackets == "[[":
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, arrays[path])
    return path


def _dotted(text: str) -> tuple[tuple[str, ...], str]:
    names: list[str] = []
    position = 0
    while part := _PART.match(text, position):
        names.append(next(group for group in part.groups() if group is not None))
        position = part.end()
        if not text.startswith(".", position):
            break
        position += 1
    return tuple(names), text[position:]


class _Skipper:
    """Knows whether the value that began on a line goes on after it."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""

    @property
    def inside(self) -> bool:
        return bool(self._depth or self._quote)

    def feed(self, text: str) -> None:
        position = 0
        while position < len(text):
            if self._quote:
                position = self._to_end_of_string(text, position)
                continue
            character = text[position]
            if character == "#":
                break
            if character in "\"'":
                triple = text[position : position + 3] == character * 3
                self._quote = character * (3 if triple else 1)
                position += len(self._quote)
                continue
            # Inline tables cannot span lines in TOML 1.0, arrays can.
            self._depth += {"[": 1, "]": -1}.get(character, 0)
            position += 1
        if len(self._quote) == 1:
            self._quote = ""
        self._depth = max(self._depth, 0)

    def _to_end_of_string(self, text: str, position: int) -> int:
        while position < len(text):
            if text[position] == "\\" and self._quote[0] == '"':
                position += 2
            elif text.startswith(self._quote, position):
                position += len(self._quote)
                self._quote = ""
                return position
            else:
                position += 1
        return position
