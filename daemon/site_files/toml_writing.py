"""Writes the site's tables as TOML that people like to edit: one ``[[table]]`` an entry."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


_INLINE_LENGTH: Final = 96  # longer values that hold tables are easier to read as tables


def write_toml(file: msgspec.Struct) -> bytes:
    """A struct of arrays of tables as text; fields at their defaults are left out."""
    blocks = []
    for array, entries in _given(file).items():
        for entry in entries:
            # Tables under an entry come after its own keys, else the keys would be theirs.
            lines, tables = [f"[[{array}]]"], list[str]()
            for name, value in entry.items():
                line = f"{_key(name)} = {_value(value)}"
                if _is_deep(value) and len(line) > _INLINE_LENGTH:
                    tables += _tables(f"{array}.{_key(name)}", value)
                else:
                    lines.append(line)
            blocks.append("\n".join([*lines, *tables]) + "\n")
    return "\n".join(blocks).encode()


def _given(struct: msgspec.Struct) -> dict[str, Any]:
    """Fields that differ from their defaults, structs inside them likewise.

    ``omit_defaults`` of msgspec keeps a number that is equal to its default but another object.
    """
    found = {}
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if default is msgspec.NODEFAULT or value != default:
            found[field.encode_name] = _builtin(value)
    return found


def _builtin(value: object) -> Any:
    match value:
        case msgspec.Struct():
            return _given(value)
        case tuple() | list():
            return [_builtin(item) for item in value]
        case _:
            return msgspec.to_builtins(value)


def _is_deep(value: object) -> bool:
    """Whether a value is a table, or a list of tables."""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping)


def _tables(name: str, value: Mapping[str, object] | Sequence[Mapping[str, object]]) -> list[str]:
    """A value as tables of its own, after the keys of their entry."""
    if isinstance(value, Mapping):
        return ["", f"[{name}]", *(f"{_key(key)} = {_value(item)}" for key, item in value.items())]
    return [
        line
        for item in value
        for line in (
            "",
            f"[[{name}]]",
            *(f"{_key(key)} = {_value(inner)}" for key, inner in item.items()),
        )
    ]


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
