"""Flows that listen for fax machines: where they go on, and what cannot be written."""

import pytest

from ivr.actions import Collect, ReceiveFax
from ivr.errors import FlowError, InputRefused
from ivr.flow import load_flow
from ivr.inputs import FaxHeard
from ivr.interpreter import IvrSession
from ivr.rehearsal import rehearse

FLOW = """\
version: 1
languages: [en]
start: menu
fax: machine
nodes:
  menu:
    kind: menu
    say: Press one
    choices: [{key: 1, value: one, next: bye}]
    failed: bye
  machine: {kind: fax, mailbox: "2001", received: bye}
  bye: {kind: hang_up}
tests:
  - {name: voice, inputs: ["1"], expect: {path: [menu, bye]}}
  - {name: machine, inputs: [fax heard, fax 2], expect: {path: [menu, machine, bye]}}
"""


def test_machine_in_the_menu_goes_on_at_the_fax() -> None:
    flow = load_flow(FLOW, "f")
    assert flow.fax == "machine"
    call = IvrSession(flow, {}, "en")
    (asked,) = call.start()
    assert isinstance(asked, Collect)
    assert call.handle(FaxHeard()) == (ReceiveFax(node="machine", mailbox="2001"),)
    assert call.path == ["menu", "machine"]
    result = rehearse(flow)
    assert result.passed, [each.failures for each in result.results]
    assert result.missed == ("menu -> failed",)


def test_flow_without_a_fax_refuses() -> None:
    text = FLOW.replace("fax: machine\n", "").partition("tests:")[0]
    text = text.replace("failed: bye", "failed: machine")
    call = IvrSession(load_flow(text, "f"), {}, "en")
    call.start()
    with pytest.raises(InputRefused):
        call.handle(FaxHeard())


@pytest.mark.parametrize(
    ("node", "said"), [("bye", "a node of kind fax is needed"), ("nowhere", "no node 'nowhere'")]
)
def test_node_that_is_no_fax_is_a_fault(node: str, said: str) -> None:
    text = FLOW.replace("fax: machine", f"fax: {node}").replace("failed: bye", "failed: machine")
    with pytest.raises(FlowError) as error:
        load_flow(text, "f")
    assert any(said in str(fault) for fault in error.value.faults)
    assert any(fault.line == 4 for fault in error.value.faults)
