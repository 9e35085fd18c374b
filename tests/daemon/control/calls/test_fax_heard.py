"""Callers who turn out to be fax machines while a flow talks to them."""

import pytest

from daemon.control.flows.active import ActiveFlow, ActiveFlows
from daemon.fax import messages as fax
from daemon.link.messages import FaxTone
from ivr.flow import load_flow
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine
from tests.fakes.sound_records import assert_sound

FLOW = """\
version: 1
languages: [en]
start: welcome
fax: machine
nodes:
  welcome: {kind: announce, say: Welcome, next: menu}
  menu:
    kind: menu
    say: Press one
    choices: [{key: 1, value: one, next: sales}]
    failed: bye
  sales: {kind: enter_queue, queue: sales, timed_out: bye, refused: bye, next: bye}
  machine: {kind: fax, mailbox: "2001", received: thanks, failed: bye}
  thanks: {kind: announce, say: "Got {fax_pages}", next: bye}
  bye: {kind: hang_up}
"""


@pytest.fixture
def rig(rig: ControlRig) -> ControlRig:
    rig.controller.flows = ActiveFlows([ActiveFlow(load_flow(FLOW, "main"), 1, FLOW)])
    return rig


async def beep(rig: ControlRig, line: FakeLine, tone: str = "cng") -> None:
    """A fax tone on the line of a caller."""
    assert line.port is not None
    rig.media._tell(FaxTone(port=line.port, tone=tone))
    await rig.settle()


@pytest.mark.parametrize("where", ["welcome", "menu", "queue"])
async def test_machine_is_taken_to_the_fax_node(rig: ControlRig, where: str) -> None:
    line = await rig.call()
    assert rig.media.watched == {line.port}
    if where != "welcome":
        await rig.hear_out(line)
    if where == "queue":
        await rig.press(line, "1")
    await beep(rig, line)
    assert rig.media.players == {}
    [request] = rig.media.faxes.asked
    assert isinstance(request, fax.StartFax)
    rig.media.faxes.end(pages=2)
    await rig.settle()
    assert rig.speech.said[-1] == "Got 2"
    await rig.hear_out(line)
    [call] = rig.calls()
    assert call.path[-3:] == ("machine", "thanks", "bye")
    if where == "queue":
        assert [visit.outcome for visit in rig.visits()] == ["overflowed"]
    assert_sound(rig)


async def test_other_tones_change_nothing(rig: ControlRig) -> None:
    line = await rig.call()
    await beep(rig, line, "ced")
    assert rig.media.faxes.asked == []
    assert rig.speech.said == ["Welcome"]
