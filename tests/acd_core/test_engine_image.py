"""An engine made of an image goes on as the one would have that was never cut."""

import ast
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import acd_core
from acd_core import events as told
from acd_core.errors import AcdError, ImageFault
from acd_core.ids import CallId, QueueId
from acd_core.state import image as images
from acd_core.state.image import restore, save
from acd_core.state.schema import PARTS, SHAPE, THINGS
from tests.acd_core.any_history import BEGIN, History

ROOT = Path(acd_core.__file__).parent
NO_PART_OF_THE_ENGINE = {"simulation", "forecast", "state"}
# They hold the other parts, and nothing between two events.
STATELESS = {
    "AgentEvents",
    "CallEvents",
    "CallbackEvents",
    "Filters",
    "Offers",
    "TierEvents",
    "Weighing",
}
# No engine holds one of them.
OUTSIDE = {"ExpressionFault", "IdSource", "IllegalTransition", "_Parser"}


def answer(engine: Any, event: Any, now: float) -> tuple[object, float | None]:
    try:
        made: object = engine.handle(event, now)
    except AcdError as error:
        made = str(error)
    return made, engine.next_deadline()


@pytest.mark.parametrize("seed", [7, 11, 12])
def test_an_engine_that_is_cut_again_and_again_decides_as_one_that_never_was(seed: int) -> None:
    history = History(seed)
    history.play()
    never = type(history.acd)()
    cut = type(history.acd)()
    cuts = 0
    for place, (event, now, _) in enumerate(history.told):
        if place % 149 == seed:
            cut = restore(save(cut))
            assert save(cut) == save(never)
            cuts += 1
        assert answer(cut, event, now) == answer(never, event, now)
    assert cut.snapshot(never.now) == never.snapshot(never.now)
    assert save(cut) == save(never)
    assert cuts > 20


def attributes(made: ast.ClassDef) -> set[str]:
    """What a class sets of itself, or has a slot for."""
    found: set[str] = set()
    for node in ast.walk(made):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                found.add(node.attr)
        elif isinstance(node, ast.Assign) and "__slots__" in map(ast.unparse, node.targets):
            found |= set(ast.literal_eval(node.value))
    return found


def test_the_schema_names_every_attribute_of_every_class_of_the_engine() -> None:
    known = {part.made.__name__: {*part.fields, *part.wiring} for part in PARTS}
    known |= {thing.made.__name__: {*thing.fields} for thing in THINGS}
    seen = set()
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).parts[0] in NO_PART_OF_THE_ENGINE:
            continue
        for made in ast.parse(path.read_text()).body:
            if not isinstance(made, ast.ClassDef) or made.name in STATELESS | OUTSIDE:
                continue
            has = attributes(made)
            if has:
                assert known[made.name] == has, made.name
                seen.add(made.name)
    assert seen == known.keys()
    assert all(len(part.fields) == len(set(part.fields)) for part in (*PARTS, *THINGS))


@cache
def image_of(calls: int) -> bytes:
    history = History(3)
    engine = history.acd
    for number in range(4):
        engine.handle(history._queue(number), BEGIN)
    for number in range(3):
        engine.handle(history._agent(number), BEGIN)
    for call in range(calls):
        answer(engine, told.CallOffered(call=CallId(call), queue=QueueId(call % 4)), BEGIN + call)
    return save(engine)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 1 << 20), byte=st.integers(0, 255), cut=st.integers(0, 1 << 20))
def test_a_damaged_image_is_refused_or_makes_an_engine(place: int, byte: int, cut: int) -> None:
    image = bytearray(image_of(6))
    with pytest.raises(ImageFault, match="damaged"):
        restore(bytes(image[: cut % len(image)]))
    image[place % len(image)] = byte
    with suppress(ImageFault):
        assert restore(bytes(image)).next_deadline() != 0.0


def test_an_image_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    image = image_of(2)
    monkeypatch.setattr(images, "SHAPE", "another")
    with pytest.raises(ImageFault, match="of an engine with other fields"):
        restore(image)


def test_what_the_schema_does_not_name_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = restore(image_of(2))
    monkeypatch.setattr(images, "_PLAIN", frozenset({int, str, bool, type(None)}))
    with pytest.raises(AcdError, match="float is nothing that an image can hold"):
        save(engine)


def test_an_image_is_plain_msgpack() -> None:
    shape, _matcher, parts, things = msgspec.msgpack.decode(image_of(5))
    assert shape == SHAPE
    assert len(parts) == len(PARTS)
    assert {kind for kind, _ in things} <= set(range(len(THINGS)))
