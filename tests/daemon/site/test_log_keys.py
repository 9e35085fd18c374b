"""What lines of the log say under keys of their own is not lost, and fails nobody who logs."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[3]
SAYS = frozenset(("debug", "info", "warning", "error", "exception", "bind"))
OURS = frozenset(("event", "self", "process", "level", "timestamp"))
"""The first two fail the call, the others are replaced by what each line has."""


def keys(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each key that a log is given."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=says)) if says in SAYS:
                if ast.unparse(value).endswith("log"):
                    yield from ((node.lineno, word.arg or "") for word in node.keywords)


def test_keys_are_found() -> None:
    source = 'log.info("x", a=1)\nself._log.error("y", event=2)\nother.info(process=3)\n'
    assert list(keys(source)) == [(1, "a"), (2, "event")]


@pytest.mark.parametrize("package", ["admin", "daemon", "drivers", "ivr", "speech"])
def test_no_line_of_the_log_has_a_key_that_is_taken(package: str) -> None:
    taken = []
    for path in sorted((SOURCES / package).rglob("*.py")):
        source = path.read_text()
        if "log." in source:
            taken += [(path.name, *found) for found in keys(source) if found[1] in OURS]
    assert taken == []
