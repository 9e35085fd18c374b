"""Tests inside flows: what they say, and what they reached."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.flow import load_flow
from ivr.rehearsal import rehearse

ROOT = Path(__file__).parents[2]
NODES = """
a:
  kind: menu
  say: Choose.
  retries: 0
  choices:
    - {key: 1, next: q, phrases: [one]}
    - {key: 2, next: t}
  failed: bye
q: {kind: enter_queue, queue: sales, timed_out: r, keys: {"#": r}}
t: {kind: transfer, to: "55", failed: bye}
r: {kind: record, mailbox: main, next: bye}
bye: {kind: hang_up, say: Bye.}
"""


def run(flow_of: Callable[..., Any], tests: str) -> Any:
    return rehearse(flow_of(NODES, more=f"tests:\n{tests}"))


@pytest.mark.parametrize(
    "test",
    [
        "{name: t, inputs: '1', expect: {path: [a, q], queue: sales, ends: queue}}",
        "{name: t, inputs: say one, expect: {queue: sales}}",
        "{name: t, inputs: say bananas, expect: {path: [a, bye], ends: hang_up}}",
        "{name: t, inputs: silence, expect: {ends: hang_up}}",
        "{name: t, inputs: ['1', 'queue key #', record 3.5], expect: {mailbox: main,"
        " variables: {recording_s: '3.5'}}}",
        "{name: t, inputs: ['2', transfer failed], expect: {transfer: '55', ends: hang_up}}",
        "{name: t, inputs: ['2'], expect: {ends: transfer}}",
        "{name: t, inputs: ['1', finished], expect: {ends: hang_up}}",
        "{name: t, inputs: ['1', hang up], expect: {ends: caller_left}}",
        "{name: t, expect: {path: a, ends: waiting}}",
    ],
)
def test_what_a_test_can_say(flow_of: Callable[..., Any], test: str) -> None:
    rehearsal = run(flow_of, f"  - {test}\n")
    assert rehearsal.results[0].failures == ()
    assert rehearsal.passed


@pytest.mark.parametrize(
    ("test", "failure"),
    [
        ("{name: t, inputs: '1', expect: {path: [a, bye]}}", "path: expected a > bye, got a > q"),
        ("{name: t, inputs: '1', expect: {queue: support}}", "queue: expected 'support', got 'sal"),
        ("{name: t, inputs: '1', expect: {variables: {x: '1'}}}", "variable x: expected '1', got"),
        ("{name: t, inputs: [silence, '1']}", "input 2 (1): the call is already over"),
        ("{name: t, inputs: finished}", "node a (menu) was told Finished"),
        ("{name: t, inputs: jump}", "input 'jump' is unknown"),
        ("{name: t, inputs: record x}", "record SECONDS is expected"),
    ],
)
def test_why_a_test_fails(flow_of: Callable[..., Any], test: str, failure: str) -> None:
    rehearsal = run(flow_of, f"  - {test}\n")
    assert failure in rehearsal.results[0].failures[0]
    assert not rehearsal.passed


def test_coverage_names_what_no_test_reached(flow_of: Callable[..., Any]) -> None:
    rehearsal = run(flow_of, "  - {name: t, inputs: ['1', queue timed_out, record 3]}\n")
    assert (rehearsal.nodes_reached, rehearsal.nodes) == (4, 5)
    assert (rehearsal.exits_reached, rehearsal.exits) == (3, 9)
    assert rehearsal.missed == (
        "t",
        "a -> 2",
        "a -> failed",
        "q -> key #",
        "q -> next",
        "t -> next",
        "t -> failed",
    )


def test_the_default_flow_passes_its_tests_and_reaches_everything() -> None:
    text = (ROOT / "daemon/defaults/flows/main.yaml").read_bytes()
    rehearsal = rehearse(load_flow(text, "main.yaml"))
    assert rehearsal.passed
    assert rehearsal.missed == ()


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/*/flows/*.yaml")), ids=str)
def test_example_flows_pass_their_tests(file: Path) -> None:
    assert rehearse(load_flow(file.read_bytes(), file.name)).passed
