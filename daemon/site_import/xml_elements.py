"""XML as a small tree with line numbers; nothing outside the text is ever read.

The parser is expat. A document type declaration is refused as a whole, so there are no
entities to expand and none that name files or addresses; size, depth and number of
elements have limits.
"""

from typing import Final
from xml.parsers import expat

import msgspec

from daemon.language import pick
from daemon.site_import.report import SourceError, source_error

SIZE_LIMIT: Final = 4 * 1024 * 1024  # bytes; real files have some kilobytes
DEPTH_LIMIT: Final = 32
ELEMENT_LIMIT: Final = 100_000


class Element(msgspec.Struct, kw_only=True):
    """An element: its name, attributes, children, and the line where it begins."""

    tag: str
    line: int
    attributes: dict[str, str]
    children: list["Element"] = []

    def find(self, tag: str) -> list["Element"]:
        """Children of a name, in order."""
        return [child for child in self.children if child.tag == tag]


def read_xml(file: str, content: bytes) -> Element:
    """The root element; SourceError for anything that is not well-formed or is too much."""
    if len(content) > SIZE_LIMIT:
        raise source_error(file, 0, pick("is larger than 4 MiB", "大于 4 MiB"))
    return _Tree(file).read(content)


class _Tree:
    def __init__(self, file: str) -> None:
        self._file = file
        self._root: Element | None = None
        self._open: list[Element] = []
        self._count = 0
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def read(self, content: bytes) -> Element:
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            what = pick(f"is not XML: {reason}", f"不是 XML：{reason}")
            raise source_error(self._file, error.lineno, what) from error
        except (LookupError, ValueError) as error:
            # An encoding that Python does not know, or knows but expat cannot use.
            what = pick(f"is not XML: {error}", f"不是 XML：{error}")
            raise source_error(self._file, 1, what) from error
        # Without an element expat has raised already.
        if self._root is None:
            raise source_error(self._file, 0, pick("is empty", "是空的"))
        return self._root

    def _doctype(self, name: str, _system: object, _public: object, _inner: object) -> None:
        what = pick(f"has a DOCTYPE ({name})", f"含有 DOCTYPE（{name}）")
        raise self._refused(what, pick("remove it", "请删除"))

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENT_LIMIT or len(self._open) >= DEPTH_LIMIT:
            raise self._refused(pick("has too many elements", "元素过多"))
        element = Element(tag=tag, line=self._parser.CurrentLineNumber, attributes=attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _refused(self, what: str, todo: str = "") -> SourceError:
        return source_error(self._file, self._parser.CurrentLineNumber, what, todo)
