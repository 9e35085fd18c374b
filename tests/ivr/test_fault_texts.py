"""Every fault of a flow is said in English and Chinese, with the same names in both."""

import re
from collections.abc import Callable

import pytest

from ivr.errors import ConditionError, FlowError, FlowFault, Wording
from ivr.flow import load_flow
from ivr.rehearsal import rehearse
from ivr.variables import compile_condition

Faults = Callable[[str | bytes], list[FlowFault]]
CHINESE = re.compile("[\u4e00-\u9fff]")
QUOTED = re.compile(r"'[^']+'")

FLOW = """\
version: 1
languages: [en]
start: a
nodes:
  a:
    kind: menu
    say: Choose.
    choices:
      - {key: 1, next: b, phrases: [one, first]}
      - {key: 2, next: c, phrases: two}
    failed: d
  b:
    kind: collect
    say: Number, please.
    into: order
    next: d
    failed: d
  c:
    kind: branch
    cases: [{if: "order == 1", next: d}]
    otherwise: d
  d:
    kind: hang_up
"""


def said_twice(wording: Wording) -> bool:
    """Whether both texts are there and name the same things."""
    names = set(QUOTED.findall(wording.en)) - {"'the end'", "'text'"}
    both = wording.en != wording.zh and not CHINESE.search(wording.en)
    return both and bool(CHINESE.search(wording.zh)) and all(name in wording.zh for name in names)


def test_a_flow_with_one_fault_of_each_kind(faults_of: Faults) -> None:
    found = faults_of("""\
        version: 2
        languages: [en, zh, fr]
        start: nowhere
        start: again
        colour: blue
        title: &x Hello
        variables: {Big: x}
        ? [x]
        : y
        nodes:
          a: {kind: announce, say: {en: Hello}, next: gone, volume: 11}
          b: {kind: dance}
          c: {say: {en: Hi, zh: 你好, fr: Salut}}
          d: {kind: collect, say: {file: ../x}, min: five, max: 0, into: x, next: a}
          e: {kind: announce, say: [[]], next: a, barge_in: 1}
          f: {kind: announce, say: '{ani', next: a}
          g: {kind: announce, say: {en: a, zh: b, fr: '{ani:roman}', de: c}, next: a}
          h: {kind: menu, say: {file: x}, choices: [{key: x, next: a}, none], failed: a}
          i: {kind: branch, cases: {if: 'x ==', next: a}, otherwise: a}
          j: {kind: transfer, to: !t x, failed: *y, timeout_s: soon}
          k: {kind: enter_queue, queue: q, timed_out: a, keys: {12: a}, skills: 7}
        tests: 5
        """)
    # A line says what it says once, however often it is found.
    assert len({fault.message for fault in found}) >= 25
    for fault in found:
        assert said_twice(Wording(fault.message, fault.zh)), fault
        assert fault.text("en") == str(fault)
        assert fault.text("zh") == f"test.yaml:{fault.line}: " + (
            f"节点 {fault.node}：{fault.zh}" if fault.node else fault.zh
        )


@pytest.mark.parametrize(
    ("old", "new", "zh"),
    [
        ("key: 2", "key: 1", "按键 1 出现 2 次"),
        ("phrases: two", "phrases: one", "'one'（en）出现 2 次"),
        ("into: order", "into: order\n    min: 9\n    max: 8", "min 9 大于 max 8"),
        ("next: c", "next: d", "没有路径通向此节点"),
        ("otherwise: d", "otherwise: c", "会无限循环"),
        ("choices:\n", "choices: []\n    x:\n", "至少需要一个选项"),
        ("nodes:", "nodes: {}\nx:", "至少需要一个节点"),
        ("languages: [en]", "languages: [en, en]", "每种语言请写一次"),
        ("    kind: hang_up\n", "    kind: hang_up\n---\na: 1\n", "只能有一个文档"),
        ("say: Choose.", "say: 'Choose.", "文件提前结束"),
        ("say: Choose.", "say: '{ani'", "文本中的变量写作 {name}"),
        ("say: Choose.", "say: '{ani:roman}'", "{ani:roman}：可选的读法：digits"),
        ("say: Choose.", "say: a: b", "此处不能有键和值"),
        ("say: Choose.", "say: " + "[" * 40 + "]" * 40, "嵌套超过 30 层"),
        (FLOW, "- a", "以 version: 1 开头"),
    ],
)
def test_one_fault_in_chinese(faults_of: Faults, old: str, new: str, zh: str) -> None:
    assert faults_of(FLOW) == []
    found = faults_of(FLOW.replace(old, new, 1))
    assert any(zh in fault.zh for fault in found), found
    assert all(said_twice(Wording(fault.message, fault.zh)) for fault in found)


def test_what_is_no_text_at_all_is_said_in_both_languages(faults_of: Faults) -> None:
    (fault,) = faults_of(b"\xff\xfe")
    assert said_twice(Wording(fault.message, fault.zh))
    with pytest.raises(FlowError) as caught:
        load_flow(b"\xff", "x.yaml")
    assert said_twice(caught.value.wording)
    assert str(caught.value) == caught.value.wording.text("en")


@pytest.mark.parametrize(
    "condition",
    ["x ==", "x y", "x in y", "(x", "x = 1", "'" * 3, "x" * 1001, "not " * 60 + "x", "and", ""],
)
def test_a_condition_says_what_is_wrong_in_both_languages(condition: str) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(condition)
    assert CHINESE.search(caught.value.wording.zh)
    assert not CHINESE.search(caught.value.wording.en)


@pytest.mark.parametrize(
    "test",
    [
        "{name: t, inputs: '1', expect: {path: [a, x], queue: q, variables: {x: '1'}}}",
        "{name: t, inputs: ['2', '1']}",
        "{name: t, inputs: finished}",
        "{name: t, inputs: jump}",
        "{name: t, inputs: record x}",
    ],
)
def test_why_a_test_fails_is_said_in_both_languages(test: str) -> None:
    text = FLOW + f"tests:\n  - {test}\n"
    (result,) = rehearse(load_flow(text, "test.yaml")).results
    assert result.failures
    assert result.told("en") == result.failures
    assert result.told("zh") == result.failures_zh
    for en, zh in zip(result.failures, result.failures_zh, strict=True):
        assert said_twice(Wording(en, zh)), (en, zh)
