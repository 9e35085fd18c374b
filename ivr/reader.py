"""From a document to structs by their field types; each fault has its line.

Understood types: str, int, float, bool, Name, Template, Condition, NodeId, Prompt, Phrases, structs,
``dict[str, T]``, ``tuple[T, ...]``, and ``Annotated`` with msgspec's ge, le and pattern, whose
description is English, and Chinese in ``extra["zh"]``.
A single value is accepted where a list is expected.
"""

import re
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from ivr.document import Mapping, Scalar, Sequence, Value
from ivr.errors import ConditionError, FlowFault, Wording
from ivr.node import Condition, Name, NodeId, Phrases, Prompt, Template
from ivr.variables import NAME, compile_condition, template_fault

_NAMES: Final = {
    str: Wording("a text", "文本"),
    int: Wording("a whole number", "整数"),
    float: Wording("a number", "数字"),
    bool: Wording("true or false", " true 或 false"),
}
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]*(/[A-Za-z0-9][A-Za-z0-9_\-]*)*")


class Unusable(Exception):
    """The value cannot be used; its fault is already noted."""


class Reader:
    """Reads values of one file and notes every fault."""

    def __init__(self, file: str, faults: list[FlowFault]) -> None:
        self.languages: tuple[str, ...] = ()
        self.node = ""
        self.targets: list[tuple[str, str, int]] = []
        """Every exit read: node, target, line."""
        self._file = file
        self._faults = faults
        self._readers = {
            str: self._text,
            int: self._integer,
            float: self._number,
            bool: self._boolean,
            Template: self._template,
            Condition: self._condition,
            Name: self._name,
            NodeId: self._target,
            Prompt: self._prompt,
            Phrases: self._phrases,
        }

    def fault(self, line: int, en: str, zh: str) -> None:
        """Note a fault in both languages."""
        self._faults.append(FlowFault(self._file, line, self.node, en, zh))

    def struct(self, kind: type[Any], value: Value, *, skip: frozenset[str] = frozenset()) -> Any:
        """Read a struct from a mapping; keys in ``skip`` were read by somebody else."""
        if not isinstance(value, Mapping):
            self.fault(value.line, "keys with values are expected here", "此处应为键和值")
            raise Unusable
        hints = get_type_hints(kind, include_extras=True)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key, line in value.key_lines.items():
            if key not in fields and key not in skip:
                known = ", ".join(sorted(fields))
                self.fault(
                    line,
                    f"unknown key {key!r}; known are {known}",
                    f"未知的键 {key!r}；可选：{known}",
                )
        found: dict[str, Any] = {}
        usable = True
        for name, field in fields.items():
            if name in value.items:
                try:
                    found[field.name] = self.read(hints[field.name], value.items[name], name)
                except Unusable:
                    usable = False
            elif field.required:
                self.fault(value.line, f"key {name!r} is missing", f"缺少键 {name!r}")
                usable = False
        if not usable:
            raise Unusable
        return kind(**found)

    def read(self, kind: Any, value: Value, key: str) -> Any:
        """Read one value of a type; raise Unusable after noting the fault."""
        if get_origin(kind) is Annotated:
            inner, *rules = get_args(kind)
            result = self.read(inner, value, key)
            for rule in rules:
                self._check(rule, result, value.line, key)
            return result
        if get_origin(kind) in (UnionType, Union):
            (kind,) = (part for part in get_args(kind) if part is not NoneType)
        if kind in self._readers:
            return self._readers[kind](value, key)
        if get_origin(kind) is tuple:
            return self._several(get_args(kind)[0], value, key)
        if get_origin(kind) is dict:
            return self._keyed(get_args(kind), value, key)
        return self.struct(kind, value)

    def _several(self, kind: Any, value: Value, key: str) -> tuple[Any, ...]:
        items = value.items if isinstance(value, Sequence) else (value,)
        return tuple(self._all([(kind, item, key) for item in items]))

    def _keyed(self, kinds: tuple[Any, ...], value: Value, key: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            en, zh = f"{key}: keys with values are expected here", f"{key}：此处应为键和值"
            self.fault(value.line, en, zh)
            raise Unusable
        names = [
            (kinds[0], Scalar(n, line, plain=True), key) for n, line in value.key_lines.items()
        ]
        items = [(kinds[1], item, f"{key}.{name}") for name, item in value.items.items()]
        read = self._all(names + items)
        return dict(zip(read, read[len(names) :], strict=False))

    def _all(self, wanted: list[tuple[Any, Value, str]]) -> list[Any]:
        """Read every value before giving up, so that all faults are found."""
        found: list[Any] = []
        for kind, item, key in wanted:
            try:
                found.append(self.read(kind, item, key))
            except Unusable:
                continue
        if len(found) < len(wanted):
            raise Unusable
        return found

    def _scalar(self, value: Value, key: str, wanted: type) -> Scalar:
        if isinstance(value, Scalar) and not value.empty():
            return value
        raise self._expected(value.line, key, wanted)

    def _expected(self, line: int, key: str, wanted: type) -> Unusable:
        name = _NAMES[wanted]
        self.fault(line, f"{key}: {name.en} is expected", f"{key}：应为{name.zh}")
        return Unusable()

    def _text(self, value: Value, key: str) -> str:
        return self._scalar(value, key, str).text

    def _name(self, value: Value, key: str) -> str:
        text = self._text(value, key)
        if not NAME.fullmatch(text):
            self.fault(
                value.line,
                f"{key}: {text!r} is no name (small letters, digits, _)",
                f"{key}：{text!r} 不是名称（小写字母、数字、_）",
            )
            raise Unusable
        return text

    def _target(self, value: Value, key: str) -> str:
        text = self._text(value, key)
        self.targets.append((self.node, text, value.line))
        return text

    def _typed(self, found: Any, value: Value, key: str, wanted: type) -> Any:
        if found is None:
            raise self._expected(value.line, key, wanted)
        return found

    def _integer(self, value: Value, key: str) -> Any:
        return self._typed(self._scalar(value, key, int).integer(), value, key, int)

    def _number(self, value: Value, key: str) -> Any:
        return self._typed(self._scalar(value, key, float).number(), value, key, float)

    def _boolean(self, value: Value, key: str) -> Any:
        return self._typed(self._scalar(value, key, bool).boolean(), value, key, bool)

    def _template(self, value: Value, key: str) -> str:
        text = self._text(value, key)
        problem = template_fault(text)
        if problem:
            self.fault(value.line, f"{key}: {problem.en}", f"{key}：{problem.zh}")
            raise Unusable
        return text

    def _condition(self, value: Value, key: str) -> str:
        text = self._text(value, key)
        try:
            compile_condition(text)
        except ConditionError as error:
            self.fault(value.line, f"{key}: {error.wording.en}", f"{key}：{error.wording.zh}")
            raise Unusable from error
        return text

    def _prompt(self, value: Value, key: str) -> Prompt:
        if isinstance(value, Scalar):
            return Prompt(self._by_language({"": value}, value.line, key))
        if not isinstance(value, Mapping):
            self.fault(
                value.line,
                f"{key}: a text in each language, or file: NAME, is expected",
                f"{key}：应为每种语言的文本，或 file: NAME",
            )
            raise Unusable
        if set(value.items) == {"file"}:
            name = self._text(value.items["file"], key)
            if not _FILE.fullmatch(name):
                self.fault(
                    value.line,
                    f"{key}: file {name!r}: write a name below prompts/ without its ending",
                    f"{key}：file {name!r}：请写 prompts/ 下的名称，不带扩展名",
                )
                raise Unusable
            return Prompt({}, name)
        return Prompt(self._by_language(value.items, value.line, key))

    def _by_language(self, texts: dict[str, Value], line: int, key: str) -> dict[str, str]:
        return {
            language: self._template(text, key)
            for language, text in self._spread(texts, line, key).items()
        }

    def _phrases(self, value: Value, key: str) -> Phrases:
        texts: dict[str, Value] = value.items if isinstance(value, Mapping) else {"": value}
        spread = self._spread(texts, value.line, key)
        return Phrases({name: self._several(str, item, key) for name, item in spread.items()})

    def _spread(self, texts: dict[str, Value], line: int, key: str) -> dict[str, Value]:
        """Check that each language of the flow has its text, and no other has one.

        A bare text, given under the empty language, is enough for a flow of one language.
        """
        if set(texts) == {""} and len(self.languages) == 1:
            return {self.languages[0]: texts[""]}
        missing = [language for language in self.languages if language not in texts]
        extra = [language for language in texts if language and language not in self.languages]
        if missing:
            names = ", ".join(missing)
            self.fault(line, f"{key}: text is missing for {names}", f"{key}：缺少 {names} 的文本")
        for language in extra:
            known = ", ".join(self.languages)
            self.fault(
                line,
                f"{key}: {language!r} is not a language of this flow ({known})",
                f"{key}：{language!r} 不是此流程的语言（{known}）",
            )
        if missing or extra:
            raise Unusable
        return texts

    def _check(self, rule: msgspec.Meta, value: Any, line: int, key: str) -> None:
        if rule.ge is not None and value < rule.ge:
            self.fault(line, f"{key}: {value} is below {rule.ge}", f"{key}：{value} 小于 {rule.ge}")
        elif rule.le is not None and value > rule.le:
            self.fault(line, f"{key}: {value} is above {rule.le}", f"{key}：{value} 大于 {rule.le}")
        elif rule.pattern is not None and not re.fullmatch(rule.pattern, value):
            wanted = (rule.extra or {}).get("zh", rule.pattern)
            self.fault(
                line,
                f"{key}: {value!r} is not {rule.description}",
                f"{key}：应为{wanted}，而不是 {value!r}",
            )
        else:
            return
        raise Unusable
