"""Every fault of a flow file is found at once, at its line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import FlowError, FlowFault
from ivr.flow import load_flow

Faults = Callable[[str | bytes], list[FlowFault]]

GOOD = """\
version: 1
languages: [en]
start: a
nodes:
  a:
    kind: announce
    say: Hello.
    next: b
  b:
    kind: hang_up
"""


def lines(faults: list[FlowFault]) -> list[tuple[int, str, str]]:
    return [(fault.line, fault.node, fault.message) for fault in faults]


def test_a_valid_flow_has_no_faults(faults_of: Faults) -> None:
    assert faults_of(GOOD) == []


def test_all_faults_are_found_together_in_line_order(faults_of: Faults) -> None:
    found = faults_of("""\
        version: 2
        languages: [en, zh]
        start: nowhere
        colour: blue
        nodes:
          a:
            kind: announce
            say: {en: Hello}
            next: gone
            volume: 11
          b:
            kind: dance
          c:
            say: {en: Hi, zh: 你好}
          d:
            kind: collect
            say: {en: Number, zh: 号码, fr: Nombre}
            min: five
            into: Not A Name
            next: a
          a:
            kind: hang_up
        """)
    assert [fault.line for fault in found] == sorted(fault.line for fault in found)
    assert lines(found) == [
        (1, "", "version: 2 is above 1"),
        (3, "", "there is no node 'nowhere'"),
        (4, "", "unknown key 'colour'; known are fax, languages, start, title, variables, version"),
        (8, "a", "say: text is missing for zh"),
        (9, "a", "there is no node 'gone'"),
        (10, "a", "unknown key 'volume'; known are barge_in, next, say"),
        (
            12,
            "b",
            "kind 'dance' is unknown; known are announce, assign, branch, collect, enter_queue, fax,"
            " hang_up, menu, messages, record, transfer",
        ),
        (
            13,
            "c",
            "kind is missing; known are announce, assign, branch, collect, enter_queue, fax,"
            " hang_up, menu, messages, record, transfer",
        ),
        (16, "d", "key 'failed' is missing"),
        (17, "d", "say: 'fr' is not a language of this flow (en, zh)"),
        (18, "d", "min: a whole number is expected"),
        (19, "d", "into: 'Not A Name' is no name (small letters, digits, _)"),
        (21, "", "key 'a' is already in line 6"),
    ]


def test_a_fault_says_file_line_node_and_what(faults_of: Faults) -> None:
    (fault,) = faults_of(GOOD.replace("next: b", "next: c").replace("  b:", "  c2:", 1))[:1]
    assert str(fault) == "test.yaml:8: node a: there is no node 'c'"
    with pytest.raises(FlowError, match=r"test.yaml: 1 fault: test.yaml:1: "):
        load_flow("[]", "test.yaml")
    with pytest.raises(FlowError, match="2 faults"):
        load_flow(GOOD.replace("say: Hello.", "good: 1\n    bad: 1\n    say: ''"), "test.yaml")


def test_an_empty_quoted_text_is_a_text(faults_of: Faults) -> None:
    assert faults_of(GOOD.replace("Hello.", "''")) == []
    assert faults_of(GOOD.replace("Hello.", "")) != []


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("say: Hello.", "say: 'Hello {name'", 7, "a variable in a text is written {name}"),
        ("say: Hello.", "say: '{ani:backwards}'", 7, "known ways to read are digits"),
        ("say: Hello.", "say: {file: ../secret}", 7, "a name below prompts/"),
        ("say: Hello.", "say: {file: [a]}", 7, "a text is expected"),
        ("say: Hello.", "say: {fr: Bonjour}", 7, "text is missing for en"),
        ("say: Hello.", "say: [Hello, [again]]", 7, "or file: NAME, is expected"),
        ("say: Hello.", "say:", 7, "a text is expected"),
        ("next: b", "next: [b]", 8, "a text is expected"),
        ("next: b", "next: b\n    barge_in: 1", 9, "true or false is expected"),
        ("  b:", "  b: []\n  c:", 9, "kind is missing"),
        ("languages: [en]", "languages: [fr]", 2, "'fr' is not one of en, zh"),
        ("languages: [en]", "languages: [en, en]", 2, "name each language once"),
        ("languages: [en]", "languages: []", 2, "name each language once"),
        ("languages: [en]", "languages: {en: 1}", 2, "a text is expected"),
        ("languages: [en]", "title: x", 1, "key 'languages' is missing"),
        ("start: a", "start: a\nvariables: {Big: x}", 4, "is no name"),
        ("start: a", "start: a\nvariables: [x]", 4, "keys with values"),
        ("start: a", "start: a\ntests: 5", 4, "keys with values"),
        ("start: a", "start: a\n? [x]\n: y", 4, "a key must be a single word"),
        ("start: a", "start: &x a", 3, "anchors (&x) are not allowed"),
        ("start: a", "start: *x", 3, "aliases (*x) are not allowed"),
        ("start: a", "start: !!str a", 3, "tags"),
        ("start: a", "start: 'a", 11, "not YAML"),
        ("nodes:", "nodes: 7\nxx:", 4, "at least one node is needed"),
        ("nodes:", "nodes: {}\nxx:", 4, "at least one node is needed"),
        ("nodes:", "other:", 1, "at least one node is needed"),
        ("kind: hang_up", "kind: hang_up\n---\nmore: 1", 11, "only one document"),
        ("kind: hang_up", "kind: hang_up\n...\n@", 12, "not YAML"),
        ("kind: hang_up", "kind: hang_up\n  c: {kind: hang_up}", 11, "no way leads here"),
    ],
)
def test_one_fault_at_its_line(
    faults_of: Faults, old: str, new: str, line: int, message: str
) -> None:
    assert old in GOOD
    found = faults_of(GOOD.replace(old, new, 1))
    assert any(fault.line == line and message in fault.message for fault in found), lines(found)


MENU = """\
version: 1
languages: [en]
start: a
nodes:
  a:
    kind: menu
    say: Choose.
    choices:
      - {key: 1, next: b, phrases: [one, first]}
      - {key: 2, next: b, phrases: two}
    failed: b
  b:
    kind: hang_up
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("key: 2", "key: 1", 5, "choices: key 1 is given 2 times"),
        ("phrases: two", "phrases: one", 5, "'one' (en) is given 2 times"),
        ("key: 2", "key: two", 10, "'two' is not one to four of the keys"),
        ("key: 2", "key: 2, colour: red", 10, "unknown key 'colour'"),
        ("    failed: b", "    failed: b\n    retries: 10", 12, "10 is above 9"),
        ("    failed: b", "    failed: b\n    retries: -1", 12, "-1 is below 0"),
        ("    failed: b", "    failed: b\n    timeout_s: soon", 12, "a number is expected"),
        ("- {key: 2, next: b, phrases: two}", "- none", 10, "keys with values are expected"),
    ],
)
def test_faults_of_a_menu(faults_of: Faults, old: str, new: str, line: int, message: str) -> None:
    assert faults_of(MENU) == []
    found = faults_of(MENU.replace(old, new, 1))
    assert any(fault.line == line and message in fault.message for fault in found), lines(found)


