"""Call-backs: places that are kept, when they are dialled, and what becomes of them."""

from typing import Any

import pytest

from acd_core import events as told
from acd_core.call_queue import NoAgents
from acd_core.commands import (
    CallbackEnd,
    CallbackKept,
    CallbackOver,
    CallMoved,
    CallRefused,
    CallWaiting,
    DialCallback,
    OfferToAgent,
    RefuseReason,
    WithdrawOffer,
)
from acd_core.errors import (
    AcdError,
    ConfigurationFault,
    DuplicateCall,
    IllegalTransition,
    UnknownCall,
)
from acd_core.opening_hours import parse_hours
from acd_core.queue_life.options import CallbackRules, Closing
from acd_core.skills import Requirement
from tests.acd_core.conftest import Floor

RULES = CallbackRules(
    dial_ahead_s=30.0, ring_s=20.0, retry_s=100.0, grace_s=200.0, longest_s=10_000.0
)


def dialled(commands: Any) -> list[int]:
    return [c.call for c in commands if isinstance(c, DialCallback)]


def over(commands: Any) -> list[tuple[int, CallbackEnd]]:
    return [(c.call, c.why) for c in commands if isinstance(c, CallbackOver)]


def busy_agent(floor: Floor, number: int = 1) -> None:
    floor.agent(number)
    floor.tell(told.AgentBusy(agent=number))


def take(floor: Floor, call: int, after: float = 0.0) -> Any:
    return floor.tell(told.CallbackTaken(call=call, number=f"0171{call}"), after)


@pytest.fixture
def line(floor: Floor) -> Floor:
    """One agent at work, three callers."""
    floor.queue(callback=RULES)
    busy_agent(floor)
    for call in (1, 2, 3):
        floor.call(call)
    return floor


def test_the_place_is_kept_and_the_visit_ends(line: Floor) -> None:
    commands = take(line, 2)
    (kept,) = [c for c in commands if isinstance(c, CallbackKept)]
    assert (kept.call, kept.queue, kept.number, kept.position) == (2, 1, "01712", 2)
    visits = line.line().visits
    assert (visits.callback_taken, visits.in_system) == (1, 2)
    (place,) = line.line().callbacks
    assert (place.call, place.position, place.attempts, place.due) == (2, 2, 0, None)
    assert line.order() == [1, 3]


def test_he_is_dialled_when_those_before_him_are_nearly_served(line: Floor) -> None:
    # 90 s each are reckoned with while nothing is known: one ahead is 90 s, nobody is 0 s.
    assert dialled(take(line, 2)) == []
    commands = line.tell(told.CallAbandoned(call=1), 5.0)
    (dial,) = [c for c in commands if isinstance(c, DialCallback)]
    assert (dial.call, dial.number, dial.attempt) == (2, "01712", 1)
    assert dial.deadline == line.now + 20.0


def test_he_is_dialled_at_once_when_somebody_is_free(floor: Floor) -> None:
    floor.queue(callback=RULES, required=(Requirement(1, 1),))
    floor.queue(2)
    floor.call(1)
    floor.call(2)
    assert dialled(take(floor, 2)) == []
    # The first caller wants somebody who is not there; whoever comes is free for the second.
    floor.tell(told.CallWithdrawn(call=1, outcome=told.Outcome.VOICEMAIL))
    commands = floor.agent(1, {1: 1})
    assert dialled((*commands, *floor.due())) == [2]


def test_turns_are_predicted_at_most_once_a_second(line: Floor) -> None:
    take(line, 2)
    # Something happened within the second: it is looked at when that is over.
    assert dialled(line.tell(told.CallAbandoned(call=1), 0.5)) == []
    assert line.engine.next_deadline() == pytest.approx(line.now + 0.5)
    assert dialled(line.due()) == [2]


def test_the_answering_call_takes_the_place(line: Floor) -> None:
    take(line, 2)
    line.tell(told.CallAbandoned(call=1), 5.0)
    line.call(4, priority=0)
    commands = line.call(50, callback=2, after=10.0)
    assert over(commands) == [(2, CallbackEnd.SERVED)]
    assert [(c.call, c.position) for c in commands if isinstance(c, CallWaiting)] == [(50, 1)]
    assert line.order() == [50, 3, 4]
    assert line.line().callbacks == ()
    assert line.line().visits.in_system == 3


