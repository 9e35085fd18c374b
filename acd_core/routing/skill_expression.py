"""Skill expressions: ``english>=3 and (billing or sales)`` to the alternatives it allows.

::

    expression = term { "or" term }
    term       = factor { "and" factor }
    factor     = "(" expression ")" | skill [ (">=" | ">") level ]
    skill      = name | '"' any characters but quotes '"'

A skill alone wants level 1. ``and`` binds closer than ``or``; both in any case. A name begins
with a letter or digit and goes on with these, ``.``, ``_`` and ``-``; any other one, or one
called like a word of the language, is quoted.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final, NamedTuple

from acd_core.errors import ConfigurationFault
from acd_core.skills import BEST, LOWEST

Pairs = tuple[tuple[str, int], ...]
Alternatives = tuple[Pairs, ...]

LONGEST: Final = 1000  # characters
MOST_ALTERNATIVES: Final = 64
DEEPEST: Final = 32  # parentheses inside each other

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)|(?P<sign>>=|>|\(|\))|(?P<quoted>"[^"]*")|(?P<word>[^\W_][\w.-]*)"""
)
_PLAIN: Final = re.compile(r"[^\W_][\w.-]*\Z")
_WORDS: Final = frozenset({"and", "or", "not"})


class ExpressionFault(ConfigurationFault):
    """A skill expression cannot be read; ``at`` is the place, the first character is 0."""

    def __init__(self, at: int, detail: str) -> None:
        super().__init__(f"column {at + 1}: {detail}")
        self.at = at
        self.detail = detail


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(text: str) -> Alternatives:
    """Return the alternatives, each as sorted (skill, least level) pairs, the simplest form.

    Raises ExpressionFault. An empty text is one alternative that demands nothing.
    """
    if len(text) > LONGEST:
        raise ExpressionFault(LONGEST, f"longer than {LONGEST} characters")
    tokens = list(_tokens(text))
    if len(tokens) == 1:
        return ((),)
    parser = _Parser(tokens)
    found = parser.expression(0)
    parser.end()
    return found


def build(alternatives: Iterable[Pairs]) -> str:
    """Write alternatives as an expression that ``parse`` reads back; "" where one wants nothing."""
    terms = [" and ".join(_factor(name, level) for name, level in pairs) for pairs in alternatives]
    return "" if "" in terms else " or ".join(terms)


def _factor(name: str, level: int) -> str:
    shown = name if _PLAIN.match(name) and name.lower() not in _WORDS else f'"{name}"'
    return shown if level == LOWEST else f"{shown}>={level}"


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            detail = "the quote has no end" if text[at] == '"' else f"{text[at]!r} has no meaning"
            raise ExpressionFault(at, detail)
        kind = match.lastgroup or ""
        if kind == "word" and match[0].lower() in _WORDS:
            yield _Token("sign", match[0].lower(), at)
        elif kind != "space":
            yield _Token(kind, match[0], at)
        at = match.end()
    yield _Token("end", "the end", at)


class _Parser:
    """Recursive descent; each rule returns its alternatives in the simplest form."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def expression(self, depth: int) -> Alternatives:
        found = self._term(depth)
        while self._take("or"):
            found = self._simplest((*found, *self._term(depth)))
        return found

    def end(self) -> None:
        token = self._tokens[self._next]
        if token.kind != "end":
            raise ExpressionFault(token.at, f"expected and, or: {token.text}")

    def _term(self, depth: int) -> Alternatives:
        found = self._factor(depth)
        while self._take("and"):
            joined = product(found, self._factor(depth))
            found = self._simplest(_both(one, other) for one, other in joined)
        return found

    def _factor(self, depth: int) -> Alternatives:
        token = self._tokens[self._next]
        self._next += 1
        if token.text == "(" and token.kind == "sign":
            if depth == DEEPEST:
                raise ExpressionFault(token.at, f"more than {DEEPEST} parentheses deep")
            found = self.expression(depth + 1)
            if not self._take(")"):
                raise ExpressionFault(self._tokens[self._next].at, "expected )")
            return found
        if token.kind == "word":
            return (((token.text, self._level()),),)
        if token.kind == "quoted" and len(token.text) > 2:
            return (((token.text[1:-1], self._level()),),)
        detail = "not is not known" if token.text == "not" else f"expected a skill: {token.text}"
        raise ExpressionFault(token.at, detail)

    def _level(self) -> int:
        above = self._take(">")
        if not above and not self._take(">="):
            return LOWEST
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        if token.kind != "word" or not re.fullmatch("[0-9]{1,2}", token.text):
            raise ExpressionFault(token.at, f"expected a level: {token.text}")
        level = int(token.text) + above
        if not LOWEST <= level <= BEST:
            raise ExpressionFault(token.at, f"level {level} is not {LOWEST} to {BEST}")
        return level

    def _take(self, sign: str) -> bool:
        token = self._tokens[self._next]
        taken = token.kind == "sign" and token.text == sign
        self._next += taken
        return taken

    def _simplest(self, found: Iterable[Pairs]) -> Alternatives:
        """Leave out what another alternative already allows."""
        unique = sorted(set(found))
        if len(unique) > 4 * MOST_ALTERNATIVES:
            self._too_many()
        kept = tuple(
            pairs
            for pairs in unique
            if not any(other != pairs and _allows(other, pairs) for other in unique)
        )
        if len(kept) > MOST_ALTERNATIVES:
            self._too_many()
        return kept

    def _too_many(self) -> None:
        at = self._tokens[self._next - 1].at
        raise ExpressionFault(at, f"more than {MOST_ALTERNATIVES} alternatives")


def _both(one: Pairs, other: Pairs) -> Pairs:
    levels = dict(one)
    for name, level in other:
        levels[name] = max(level, levels.get(name, 0))
    return tuple(sorted(levels.items()))


def _allows(looser: Pairs, stricter: Pairs) -> bool:
    levels = dict(stricter)
    return all(levels.get(name, 0) >= level for name, level in looser)
