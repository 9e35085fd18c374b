"""Fixed layouts: how the fields of a message struct become bytes and come back.

Integers are little-endian and of fixed width; texts, byte strings and lists carry their
length in front. A field's annotation names its layout, ``port: Annotated[PortId, U64]``.
"""

import inspect
import math
import struct
from typing import Any, Final, Protocol, TypeVar

from daemon.link.errors import MessageError

MAX_LIST: Final = 4096

Value = TypeVar("Value")


class Layout(Protocol):
    """How one kind of value is written and read."""

    def write(self, out: bytearray, value: Any) -> None:
        """Append the value; MessageError when it does not fit."""

    def read(self, data: bytes, at: int) -> tuple[Any, int]:
        """Read at a position; return the value and the position behind it."""


class Number:
    """An integer of fixed width."""

    def __init__(self, code: str) -> None:
        self._struct = struct.Struct("<" + code)
        bits = self._struct.size * 8
        signed = code.islower()
        self.low = -(1 << (bits - 1)) if signed else 0
        self.high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1

    def write(self, out: bytearray, value: int) -> None:
        """Append the value; MessageError when it is out of range."""
        if not self.low <= value <= self.high:
            raise MessageError(f"{value} is not between {self.low} and {self.high}")
        out += self._struct.pack(value)

    def read(self, data: bytes, at: int) -> tuple[int, int]:
        """Read the integer."""
        end = at + self._struct.size
        if end > len(data):
            raise MessageError("the message ends inside a number", data)
        return self._struct.unpack_from(data, at)[0], end


class Real:
    """A finite 64-bit floating point number."""

    _struct: Final = struct.Struct("<d")

    def write(self, out: bytearray, value: float) -> None:
        """Append the value; MessageError when it is not finite."""
        if not math.isfinite(value):
            raise MessageError(f"{value} is not a finite number")
        out += self._struct.pack(value)

    def read(self, data: bytes, at: int) -> tuple[float, int]:
        """Read the number."""
        if at + 8 > len(data):
            raise MessageError("the message ends inside a number", data)
        value: float = self._struct.unpack_from(data, at)[0]
        if not math.isfinite(value):
            raise MessageError("a number is not finite", data)
        return value, at + 8


class Flag:
    """A byte that is 0 or 1."""

    def write(self, out: bytearray, value: bool) -> None:  # noqa: FBT001
        """Append the flag."""
        out.append(1 if value else 0)

    def read(self, data: bytes, at: int) -> tuple[bool, int]:
        """Read the flag."""
        if at >= len(data):
            raise MessageError("the message ends before a flag", data)
        if data[at] > 1:
            raise MessageError("a flag is neither 0 nor 1", data)
        return data[at] == 1, at + 1


class Octets:
    """A byte string with its length in 16 bits."""

    def write(self, out: bytearray, value: bytes) -> None:
        """Append length and bytes; MessageError when it is too long."""
        if len(value) > 0xFFFF:
            raise MessageError(f"{len(value)} bytes do not fit into one field")
        out += len(value).to_bytes(2, "little")
        out += value

    def read(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Read the byte string."""
        if at + 2 > len(data):
            raise MessageError("the message ends inside a length", data)
        end = at + 2 + int.from_bytes(data[at : at + 2], "little")
        if end > len(data):
            raise MessageError("the message ends inside a field", data)
        return data[at + 2 : end], end


class Text:
    """UTF-8 text with its length in 16 bits."""

    _octets: Final = Octets()

    def write(self, out: bytearray, value: str) -> None:
        """Append the text; MessageError when it cannot be written as UTF-8."""
        try:
            self._octets.write(out, value.encode())
        except UnicodeEncodeError as error:
            raise MessageError("the text cannot be written as UTF-8") from error

    def read(self, data: bytes, at: int) -> tuple[str, int]:
        """Read the text."""
        raw, end = self._octets.read(data, at)
        try:
            return raw.decode(), end
        except UnicodeDecodeError as error:
            raise MessageError("a text is not UTF-8", data) from error


class Many:
    """A tuple of values of one layout, its length in 16 bits."""

    def __init__(self, item: Layout) -> None:
        self.item = item

    def write(self, out: bytearray, value: tuple[Any, ...]) -> None:
        """Append the values; MessageError when there are too many."""
        if len(value) > MAX_LIST:
            raise MessageError(f"{len(value)} entries do not fit into one list")
        out += len(value).to_bytes(2, "little")
        for item in value:
            self.item.write(out, item)

    def read(self, data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
        """Read the values."""
        if at + 2 > len(data):
            raise MessageError("the message ends inside a length", data)
        count = int.from_bytes(data[at : at + 2], "little")
        if count > MAX_LIST:
            raise MessageError("a list is too long", data)
        at += 2
        items = []
        for _ in range(count):
            item, at = self.item.read(data, at)
            items.append(item)
        return tuple(items), at


class Pair:
    """Two values, each of its own layout."""

    def __init__(self, first: Layout, second: Layout) -> None:
        self.first, self.second = first, second

    def write(self, out: bytearray, value: tuple[Any, Any]) -> None:
        """Append both."""
        self.first.write(out, value[0])
        self.second.write(out, value[1])

    def read(self, data: bytes, at: int) -> tuple[tuple[Any, Any], int]:
        """Read both."""
        first, at = self.first.read(data, at)
        second, at = self.second.read(data, at)
        return (first, second), at


class Fields:
    """A struct written field after field."""

    def __init__(self, kind: type[Any], fields: tuple[tuple[str, Layout], ...]) -> None:
        self.kind, self.fields = kind, fields

    def write(self, out: bytearray, value: Any) -> None:
        """Append every field."""
        for name, layout in self.fields:
            layout.write(out, getattr(value, name))

    def read(self, data: bytes, at: int) -> tuple[Any, int]:
        """Read every field and make the struct."""
        values = {}
        for name, layout in self.fields:
            values[name], at = layout.read(data, at)
        return self.kind(**values), at


U8: Final = Number("B")
U16: Final = Number("H")
U32: Final = Number("I")
U64: Final = Number("Q")
I32: Final = Number("i")
I64: Final = Number("q")
F64: Final = Real()
FLAG: Final = Flag()
OCTETS: Final = Octets()
TEXT: Final = Text()


def fields_of(kind: type[Any], *, skip: frozenset[str] = frozenset()) -> Fields:
    """Build the layout of a struct from the annotations of its fields."""
    fields = []
    for name, annotation in _annotations(kind).items():
        if name not in skip:
            fields.append((name, annotation.__metadata__[0]))
    return Fields(kind, tuple(fields))


def _annotations(kind: type[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        found.update(inspect.get_annotations(base))
    return found