def test_priority_requirements_and_tier_come_along(floor: Floor) -> None:
    floor.queue(callback=RULES)
    needs = (Requirement(7, 3),)
    floor.call(1, priority=2, requirements=needs)
    floor.call(2)
    take(floor, 1)
    floor.call(9, callback=1)
    assert floor.order() == [9, 2]
    assert floor.line().waiting[0].priority == 2
    floor.agent(1, {})
    assert floor.line().waiting[0].agent is None
    assert floor.line().waiting[1].agent == 1


def test_one_retry_then_grace_then_over(line: Floor) -> None:
    take(line, 1)
    line.tell(told.CallAbandoned(call=2), 2.0)
    assert line.line().callbacks[0].attempts == 1
    failed = line.tell(told.CallbackFailed(call=1, reason="busy"), 5.0)
    assert (dialled(failed), over(failed)) == ([], [])
    assert line.line().callbacks[0].due == line.now + 100.0
    (again,) = [c for c in line.due() if isinstance(c, DialCallback)]
    assert again.attempt == 2
    # Nobody answers: the engine itself ends the attempt.
    assert line.due() == ()
    assert line.now == again.deadline
    grace = line.now
    commands = line.due()
    while not commands:
        commands = line.due()
    assert over(commands) == [(1, CallbackEnd.UNREACHED)]
    assert line.now == grace + 200.0


def test_in_the_time_of_grace_he_may_call_in_himself(line: Floor) -> None:
    take(line, 1)
    line.due(2.0)
    line.tell(told.CallbackFailed(call=1), 5.0)
    assert dialled(line.due()) == [1]
    line.tell(told.CallbackFailed(call=1))
    line.call(4, after=100.0)
    assert over(line.call(60, callback=1)) == [(1, CallbackEnd.SERVED)]
    assert line.order() == [60, 2, 3, 4]


def test_without_grace_the_place_is_over_at_once(floor: Floor) -> None:
    floor.queue(callback=CallbackRules(retry_s=5.0, grace_s=0.0))
    busy_agent(floor)
    floor.call(1)
    assert dialled(take(floor, 1)) == [1]
    floor.tell(told.CallbackFailed(call=1))
    assert dialled(floor.due(5.0)) == [1]
    assert over(floor.tell(told.CallbackFailed(call=1))) == [(1, CallbackEnd.UNREACHED)]
    assert floor.engine.next_deadline() is None


def test_a_place_is_kept_no_longer_than_the_longest_time(floor: Floor) -> None:
    floor.queue(callback=CallbackRules(longest_s=50.0))
    floor.call(1)
    taken = floor.now
    take(floor, 1)
    commands = floor.due()
    assert over(commands) == [(1, CallbackEnd.EXPIRED)]
    assert floor.now == taken + 50.0


def test_nobody_is_given_up_while_he_is_called(floor: Floor) -> None:
    floor.queue(callback=CallbackRules(longest_s=10.0, ring_s=30.0))
    busy_agent(floor)
    floor.call(1)
    assert dialled(take(floor, 1)) == [1]
    assert floor.engine.next_deadline() == floor.now + 30.0
    assert over(floor.due()) == [(1, CallbackEnd.EXPIRED)]


def test_a_kept_place_can_be_cancelled(line: Floor) -> None:
    take(line, 2)
    commands = line.tell(told.CallbackCancelled(call=2))
    assert over(commands) == [(2, CallbackEnd.CANCELLED)]
    with pytest.raises(UnknownCall):
        line.tell(told.CallbackCancelled(call=2))


def test_a_removed_queue_keeps_no_places(line: Floor) -> None:
    take(line, 2)
    commands = line.tell(told.QueueRemoved(queue=1, version=2))
    assert over(commands) == [(2, CallbackEnd.QUEUE_REMOVED)]
    assert line.engine.next_deadline() is None


