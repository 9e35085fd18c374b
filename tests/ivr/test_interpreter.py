"""What a running flow asks for, node by node."""

from collections.abc import Callable
from typing import Any

import pytest

from ivr.actions import Collect, EnterQueue, HangUp, Play, RecordMessage, Speech, Transfer
from ivr.errors import FlowError, InputRefused
from ivr.inputs import (
    CallerLeft,
    DigitsEntered,
    Finished,
    Heard,
    Played,
    QueueLeft,
    Recorded,
    TimedOut,
    TransferFailed,
)
from ivr.interpreter import IvrSession

FlowOf = Callable[..., Any]
BYE = "\nbye: {kind: hang_up}\n"


def text(*spoken: str, language: str = "en") -> tuple[Speech, ...]:
    return tuple(Speech(text=words, language=language) for words in spoken)


def test_an_announcement_is_played_and_the_flow_goes_on(flow_of: FlowOf) -> None:
    flow = flow_of("a: {kind: announce, say: [Hello., {file: jingle}], next: bye}" + BYE)
    session = IvrSession(flow)
    speech = (Speech(text="Hello."), Speech(file="jingle"))
    assert session.start() == (Play(node="a", prompts=speech),)
    assert session.handle(Played()) == (HangUp(node="bye"),)
    assert session.ended
    assert session.path == ["a", "bye"]
    assert session.exits == [("a", "next")]


def test_a_key_ends_an_announcement_only_where_it_may(flow_of: FlowOf) -> None:
    nodes = "a: {kind: announce, say: Hello., next: bye, barge_in: true}" + BYE
    session = IvrSession(flow_of(nodes))
    assert session.start()[0].barge_in
    assert session.handle(DigitsEntered(digits="1")) == (HangUp(node="bye"),)
    deaf = IvrSession(flow_of(nodes.replace("true", "false")))
    deaf.start()
    with pytest.raises(InputRefused):
        deaf.handle(DigitsEntered(digits="1"))
    assert deaf.handle(Played()) == (HangUp(node="bye"),)


MENU = """
a:
  kind: menu
  say: {en: Sales or support?, zh: 销售还是支持？}
  no_input: {en: Hello?, zh: 喂？}
  no_match: {en: Pardon?, zh: 什么？}
  retries: 1
  timeout_s: 4
  into: topic
  choices:
    - {key: 1, next: q, value: sales, phrases: {en: [sales], zh: [销售]}}
    - {key: "22", next: q}
  failed: bye
q: {kind: enter_queue, queue: "{topic}", timed_out: bye}
bye: {kind: hang_up}
"""


def test_a_menu_asks_for_keys_and_phrases_together(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(MENU, languages="[en, zh]"), language="zh")
    (collect,) = session.start()
    assert collect == Collect(
        node="a",
        prompts=text("销售还是支持？", language="zh"),
        language="zh",
        max_digits=2,
        phrases={"销售": "1"},
        first_timeout_s=4.0,
        between_timeout_s=2.0,
    )
    (enter,) = session.handle(Heard(text="销售", phrase="销售", value="1", score=0.9))
    assert isinstance(enter, EnterQueue)
    assert enter.queue == "sales"
    assert session.variables["topic"] == "sales"


def test_a_choice_without_value_stands_for_its_key(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(MENU, languages="[en, zh]"))
    session.start()
    assert session.handle(DigitsEntered(digits="22"))[0].queue == "22"


def test_a_menu_asks_again_and_then_gives_up(flow_of: FlowOf) -> None:
    flow = flow_of(MENU, languages="[en, zh]")
    session = IvrSession(flow)
    session.start()
    (again,) = session.handle(TimedOut())
    assert again.prompts == text("Hello?", "Sales or support?")
    assert session.handle(DigitsEntered(digits="7")) == (HangUp(node="bye"),)
    session = IvrSession(flow)
    session.start()
    (again,) = session.handle(Heard(text="bananas"))
    assert again.prompts == text("Pardon?", "Sales or support?")
    with pytest.raises(InputRefused):
        session.handle(Played())


