"""Skill expressions: what they allow, where they are wrong, and that no text breaks them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.routing.skill_expression import (
    DEEPEST,
    LONGEST,
    MOST_ALTERNATIVES,
    ExpressionFault,
    build,
    parse,
)

NAMES = st.sampled_from(["english", "billing", "sales", "tier.2", "中文", "a b", "and", "Or"])
TREES = st.recursive(
    st.tuples(NAMES, st.integers(1, 10)),
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), inner, inner),
    max_leaves=6,
)


def is_leaf(tree: Any) -> bool:
    return len(tree) == 2


def text_of(tree: Any) -> str:
    if is_leaf(tree):
        name, level = tree
        shown = name if name in ("english", "billing", "sales", "tier.2", "中文") else f'"{name}"'
        return f"{shown} >= {level}" if level % 2 else f"{shown}>{level - 1}"
    return f"({text_of(tree[1])} {tree[0]} {text_of(tree[2])})"


def holds(tree: Any, levels: dict[str, int]) -> bool:
    if is_leaf(tree):
        return levels.get(tree[0], 0) >= tree[1]
    both = (holds(tree[1], levels), holds(tree[2], levels))
    return all(both) if tree[0] == "and" else any(both)


@pytest.mark.parametrize(
    ("text", "alternatives"),
    [
        ("", ((),)),
        ("  \n", ((),)),
        ("sales", ((("sales", 1),),)),
        ("sales > 3", ((("sales", 4),),)),
        (
            "english>=3 and (billing or sales)",
            ((("billing", 1), ("english", 3)), (("english", 3), ("sales", 1))),
        ),
        ("a or b and c>=2", ((("a", 1),), (("b", 1), ("c", 2)))),
        ("a AND a>=5", ((("a", 5),),)),
        ("a or a>=5", ((("a", 1),),)),
        ('"and" Or 技术支持>=10', ((("and", 1),), (("技术支持", 10),))),
        ("((tier-2.b_1))", ((("tier-2.b_1", 1),),)),
    ],
)
def test_expressions_become_their_simplest_alternatives(text: str, alternatives: Any) -> None:
    assert parse(text) == alternatives


@pytest.mark.parametrize(
    ("text", "at", "detail"),
    [
        ("sales and", 9, "expected a skill: the end"),
        ("sales billing", 6, "expected and, or: billing"),
        ("(sales or billing", 17, "expected )"),
        ("sales)", 5, "expected and, or: )"),
        ("sales >= 11", 9, "level 11 is not 1 to 10"),
        ("sales > 10", 8, "level 11 is not 1 to 10"),
        ("sales >= 0", 9, "level 0 is not 1 to 10"),
        ("sales >= x", 9, "expected a level: x"),
        ("sales >=", 8, "expected a level: the end"),
        ("sales = 3", 6, "'=' has no meaning"),
        ("sales < 3", 6, "'<' has no meaning"),
        ("not sales", 0, "not is not known"),
        ('sales or "x', 9, "the quote has no end"),
        ('""', 0, 'expected a skill: ""'),
        (")", 0, "expected a skill: )"),
        ("a;import os", 1, "';' has no meaning"),
    ],
)
def test_faults_name_their_place(text: str, at: int, detail: str) -> None:
    with pytest.raises(ExpressionFault) as caught:
        parse(text)
    assert (caught.value.at, caught.value.detail) == (at, detail)
    assert str(caught.value).startswith(f"column {at + 1}: ")


def test_sizes_have_limits() -> None:
    deep = "(" * DEEPEST + "a" + ")" * DEEPEST
    assert parse(deep) == parse("a")
    with pytest.raises(ExpressionFault, match="deep"):
        parse(f"({deep})")
    with pytest.raises(ExpressionFault, match="longer"):
        parse("a" * (LONGEST + 1))
    wide = " and ".join(f"(a{n} or b{n})" for n in range(6))
    assert len(parse(wide)) == MOST_ALTERNATIVES
    with pytest.raises(ExpressionFault, match="alternatives"):
        parse(f"{wide} and (c or d)")
    with pytest.raises(ExpressionFault, match="alternatives"):
        parse(" or ".join(f"s{n}" for n in range(MOST_ALTERNATIVES + 1)))


@given(TREES, st.dictionaries(NAMES, st.integers(1, 10)))
def test_alternatives_allow_what_the_expression_says(tree: Any, levels: dict[str, int]) -> None:
    allowed = any(
        all(levels.get(name, 0) >= least for name, least in pairs) for pairs in parse(text_of(tree))
    )
    assert allowed == holds(tree, levels)


@given(TREES)
def test_what_is_built_is_read_back(tree: Any) -> None:
    found = parse(text_of(tree))
    assert parse(build(found)) == found


@given(st.text(max_size=60) | st.text('ab>=1 ()"and or', max_size=60))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        found = parse(text)
    except ExpressionFault as fault:
        found = parse("")
        place = fault.at
    else:
        place = 0
    assert 0 <= place <= len(text)
    assert parse(build(found)) == found