def test_an_offer_that_is_out_is_taken_back(floor: Floor) -> None:
    floor.queue(callback=RULES)
    floor.agent(1)
    assert floor.offered(1) == 1
    commands = take(floor, 1)
    assert [c.agent for c in commands if isinstance(c, WithdrawOffer)] == [1]
    # He is free, so the caller is called back at once.
    assert dialled(commands) == [1]
    assert floor.state(1) == "ready"


def test_one_free_agent_is_reason_to_call_one(floor: Floor) -> None:
    floor.queue(callback=CallbackRules(dial_ahead_s=0.0))
    for call in (1, 2, 3):
        floor.call(call)
    for call in (1, 2, 3):
        take(floor, call)
    commands = floor.agent(1)
    assert dialled((*commands, *floor.due())) == [1]
    # The next one follows when the first has come and an agent is free again.
    assert dialled(floor.due(1.5)) == []
    floor.call(11, callback=1)
    floor.answer(11, 1)
    assert dialled(floor.due(2.0)) == [2]


def test_nobody_is_called_while_the_queue_is_closed(floor: Floor) -> None:
    hours = parse_hours("UTC", {"thu": ["00:00-00:30", "01:00-02:00"]}, {})
    floor.queue(callback=RULES, hours=hours)
    floor.call(1)
    take(floor, 1)
    floor.due()
    assert floor.now == 1800.0
    commands = floor.agent(1, after=10.0)
    floor.due(5.0)
    assert dialled(commands) == []
    refused = floor.call(50, callback=1, after=10.0)
    assert [c.reason for c in refused if isinstance(c, CallRefused)] == [RefuseReason.CLOSED]
    assert len(floor.line().callbacks) == 1
    while floor.now < 3600.0:
        commands = floor.due()
    assert dialled(commands) == [1]


def test_who_was_called_just_before_closing_time_is_let_in(floor: Floor) -> None:
    hours = parse_hours("UTC", {"thu": ["00:00-00:30"]}, {})
    for closing, let_in in ((Closing.SERVE, True), (Closing.LEAVE, False)):
        floor = Floor()
        floor.queue(callback=RULES, hours=hours, closing=closing)
        busy_agent(floor)
        floor.now = 1790.0
        floor.call(1)
        assert dialled(take(floor, 1)) == [1]
        floor.now = 1805.0
        commands = floor.call(2, callback=1, after=0.0)
        assert (over(commands) == [(1, CallbackEnd.SERVED)]) is let_in
        # Refused, it was an attempt in vain.
        assert len(floor.line().callbacks) == (0 if let_in else 1)


def test_limits_do_not_count_for_who_comes_back(floor: Floor) -> None:
    floor.queue(callback=RULES, max_waiting=2, max_ratio=2.0)
    busy_agent(floor)
    floor.call(1)
    floor.call(2)
    take(floor, 1)
    floor.call(3)
    assert over(floor.call(9, callback=1)) == [(1, CallbackEnd.SERVED)]
    assert floor.order() == [9, 2, 3]


def test_nobody_there_refuses_him_and_keeps_his_place(floor: Floor) -> None:
    floor.queue(callback=RULES, no_agents=NoAgents.REFUSE)
    busy_agent(floor)
    floor.call(1)
    take(floor, 1)
    floor.tell(told.AgentLoggedOut(agent=1))
    refused = floor.call(9, callback=1)
    assert [c.reason for c in refused if isinstance(c, CallRefused)] == [RefuseReason.NO_AGENTS]
    assert len(floor.line().callbacks) == 1


def test_without_rules_places_that_are_kept_are_still_served(line: Floor) -> None:
    take(line, 2)
    line.queue()
    with pytest.raises(AcdError, match="no call-backs"):
        take(line, 3)
    assert dialled(line.tell(told.CallAbandoned(call=1), 5.0)) == [2]
    assert over(line.call(50, callback=2)) == [(2, CallbackEnd.SERVED)]


