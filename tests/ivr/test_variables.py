"""Conditions, templates, and values as they are spoken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import ConditionError
from ivr.spoken import digits
from ivr.variables import compile_condition, fill, template_fault

CALL = {"ani": "+4930123", "count": "10", "name": "Ann", "empty": ""}


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        ("name == 'Ann'", True),
        ('name != "Ann"', False),
        ("count > 9", True),
        ("count >= 10 and count <= 10.0", True),
        ("count < 9", False),
        ("count == '10.0'", True),
        ("name < 'Bo'", True),
        ("name > 'Bo'", False),
        ("ani starts '+49'", True),
        ("ani ends '124'", False),
        ("name contains 'n'", True),
        ("name in ('Bo', 'Ann')", True),
        ("count in (9, 10)", True),
        ("count in (9)", False),
        ("name", True),
        ("empty", False),
        ("unknown", False),
        ("not unknown", True),
        ("not (name == 'Ann' or count == 1)", False),
        ("name == 'Bo' or name == 'Cy' or name == 'Ann'", True),
        ("name == 'Ann' and not empty and count == 11", False),
        ("'x' == 'x'", True),
        ("-5 < -4", True),
    ],
)
def test_conditions(condition: str, true: bool) -> None:
    assert compile_condition(condition)(CALL) is true


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "name ==",
        "== 1",
        "name = 'x'",
        "(name",
        "name)",
        "name in 'x'",
        "name in ('x'",
        "name 'x'",
        "and",
        "not",
        "name == 'x",
        "Name",
        "__import__('os')",
        "a.b",
        "name in ()",
        "x" * 1001,
        "(" * 60 + "a" + ")" * 60,
        "not " * 60 + "a",
    ],
)
def test_what_is_no_condition_is_refused(condition: str) -> None:
    with pytest.raises(ConditionError):
        compile_condition(condition)


@given(st.text(alphabet="abinot ()'\"=<>!,.1-0", max_size=40))
def test_any_text_is_a_condition_or_a_condition_error(source: str) -> None:
    try:
        test = compile_condition(source)
    except ConditionError:
        return
    assert test({"a": "1", "b": "x"}) in (True, False)


@pytest.mark.parametrize(
    ("template", "good"),
    [
        ("Hello {ani}", True),
        ("{ani:digits}", True),
        ("plain", True),
        ("{Ani}", False),
        ("{ani", False),
        ("}", False),
        ("{ani:roman}", False),
        ("{}", False),
    ],
)
def test_templates(template: str, good: bool) -> None:
    assert (template_fault(template) is None) is good


def test_unknown_variables_are_empty() -> None:
    assert fill("<{who}>", {}, "en") == "<>"


@given(st.text(max_size=20))
def test_values_are_never_read_as_templates(value: str) -> None:
    assert fill("{a}", {"a": value}, "en") == value


@pytest.mark.parametrize(
    ("value", "language", "spoken"),
    [
        ("102", "en", "one zero two"),
        ("+49 30-1*#", "en", "plus four nine, three zero, one star pound"),
        ("12", "zh", "幺二"),
        ("1-2", "zh", "幺，二"),
        ("7", "fr", "seven"),
        ("", "en", ""),
        ("abc", "zh", ""),
    ],
)
def test_digits_are_read_one_by_one(value: str, language: str, spoken: str) -> None:
    assert digits(value, language) == spoken
