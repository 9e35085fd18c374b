"""The messages node: what it asks for, which exit it takes, what flow tests can say of it."""

import pytest

from ivr.actions import HangUp, HearMessages, OpenMailbox, Play
from ivr.errors import InputRefused
from ivr.flow import load_flow
from ivr.inputs import MailboxOpened, MailboxRefused, MessagesHeard, Played, TimedOut
from ivr.interpreter import IvrSession
from ivr.rehearsal import rehearse

FLOW = """\
version: 1
languages: [en, zh]
start: messages
nodes:
  messages:
    {kind: messages, mailbox: "{box}", say: {en: Hello., zh: 您好。}, next: bye, refused: sorry}
  sorry: {kind: announce, say: {en: "{mailbox_error}", zh: "{mailbox_error}"}, next: bye}
  bye: {kind: hang_up}
tests:
  - {name: heard, inputs: [mailbox 2001, messages heard], expect: {mailbox: "2001", ends: hang_up}}
  - {name: refused, inputs: [mailbox refused], expect: {path: [messages, sorry, bye]}}
"""


def session(box: str = "") -> IvrSession:
    """A call whose mailbox is being opened."""
    started = IvrSession(load_flow(FLOW, "f"), {"box": box}, "zh")
    (first,) = started.start()
    assert isinstance(first, Play)
    assert started.handle(Played()) == (OpenMailbox(node="messages", mailbox=box, language="zh"),)
    return started


def test_the_mailbox_that_was_opened_is_heard_and_not_the_one_asked_for() -> None:
    call = session("2001")
    told = call.handle(MailboxOpened(mailbox="2002"))
    assert told == (HearMessages(node="messages", mailbox="2002", language="zh"),)
    (end,) = call.handle(MessagesHeard(new=1, left=3))
    assert isinstance(end, HangUp)
    assert (call.variables["messages_new"], call.variables["messages_left"]) == ("1", "3")


def test_a_refusal_says_why() -> None:
    call = session()
    (said,) = call.handle(MailboxRefused(reason="limited"))
    assert isinstance(said, Play)
    assert said.prompts[0].text == "limited"


def test_a_refusal_without_exit_goes_on() -> None:
    flow = "version: 1\nlanguages: [en]\nstart: a\nnodes:\n  a: {kind: messages, next: b}\n"
    call = IvrSession(load_flow(flow + "  b: {kind: hang_up}\n", "f"))
    (asked,) = call.start()
    assert asked == OpenMailbox(node="a", mailbox="", language="en")
    assert isinstance(call.handle(MailboxRefused(reason="wrong"))[-1], HangUp)


def test_other_input_is_refused() -> None:
    with pytest.raises(InputRefused):
        session().handle(TimedOut())


def test_flow_tests_know_messages() -> None:
    result = rehearse(load_flow(FLOW, "f"))
    assert result.passed, [each.failures for each in result.results]
    assert result.missed == ()
