"""The fax node: what it asks for and which exit it takes."""

import pytest

from ivr.actions import HangUp, Play, ReceiveFax
from ivr.errors import InputRefused
from ivr.flow import load_flow
from ivr.inputs import FaxFailed, FaxReceived, Played, TimedOut
from ivr.interpreter import IvrSession
from ivr.rehearsal import rehearse

FLOW = """\
version: 1
languages: [en]
start: fax
nodes:
  fax: {kind: fax, mailbox: "box-{dnis}", say: Please start, received: bye, failed: sorry}
  sorry: {kind: announce, say: "{fax_error}", next: bye}
  bye: {kind: hang_up}
tests:
  - {name: comes, inputs: [fax 3], expect: {mailbox: box-, variables: {fax_pages: "3"}}}
  - {name: fails, inputs: [fax failed], expect: {path: [fax, sorry, bye], ends: hang_up}}
"""


def session() -> IvrSession:
    """A call in front of its fax node."""
    started = IvrSession(load_flow(FLOW, "f"), {"dnis": "77"}, "en")
    (first,) = started.start()
    assert isinstance(first, Play)
    assert started.handle(Played()) == (ReceiveFax(node="fax", mailbox="box-77"),)
    return started


def test_received_fax_is_known_to_the_flow() -> None:
    call = session()
    (end,) = call.handle(FaxReceived(file="faxes/a.tif", pages=2, station="1"))
    assert isinstance(end, HangUp)
    told = {key: call.variables[key] for key in ("fax_file", "fax_pages", "fax_station")}
    assert told == {"fax_file": "faxes/a.tif", "fax_pages": "2", "fax_station": "1"}


@pytest.mark.parametrize("pages", [0, 2])
def test_failed_fax_says_why_and_keeps_its_pages(pages: int) -> None:
    call = session()
    (said,) = call.handle(FaxFailed(reason="poor line", file="faxes/a.tif", pages=pages))
    assert isinstance(said, Play)
    assert said.prompts[0].text == "poor line"
    assert call.variables["fax_file"] == ("faxes/a.tif" if pages else "")


def test_other_input_is_refused() -> None:
    with pytest.raises(InputRefused):
        session().handle(TimedOut())


def test_flow_tests_know_faxes() -> None:
    result = rehearse(load_flow(FLOW, "f"))
    assert result.passed, [each.failures for each in result.results]
    assert result.missed == ()
