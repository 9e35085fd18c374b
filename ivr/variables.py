"""Call variables: templates that read them and conditions that compare them.

A condition is read by a parser of its own and never evaluated as code::

    condition  = both {"or" both}
    both       = negation {"and" negation}
    negation   = "not" negation | "(" condition ")" | comparison
    comparison = operand [("==" | "!=" | "<" | "<=" | ">" | ">=") operand
                         | ("starts" | "ends" | "contains") operand
                         | "in" "(" operand {"," operand} ")"]
    operand    = variable | number | 'text' | "text"

Both sides compare as numbers when both are numbers, else as text. A variable that is not
set is the empty text; an operand alone is true when it is not empty.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from ivr.errors import ConditionError, Wording
from ivr.spoken import READERS

Test = Callable[[Mapping[str, str]], bool]
Operand = Callable[[Mapping[str, str]], str]

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
LONGEST: Final = 1000
_DEEPEST: Final = 50
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'[^']*'|\"[^\"]*\")|(?P<number>-?[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<word>[a-z][a-z0-9_]*)|(?P<sign>==|!=|<=|>=|<|>|\(|\)|,))"
)
_FIELD: Final = re.compile(r"\{([a-z][a-z0-9_]*)(?::([a-z]+))?\}")
_RESERVED: Final = frozenset({"and", "or", "not", "in", "starts", "ends", "contains"})
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")

_COMPARE: Final[dict[str, Callable[[str, str], bool]]] = {
    "==": lambda a, b: _order(a, b) == 0,
    "!=": lambda a, b: _order(a, b) != 0,
    "<": lambda a, b: _order(a, b) < 0,
    "<=": lambda a, b: _order(a, b) <= 0,
    ">": lambda a, b: _order(a, b) > 0,
    ">=": lambda a, b: _order(a, b) >= 0,
    "starts": lambda a, b: a.startswith(b),
    "ends": lambda a, b: a.endswith(b),
    "contains": lambda a, b: b in a,
}


def compile_condition(source: str) -> Test:
    """Read a condition; the result takes the variables and answers true or false."""
    return _Parser(source).whole()


def template_fault(source: str) -> Wording | None:
    """Say what is wrong with a template; None when nothing is."""
    rest = _FIELD.sub("", source)
    if "{" in rest or "}" in rest:
        return Wording(
            "a variable in a text is written {name} or {name:digits}, with small letters",
            "文本中的变量写作 {name} 或 {name:digits}，使用小写字母",
        )
    for field in _FIELD.finditer(source):
        if field[2] and field[2] not in READERS:
            known = ", ".join(READERS)
            return Wording(
                f"{field[0]}: known ways to read are {known}", f"{field[0]}：可选的读法：{known}"
            )
    return None


def fill(template: str, variables: Mapping[str, str], language: str) -> str:
    """Put variables into a template; unknown ones are empty."""

    def replace(field: re.Match[str]) -> str:
        value = variables.get(field[1], "")
        return READERS[field[2]](value, language) if field[2] else value

    return _FIELD.sub(replace, template)


def _order(a: str, b: str) -> int:
    if _NUMBER.fullmatch(a) and _NUMBER.fullmatch(b):
        left, right = float(a), float(b)
        return (left > right) - (left < right)
    return (a > b) - (a < b)


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, source: str) -> None:
        if len(source) > LONGEST:
            raise ConditionError(
                f"a condition has at most {LONGEST} characters; split it into several cases",
                f"条件最多 {LONGEST} 个字符；请拆成几个 case",
            )
        self._tokens = _tokens(source)
        self._at = 0
        self._depth = 0

    def whole(self) -> Test:
        test = self._either()
        if self._at < len(self._tokens):
            found = self._tokens[self._at][1]
            raise ConditionError(
                f"{found!r} is not expected there; join comparisons with and, or",
                f"此处不应有 {found!r}；请用 and、or 连接各个比较",
            )
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("word", "or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda v: any(test(v) for test in tests)

    def _both(self) -> Test:
        tests = [self._negation()]
        while self._take("word", "and"):
            tests.append(self._negation())
        return tests[0] if len(tests) == 1 else lambda v: all(test(v) for test in tests)

    def _negation(self) -> Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ConditionError(
                f"a condition nests at most {_DEEPEST} deep; split it into several cases",
                f"条件最多嵌套 {_DEEPEST} 层；请拆成几个 case",
            )
        test = self._inner()
        self._depth -= 1
        return test

    def _inner(self) -> Test:
        if self._take("word", "not"):
            inner = self._negation()
            return lambda v: not inner(v)
        if self._take("sign", "("):
            group = self._either()
            self._expect(")")
            return group
        return self._comparison()

    def _comparison(self) -> Test:
        left = self._operand()
        if self._take("word", "in"):
            return self._membership(left)
        kind, sign = self._peek()
        if kind in ("sign", "word") and sign in _COMPARE:
            self._at += 1
            right = self._operand()
            compare = _COMPARE[sign]
            return lambda v: compare(left(v), right(v))
        return lambda v: left(v) != ""

    def _membership(self, left: Operand) -> Test:
        self._expect("(")
        options = [self._operand()]
        while self._take("sign", ","):
            options.append(self._operand())
        self._expect(")")
        return lambda v: any(_order(left(v), option(v)) == 0 for option in options)

    def _operand(self) -> Operand:
        kind, text = self._peek()
        self._at += 1
        if kind == "text":
            literal = text[1:-1]
            return lambda v: literal
        if kind == "number":
            return lambda v: text
        if kind == "word" and text not in _RESERVED:
            return lambda v: v.get(text, "")
        raise ConditionError(
            f"a variable, number or 'text' is missing before {text or 'the end'!r}",
            f"{_before(text)}缺少变量、数字或 'text'",
        )

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _take(self, kind: str, text: str) -> bool:
        found = self._peek() == (kind, text)
        self._at += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._take("sign", sign):
            text = self._peek()[1]
            raise ConditionError(
                f"{sign!r} is missing before {text or 'the end'!r}",
                f"{_before(text)}缺少 {sign!r}",
            )


def _before(text: str) -> str:
    return f"{text!r} 之前" if text else "末尾"


def _tokens(source: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, end = 0, len(source.rstrip())
    while at < end:
        match = _TOKEN.match(source, at)
        if match is None:
            rest = source[at:].strip()[:20]
            raise ConditionError(
                f"cannot read {rest!r}; equal is ==, and texts stand in quotation marks",
                f"无法读取 {rest!r}；相等写作 ==，文本要加引号",
            )
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        at = match.end()
    return tokens