COLLECT = """
a:
  kind: collect
  say: Number?
  no_match: Four digits.
  into: order
  min: 4
  max: 4
  end_key: none
  retries: 2
  next: b
  failed: bye
b: {kind: announce, say: "{order:digits} of {ani}", next: bye}
bye: {kind: hang_up, say: Bye.}
"""


def test_digits_are_collected_into_a_variable_and_read_back(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(COLLECT), {"ani": "42"})
    (collect,) = session.start()
    assert (collect.max_digits, collect.end_key, collect.phrases) == (4, "", {})
    for wrong in (DigitsEntered(digits="123"), Heard(text="four")):
        assert session.handle(wrong)[0].prompts == text("Four digits.", "Number?")
    (play,) = session.handle(DigitsEntered(digits="1234"))
    assert play.prompts == text("one two three four of 42")
    assert session.handle(Played())[0].prompts == text("Bye.")
    assert session.handle(Played()) == (HangUp(node="bye"),)


def test_collecting_gives_up_after_its_retries(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(COLLECT))
    session.start()
    for event in (TimedOut(), DigitsEntered(digits="12*4"), TimedOut()):
        with pytest.raises(InputRefused):
            session.handle(Played())
        session.handle(event)
    assert session.path == ["a", "bye"]


QUEUE = """
a:
  kind: enter_queue
  queue: support
  priority: 3
  skills: {english: 4}
  last_agent_s: 20
  waiting: Please hold.
  repeat_s: 15
  keys: {9: m, "*": bye}
  timed_out: m
  refused: bye
  next: bye
m: {kind: record, mailbox: "box-{ani}", say: Speak., next: bye, empty: n, min_s: 2}
n: {kind: record, mailbox: last, next: bye}
bye: {kind: hang_up}
"""


def test_a_queue_is_entered_with_everything_the_flow_says(flow_of: FlowOf) -> None:
    (enter,) = IvrSession(flow_of(QUEUE)).start()
    assert enter == EnterQueue(
        node="a",
        queue="support",
        priority=3,
        skills={"english": 4},
        last_agent_s=20.0,
        exit_keys="9*",
        waiting=text("Please hold."),
        repeat_s=15.0,
    )


@pytest.mark.parametrize(
    ("event", "node"),
    [
        (QueueLeft(reason="timed_out"), "m"),
        (QueueLeft(reason="no_agents"), "m"),
        (QueueLeft(reason="refused"), "bye"),
        (QueueLeft(reason="closed"), "bye"),
        (QueueLeft(reason="key", key="9"), "m"),
        (QueueLeft(reason="key", key="*"), "bye"),
        (QueueLeft(reason="key", key="5"), "m"),
        (Finished(), "bye"),
    ],
)
def test_the_way_out_of_a_queue(flow_of: FlowOf, event: Any, node: str) -> None:
    session = IvrSession(flow_of(QUEUE))
    session.start()
    with pytest.raises(InputRefused):
        session.handle(Played())
    session.handle(event)
    assert session.node == node


def test_a_key_keeps_the_place_of_a_caller_who_wants_to_be_called(flow_of: FlowOf) -> None:
    flow = flow_of(
        """
a:
  kind: enter_queue
  queue: q
  timed_out: bye
  closed: night
  callback: {key: "5", next: kept}
kept: {kind: hang_up}
night: {kind: hang_up}
"""
        + BYE
    )
    session = IvrSession(flow, {"ani": "0301234"})
    (enter,) = session.start()
    assert isinstance(enter, EnterQueue)
    assert (enter.callback_key, enter.callback_number) == ("5", "0301234")
    session.handle(QueueLeft(reason="callback", key="5"))
    assert session.exits == [("a", "callback")]
    other = IvrSession(flow)
    other.start()
    other.handle(QueueLeft(reason="closed"))
    assert other.exits == [("a", "closed")]


