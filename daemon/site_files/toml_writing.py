"""Writes the site's tables as TOML that people like to edit: one ``[[table]]`` an entry."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def write_toml(file: msgspec.Struct) -> bytes:
    """A struct of arrays of tables as text; fields at their defaults are left out."""
    blocks = []
    for array, entries in msgspec.to_builtins(file).items():
        for entry in entries:
            lines = [f"[[{array}]]"]
            lines += [f"{_key(name)} = {_value(value)}" for name, value in entry.items()]
            blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks).encode()


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _text(value)
        case Mapping():
            pairs = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case Sequence():
            return f"[{', '.join(_value(item) for item in value)}]"
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")


def _text(text: str) -> str:
    # JSON's escapes are TOML's; DEL is the one character JSON leaves and TOML forbids.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
