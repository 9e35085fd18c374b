"""TOML text to a struct, with all faults at once instead of the first.

``msgspec.convert`` stops at the first fault; here each field is converted by itself and
every fault is kept with file, line, section and key.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import UnionType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from daemon.errors import ConfigError, Fault
from daemon.language import pick
from daemon.site_files.toml_lines import Path, key_lines, line_of

Table = TypeVar("Table", bound=msgspec.Struct)

_AT_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")
_KINDS: Final = {
    "int": ("a whole number", "整数"),
    "float": ("a number", "数字"),
    "str": ("a text in quotes", "带引号的文本"),
    "bool": ("true or false", "true 或 false"),
    "array": ("a list", "列表"),
    "object": ("a table", "表"),
}


class TomlFile:
    """A TOML file being read: its data, the line of each key, the faults found so far."""

    def __init__(self, file: str, content: bytes) -> None:
        """Parse ``content``; a text that is not TOML leaves no data and one fault."""
        self.file = file
        self.faults: list[Fault] = []
        self.data: dict[str, Any] = {}
        self._lines: dict[Path, int] = {}
        try:
            text = content.decode("utf-8")
            self.data = tomllib.loads(text)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            what = pick("is not UTF-8 text", "不是 UTF-8 文本")
            self._add(line, "", "", what, pick("save it as UTF-8", "请存为 UTF-8"))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            found = _AT_LINE.search(str(error))
            line = int(found[1]) if found else text.count("\n") + 1
            reason = _AT_LINE.sub("", str(error)).strip()
            what = pick(f"is not TOML: {reason}", f"不是 TOML：{reason}")
            self._add(line, "", "", what, pick("see https://toml.io", "请看 https://toml.io"))
        else:
            self._lines = key_lines(text)

    def fault(self, path: Path, what: str, todo: str = "") -> None:
        """Note a fault at a key."""
        *section, key = path or ("",)
        self._add(line_of(self._lines, path), _dotted(section), str(key), what, todo)

    def table(self, path: Path, kind: type[Table]) -> Table | None:
        """The struct of the table at ``path``, defaults when absent; None when it has faults."""
        value: object = self.data
        for part in path:
            value = value.get(part, {}) if isinstance(value, dict) else value
        before = len(self.faults)
        self._check_struct(path, value, kind)
        if len(self.faults) > before:
            return None
        found: Table | None = self._converted(path, value, kind)
        return found

    def sound_part(self, path: Path, kind: type[Table]) -> Table | None:
        """The struct of what can be read of a faulty table; None when that is not enough.

        It serves to find the faults that types cannot say in the same go.
        """
        value: object = self.data
        for part in path:
            value = value.get(part, {}) if isinstance(value, dict) else value
        if not isinstance(value, dict):
            return None
        types = get_type_hints(kind, include_extras=True)
        sound: dict[str, object] = {}
        for field in msgspec.structs.fields(kind):
            with suppress(msgspec.ValidationError, OverflowError, KeyError):
                given = value[field.encode_name]
                msgspec.convert(given, types[field.name])
                sound[field.encode_name] = given
        try:
            return msgspec.convert(sound, kind)
        except msgspec.ValidationError:
            return None

    def unknown(self, path: Path, key: str, known: Iterable[str]) -> None:
        """Note a key that does not exist, with the name that was probably meant."""
        what = pick("unknown key", "未知的键")
        self.fault((*path, key), what, did_you_mean(key, known))

    def unknown_name(self, path: Path, name: str, known: Iterable[str]) -> None:
        """Note a reference to something that does not exist."""
        self.fault(path, pick(f"there is no {name!r}", f"没有 {name!r}"), did_you_mean(name, known))

    def repeated(self, array: str, key: str) -> bool:
        """Note entries of an array of tables that share their key; True when there are any."""
        seen: set[str] = set()
        before = len(self.faults)
        for index, entry in enumerate(self.data.get(array, ())):
            if entry[key] in seen:
                self.fault(
                    (array, index, key),
                    pick(f"{entry[key]!r} is there twice", f"{entry[key]!r} 重复"),
                )
            seen.add(entry[key])
        return len(self.faults) > before

    def check(self) -> None:
        """Raise ConfigError with all faults, if there are any."""
        if self.faults:
            raise ConfigError(self.faults)

    def _add(self, line: int, section: str, key: str, what: str, todo: str) -> None:
        self.faults.append(
            Fault(file=self.file, line=line, section=section, key=key, what=what, todo=todo)
        )

    def _check_struct(self, path: Path, value: object, kind: type[msgspec.Struct]) -> None:
        if not isinstance(value, dict):
            self.fault(path, _expected("object"))
            return
        types = get_type_hints(kind, include_extras=True)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in value:
            if key not in fields:
                self.unknown(path, key, fields)
        for name, field in fields.items():
            if name in value:
                self._check_value((*path, name), value[name], types[field.name])
            elif field.required:
                todo = pick(f"add: {name} = ...", f"请添加：{name} = ...")
                self.fault((*path, name), pick("is missing", "缺少"), todo)

    def _check_value(self, path: Path, value: object, kind: Any) -> None:
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is UnionType and _is_struct(arguments[0]):
            # TOML has no null: what may be absent is checked as if it must be there.
            kind = arguments[0]
        if _is_struct(kind):
            self._check_struct(path, value, kind)
        elif origin in (list, tuple) and arguments and _is_struct(arguments[0]):
            if not isinstance(value, list):
                self.fault(path, _expected("array"))
                return
            for index, item in enumerate(value):
                self._check_struct((*path, index), item, arguments[0])
        elif origin in (dict, Mapping) and _is_struct(arguments[1]):
            if not isinstance(value, dict):
                self.fault(path, _expected("object"))
                return
            for key, item in value.items():
                self._check_struct((*path, key), item, arguments[1])
        elif origin is dict and isinstance(value, dict) and arguments[1] is not Any:
            for key, item in value.items():
                self._converted((*path, key), key, arguments[0])
                self._converted((*path, key), item, arguments[1])
        else:
            self._converted(path, value, kind)

    def _converted(self, path: Path, value: object, kind: Any) -> Any:
        try:
            return msgspec.convert(value, kind)
        except (msgspec.ValidationError, OverflowError) as error:
            self.fault(path, _in_plain_words(str(error)), _choices(value, kind))
            return None


_LIMITS: Final = {
    ">=": ("at least", "不小于"),
    "<=": ("at most", "不大于"),
    ">": ("more than", "大于"),
    "<": ("less than", "小于"),
}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say what was probably meant, else what there is to choose from."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return pick(f"did you mean {close[0]!r}?", f"是否应为 {close[0]!r}？")
    if not names:
        return pick("remove it", "请删除")
    return pick(f"choose from: {', '.join(names)}", f"可选：{', '.join(names)}")


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _dotted(section: Iterable[str | int]) -> str:
    text = ""
    for part in section:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _expected(kind: str) -> str:
    en, zh = _KINDS[kind]
    return pick(f"must be {en}", f"必须是{zh}")


def _in_plain_words(message: str) -> str:
    reason = re.sub(r" - at `\$.*`$", "", message)
    kinds = re.match(r"Expected `([a-z| ]+)`, got `(\w+)`", reason)
    if kinds:
        wanted = kinds[1].split(" | ")[0]
        if wanted in _KINDS:
            return _expected(wanted)
    limit = re.match(r"Expected `(?:int|float)` (>=|<=|>|<) (-?[\d.]+)", reason)
    if limit:
        en, zh = _LIMITS[limit[1]]
        number = limit[2].removesuffix(".0")
        return pick(f"must be {en} {number}", f"必须{zh} {number}")
    value = re.match(r"Invalid enum value (.+)", reason)
    if value:
        return pick(f"there is no {value[1]}", f"没有 {value[1]}")
    return pick(
        reason[:1].lower() + reason[1:].replace("`", ""),
        "值不合适：" + reason.replace("`", ""),
    )


def _choices(value: object, kind: Any) -> str:
    if get_origin(kind) is UnionType:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal and isinstance(value, str):
        return did_you_mean(value, [str(choice) for choice in get_args(kind)])
    if isinstance(kind, type) and hasattr(kind, "__members__") and isinstance(value, str):
        return did_you_mean(value, [str(member.value) for member in kind])  # type: ignore[attr-defined]
    return ""
