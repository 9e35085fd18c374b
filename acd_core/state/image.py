"""An image of the engine: everything that its later decisions depend on, as one msgpack value.

An engine made of an image answers whatever comes as the one would have that the image was made
of, reasons included. Values are plain msgpack; what msgpack does not have is a list that begins
with a ``_Tag``. Objects that refer to each other are numbered. Nothing but what ``schema`` names
is written, and nothing else is made when an image is read.
"""

from collections.abc import Callable, Iterable
from enum import Enum, IntEnum
from operator import attrgetter
from typing import Any, Final

import msgspec

from acd_core.eligibility.demands import Want
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError, ImageFault
from acd_core.routing.registry import Strategy, find_strategy
from acd_core.state.schema import ENUMS, PARTS, SHAPE, THINGS, VALUES, Part
from cython_ext.acd import Deadlines
from cython_ext.acd.states import MatcherState, restore_deadlines, restore_matcher


class _Tag(IntEnum):
    """What a list in an image stands for."""

    LIST = 0
    TUPLE = 1
    DICT = 2
    SET = 3
    FROZENSET = 4
    THING = 5
    ENUM = 6
    VALUE = 7
    WANT = 8
    STRATEGY = 9
    DEADLINES = 10


class Image(msgspec.Struct, frozen=True, array_like=True):
    """The memory of one engine."""

    shape: str
    """Which fields it has: ``schema.SHAPE`` of the engine that wrote it."""
    matcher: MatcherState
    parts: list[list[Any]]
    """Fields of each of ``schema.PARTS``."""
    things: list[tuple[int, list[Any]]]
    """Place in ``schema.THINGS`` and fields of each object, by its number."""


_PLAIN: Final = frozenset({int, float, str, bool, type(None)})
_KIND_OF: Final = {thing.made: number for number, thing in enumerate(THINGS)}
_ENUM_OF: Final = {kind: number for number, kind in enumerate(ENUMS)}
_VALUE_OF: Final = {kind: number for number, kind in enumerate(VALUES)}
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Image)
_VALUE_DECODERS: Final = [msgspec.msgpack.Decoder(kind) for kind in VALUES]


def save(engine: AcdEngine) -> bytes:
    """Write an engine down; to be called between two events."""
    writer = _Writer()
    parts = [writer.fields(part.fields, _at(engine, part)) for part in PARTS]
    matcher: MatcherState = attrgetter("_matcher")(engine).state()
    return _encoder.encode(Image(SHAPE, matcher, parts, writer.things()))


def restore(image: bytes, *, explain_agents: int = 32) -> AcdEngine:
    """Make the engine of an image; ImageFault when it is damaged or of another version."""
    engine = AcdEngine(explain_agents=explain_agents)
    try:
        found = _decoder.decode(image)
        if found.shape != SHAPE:
            raise ImageFault(f"of an engine with other fields ({found.shape}, here {SHAPE})")
        restore_matcher(attrgetter("_matcher")(engine), found.matcher)
        reader = _Reader([kind for kind, _ in found.things])
        for thing, (kind, fields) in zip(reader.things, found.things, strict=True):
            for name, value in zip(THINGS[kind].fields, fields, strict=True):
                setattr(thing, name, reader.value(value))
        for part, fields in zip(PARTS, found.parts, strict=True):
            owner = _at(engine, part)
            for name, value in zip(part.fields, fields, strict=True):
                _put(owner, name, reader.value(value))
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise ImageFault(f"damaged: {error}") from error
    except AcdError as error:
        raise error if isinstance(error, ImageFault) else ImageFault(str(error)) from error
    return engine


def _at(engine: AcdEngine, part: Part) -> Any:
    return attrgetter(part.path)(engine) if part.path else engine


def _put(owner: object, name: str, value: Any) -> None:
    """Set a field; others may hold the same container, so that it is filled and not replaced."""
    present = getattr(owner, name)
    if isinstance(present, Deadlines):
        restore_deadlines(present, value)
    elif isinstance(present, dict | set):
        present.clear()
        present.update(value)
    elif isinstance(present, list):
        present[:] = value
    else:
        setattr(owner, name, value)