def test_the_key_for_a_callback_cannot_lead_out_as_well(flow_of: FlowOf) -> None:
    text = (
        'a: {kind: enter_queue, queue: q, timed_out: bye, keys: {"5": bye}, '
        'callback: {key: "5", next: bye}}'
    )
    with pytest.raises(FlowError, match="key 5 leads out of the queue already"):
        flow_of(text + BYE)


def test_without_an_exit_for_refusal_it_counts_as_time_out(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of("a: {kind: enter_queue, queue: q, timed_out: bye}" + BYE))
    session.start()
    session.handle(QueueLeft(reason="refused"))
    assert session.exits == [("a", "timed_out")]


def test_after_the_agent_the_call_ends_unless_the_flow_goes_on(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of("a: {kind: enter_queue, queue: q, timed_out: bye}" + BYE))
    session.start()
    assert session.handle(Finished()) == (HangUp(node="a"),)
    assert session.ended


def test_a_message_is_recorded_and_its_length_decides(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(QUEUE), {"ani": "123"})
    session.start()
    session.handle(QueueLeft(reason="timed_out"))
    with pytest.raises(InputRefused):
        session.handle(TimedOut())
    (record,) = session.handle(Played())
    assert record == RecordMessage(node="m", mailbox="box-123")
    (second,) = session.handle(Recorded(file="x.wav", duration_s=1.0))
    assert second == RecordMessage(node="n", mailbox="last")
    session.handle(Recorded(file="y.wav", duration_s=0.0))
    assert session.exits[-2:] == [("m", "empty"), ("n", "next")]
    assert session.variables["recording"] == "y.wav"
    assert session.variables["recording_s"] == "0.0"


TRANSFER = """
a: {kind: transfer, to: "{ani}", say: Wait., failed: b, timeout_s: 9}
b: {kind: transfer, to: "0", failed: bye, next: bye}
bye: {kind: hang_up}
"""


def test_a_transfer_says_its_prompt_and_dials(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(TRANSFER), {"ani": "77"})
    assert session.start()[0].prompts == text("Wait.")
    assert session.handle(Played()) == (Transfer(node="a", to="77", timeout_s=9.0),)
    with pytest.raises(InputRefused):
        session.handle(TimedOut())
    assert session.handle(TransferFailed(reason="busy")) == (Transfer(node="b", to="0"),)
    assert session.handle(Finished()) == (HangUp(node="bye"),)


BRANCH = """
a:
  kind: branch
  cases:
    - {if: 'ani starts "+49"', next: german}
    - {if: "vip", next: chinese}
  otherwise: bye
german: {kind: assign, set: {language: en, greeting: "Hallo {ani}"}, next: b}
chinese: {kind: assign, set: {language: zh, greeting: "{ani:digits}"}, next: b}
b: {kind: announce, say: {en: "{greeting}", zh: "您好{greeting}"}, next: bye}
bye: {kind: hang_up}
"""


@pytest.mark.parametrize(
    ("variables", "spoken"),
    [
        ({"ani": "+491"}, text("Hallo +491")),
        ({"ani": "10-2", "vip": "yes"}, text("您好幺零，二", language="zh")),
    ],
)
def test_branches_and_assignments_choose_words_and_language(
    flow_of: FlowOf, variables: dict[str, str], spoken: tuple[Speech, ...]
) -> None:
    session = IvrSession(flow_of(BRANCH, languages="[en, zh]"), variables)
    (play,) = session.start()
    assert play.prompts == spoken


def test_no_case_takes_the_otherwise_exit(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(BRANCH, languages="[en, zh]"))
    assert session.start() == (HangUp(node="bye"),)
    assert session.exits == [("a", "otherwise")]