def test_new_rules_count_for_places_that_are_kept(floor: Floor) -> None:
    floor.queue(callback=RULES)
    floor.call(1)
    taken = floor.now
    take(floor, 1)
    floor.queue(callback=CallbackRules(longest_s=77.0))
    floor.due()
    assert over(floor.due(77.0)) == [(1, CallbackEnd.EXPIRED)]
    assert floor.now >= taken + 77.0


def test_an_attempt_that_is_out_keeps_the_deadline_that_was_told(floor: Floor) -> None:
    floor.queue(callback=RULES)
    busy_agent(floor)
    floor.call(1)
    assert dialled(take(floor, 1)) == [1]
    told_deadline = floor.now + 20.0
    floor.queue(callback=CallbackRules(ring_s=1.0))
    assert floor.due() == ()  # turns are predicted anew
    assert floor.engine.next_deadline() == told_deadline


def test_the_day_begins_and_places_stay(line: Floor) -> None:
    take(line, 2)
    line.tell(told.DayBegan())
    assert len(line.line().callbacks) == 1
    assert line.line().visits.callback_taken == 0


def test_who_is_to_be_called_lets_later_callers_wait_longer(floor: Floor) -> None:
    floor.queue(callback=CallbackRules(dial_ahead_s=0.0), max_estimate_s=200.0)
    busy_agent(floor)
    floor.call(1)
    floor.call(2)
    take(floor, 2)
    refused = floor.call(3)
    assert [c.reason for c in refused if isinstance(c, CallRefused)] == [RefuseReason.LONG_WAIT]


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (told.CallbackTaken(call=9, number="1"), UnknownCall),
        (told.CallbackTaken(call=3, number=""), AcdError),
        (told.CallbackTaken(call=3, number="1" * 65), AcdError),
        (told.CallbackTaken(call=3, number="1\n"), AcdError),
        (told.CallbackTaken(call=4, number="1"), AcdError),
        (told.CallbackTaken(call=5, number="1"), IllegalTransition),
        (told.CallbackFailed(call=9), UnknownCall),
        (told.CallbackFailed(call=2), IllegalTransition),
        (told.CallbackCancelled(call=3), UnknownCall),
        (told.CallOffered(call=2, queue=1), DuplicateCall),
        (told.CallOffered(call=3, queue=1, callback=2), DuplicateCall),
        (told.CallOffered(call=2, queue=1, callback=2), DuplicateCall),
        (told.CallOffered(call=10, queue=1, callback=3), UnknownCall),
        (told.CallOffered(call=10, queue=2, callback=2), AcdError),
        (told.CallOffered(call=10, queue=1, callback=2, waited_s=-1.0), AcdError),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    line: Floor, event: Any, fault: type[AcdError]
) -> None:
    line.queue(2, required=(Requirement(3, 3),), priority=9)
    line.call(5, queue=2)
    line.agent(2, {3: 3})
    line.answer(5, 2)
    line.call(4, queue=2)
    take(line, 2)
    before = line.engine.snapshot(line.now)
    with pytest.raises(fault):
        line.tell(event)
    assert line.engine.snapshot(line.now) == before


def test_more_places_than_allowed_are_not_kept(line: Floor) -> None:
    line.queue(callback=CallbackRules(most_waiting=1, dial_ahead_s=0.0))
    take(line, 2)
    before = line.engine.snapshot(line.now)
    with pytest.raises(AcdError, match="as many"):
        take(line, 3)
    assert line.engine.snapshot(line.now) == before


@pytest.mark.parametrize(
    "wrong",
    [{"ring_s": 0.0}, {"grace_s": -1.0}, {"most_waiting": 0}, {"longest_s": float("inf")}],
)
def test_wrong_rules_are_refused(floor: Floor, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationFault):
        floor.queue(callback=CallbackRules(**wrong))


def test_a_call_back_is_offered_in_its_turn(line: Floor) -> None:
    take(line, 1)
    line.due(2.0)
    line.call(50, callback=1, after=3.0)
    offers = line.tell(told.AgentFree(agent=1))
    assert [c.call for c in offers if isinstance(c, OfferToAgent)] == [50]
    assert not [c for c in offers if isinstance(c, CallMoved)]