class _Writer:
    """Turns values into what msgpack has, and numbers the objects that it meets."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._met: list[Any] = []
        self._by_type: dict[type, Callable[[Any], list[Any]]] = {
            list: lambda v: [_Tag.LIST, *map(self.value, v)],
            tuple: lambda v: [_Tag.TUPLE, *map(self.value, v)],
            dict: lambda v: [_Tag.DICT, *(self.value(x) for pair in v.items() for x in pair)],
            set: lambda v: [_Tag.SET, *self._sorted(v)],
            frozenset: lambda v: [_Tag.FROZENSET, *self._sorted(v)],
            Want: lambda v: [_Tag.WANT, *map(self.value, v)],
            Strategy: lambda v: [_Tag.STRATEGY, v.name],
            Deadlines: lambda v: [_Tag.DEADLINES, v.state()],
            **dict.fromkeys(ENUMS, self._enum),
            **dict.fromkeys(VALUES, self._struct),
            **dict.fromkeys(_KIND_OF, self._thing),
        }

    def fields(self, names: Iterable[str], owner: Any) -> list[Any]:
        """Fields of an object, by name."""
        return [self.value(getattr(owner, name)) for name in names]

    def things(self) -> list[tuple[int, list[Any]]]:
        """Every object met, with those that are only met while others are written."""
        written: list[tuple[int, list[Any]]] = []
        while len(written) < len(self._met):
            thing = self._met[len(written)]
            kind = _KIND_OF[type(thing)]
            written.append((kind, self.fields(THINGS[kind].fields, thing)))
        return written

    def value(self, value: Any) -> Any:
        """A value as msgpack has it; AcdError for a type that the schema does not name."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        write = self._by_type.get(kind)
        if write is None:
            raise AcdError(f"{kind.__name__} is nothing that an image can hold")
        return write(value)

    def _sorted(self, values: Iterable[Any]) -> list[Any]:
        # The order of a set means nothing, and the same memory is to give the same bytes.
        return sorted(map(self.value, values))

    def _thing(self, thing: Any) -> list[Any]:
        number = self._numbers.setdefault(id(thing), len(self._met))
        if number == len(self._met):
            self._met.append(thing)
        return [_Tag.THING, number]

    @staticmethod
    def _enum(member: Enum) -> list[Any]:
        return [_Tag.ENUM, _ENUM_OF[type(member)], member.value]

    @staticmethod
    def _struct(value: msgspec.Struct) -> list[Any]:
        return [_Tag.VALUE, _VALUE_OF[type(value)], _encoder.encode(value)]


class _Reader:
    """Makes the objects of an image, and turns its values back."""

    def __init__(self, kinds: Iterable[int]) -> None:
        self.things: list[Any] = [THINGS[kind].blank() for kind in kinds]

    def value(self, value: Any) -> Any:
        """What was written; LookupError, TypeError, ValueError or AcdError where it is damaged."""
        if type(value) is not list:
            return value
        tag = value[0]
        if tag == _Tag.THING:
            return self.things[value[1]]
        if tag == _Tag.ENUM:
            return ENUMS[value[1]](value[2])
        if tag == _Tag.VALUE:
            return _VALUE_DECODERS[value[1]].decode(value[2])
        if tag == _Tag.STRATEGY:
            return find_strategy(value[1])
        if tag == _Tag.DEADLINES:
            return value[1]
        return _CONTAINERS[tag](list(map(self.value, value[1:])))


def _pairs(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(values[::2], values[1::2], strict=True))


_CONTAINERS: Final[dict[int, Callable[[list[Any]], Any]]] = {
    _Tag.LIST: list,
    _Tag.TUPLE: tuple,
    _Tag.DICT: _pairs,
    _Tag.SET: set,
    _Tag.FROZENSET: frozenset,
    _Tag.WANT: Want._make,
}