def test_a_menu_needs_a_choice(faults_of: Faults) -> None:
    text = MENU[: MENU.index("      -")] + MENU[MENU.index("    failed") :]
    found = faults_of(text.replace("choices:", "choices: []"))
    assert "at least one is needed" in found[0].message


LOOP = """\
version: 1
languages: [en]
start: a
nodes:
  a:
    kind: branch
    cases: [{if: "x == 1", next: b}]
    otherwise: c
  b:
    kind: assign
    set: {x: "2"}
    next: a
  c:
    kind: hang_up
"""


def test_a_loop_that_never_asks_the_caller_is_a_fault(faults_of: Faults) -> None:
    assert [(fault.line, fault.node) for fault in faults_of(LOOP)] == [(5, "a"), (9, "b")]
    assert faults_of(LOOP.replace("next: a", "next: c")) == []


def test_a_condition_that_cannot_be_read_is_a_fault(faults_of: Faults) -> None:
    (fault,) = faults_of(LOOP.replace("next: a", "next: c").replace("x == 1", "x =="))
    assert (fault.line, fault.node) == (7, "a")
    assert "is missing before 'the end'" in fault.message


def test_collect_wants_a_sensible_length(faults_of: Faults) -> None:
    text = GOOD.replace("kind: announce", "kind: collect\n    into: x\n    failed: b\n    min: 9")
    assert faults_of(text) == []
    assert (
        "min 9 is above max 8" in faults_of(text.replace("min: 9", "min: 9\n    max: 8"))[0].message
    )


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe", "", "- a", "# nothing", "a: b: c", "\x00", "\ud800", "{" * 100, "[" * 2000],
)
def test_what_is_no_flow_at_all_is_one_clear_fault(faults_of: Faults, text: str | bytes) -> None:
    found = faults_of(text)
    assert len(found) == 1
    assert found[0].message


def test_every_flow_we_ship_is_valid() -> None:
    root = Path(__file__).parents[2]
    files = [*root.glob("daemon/defaults/flows/*.yaml"), *root.glob("examples/*/flows/*.yaml")]
    assert len(files) >= 2
    for file in files:
        load_flow(file.read_bytes(), file.name)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_flow_or_a_flow_error(data: bytes) -> None:
    with pytest.raises(FlowError):
        load_flow(data, "random.yaml")


@given(st.data())
def test_a_cut_or_garbled_flow_gives_a_flow_or_a_flow_error(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([GOOD, MENU, LOOP]))
    at = data.draw(st.integers(0, len(text)))
    to = data.draw(st.integers(at, min(len(text), at + 20)))
    middle = data.draw(st.text(alphabet="abc:{}[]-\"'\n &*!#?|>%@0159,", max_size=12))
    try:
        flow = load_flow(text[:at] + middle + text[to:], "cut.yaml")
    except FlowError as error:
        found = error.faults
    else:
        assert flow.start in flow.nodes
        return
    assert found
    assert all(fault.zh not in ("", fault.message) for fault in found)