def test_an_unknown_language_is_the_first_of_the_flow(flow_of: FlowOf) -> None:
    flow = flow_of("a: {kind: announce, say: {zh: 好}, next: bye}" + BYE, languages="[zh]")
    session = IvrSession(flow, language="fr")
    assert session.variables["language"] == "zh"
    session.variables["language"] = "xx"
    assert session.start()[0].prompts[0].language == "zh"


def test_the_flows_own_variables_are_overlaid_by_the_calls(flow_of: FlowOf) -> None:
    flow = flow_of(
        'a: {kind: announce, say: "{x}{y}", next: bye}' + BYE, more='variables: {x: "1", y: "2"}\n'
    )
    assert IvrSession(flow, {"y": "3"}).start()[0].prompts == text("13")


def test_a_caller_may_leave_at_any_time_and_then_nothing_is_asked(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(COLLECT))
    with pytest.raises(InputRefused):
        session.handle(Played())
    session.start()
    with pytest.raises(InputRefused):
        session.start()
    assert session.handle(CallerLeft()) == ()
    assert (session.ended, session.pending) == (True, ())
    with pytest.raises(InputRefused):
        session.handle(DigitsEntered(digits="1"))


def test_a_refused_input_changes_nothing(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of("a: {kind: hang_up, say: Bye.}"))
    pending = session.start()
    with pytest.raises(InputRefused, match="node a"):
        session.handle(Finished())
    assert session.pending == pending


def test_a_call_goes_on_at_its_node_after_a_restart(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(COLLECT), {"ani": "5"})
    (play,) = session.resume("b", {"order": "7", "language": "en"})
    assert play.prompts == text("seven of 5")
    with pytest.raises(FlowError, match="no node 'x'"):
        IvrSession(flow_of(COLLECT)).resume("x", {})


AHEAD = """
a: {kind: announce, say: Hello., next: m, barge_in: true}
m:
  kind: menu
  say: Choose.
  choices: [{key: 1, next: c}, {key: 22, next: bye}]
  retries: 1
  failed: bye
c: {kind: collect, say: Number., into: x, max: 3, next: bye, failed: bye}
bye: {kind: hang_up}
"""


def test_a_key_that_cuts_an_announcement_answers_the_next_question(flow_of: FlowOf) -> None:
    flow = flow_of(AHEAD.replace("{key: 22, next: bye}", "{key: 2, next: bye}"))
    session = IvrSession(flow)
    session.start()
    (collect,) = session.handle(DigitsEntered(digits="1"))
    assert (collect.node, collect.typed, session.typed) == ("c", "", "")
    session = IvrSession(flow)
    session.start()
    (again,) = session.handle(DigitsEntered(digits="7"))
    assert (again.node, again.typed, session.tries) == ("m", "", 1)


def test_a_longer_entry_begins_with_the_keys_typed_ahead(flow_of: FlowOf) -> None:
    session = IvrSession(flow_of(AHEAD))
    session.start()
    (menu,) = session.handle(DigitsEntered(digits="1"))
    assert (menu.node, menu.typed) == ("m", "1")
    (collect,) = session.handle(DigitsEntered(digits="1"))
    assert collect.typed == ""


@pytest.mark.parametrize(
    ("typed", "digits", "left"), [("12345", "123", "45"), ("1#9", "1", "9"), ("123", "123", "")]
)
def test_a_whole_number_may_be_typed_ahead(
    flow_of: FlowOf, typed: str, digits: str, left: str
) -> None:
    nodes = AHEAD[: AHEAD.index("m:")].replace("next: m", "next: c") + AHEAD[AHEAD.index("c: {") :]
    session = IvrSession(
        flow_of(nodes.replace("bye: {kind: hang_up}", "bye: {kind: hang_up, say: Bye.}"))
    )
    session.start()
    (play,) = session.handle(DigitsEntered(digits=typed))
    assert play.node == "bye"
    assert session.variables["x"] == digits
    assert session.typed == left
