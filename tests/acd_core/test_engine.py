"""Who gets which call, and what becomes of offers, pauses and wrap-ups."""

import math
from typing import Any

import pytest

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import QueueConfig
from acd_core.commands import (
    AgentStateChanged,
    CallTimedOut,
    CallWaiting,
    ConnectToAgent,
    LeaveReason,
    OfferToAgent,
    WithdrawOffer,
    WithdrawReason,
)
from acd_core.errors import (
    AcdError,
    ClockFault,
    ConfigurationFault,
    DuplicateCall,
    IllegalTransition,
    StationTaken,
    UnknownAgent,
    UnknownCall,
    UnknownQueue,
    UnknownRule,
)
from acd_core.skills import Requirement


def test_a_call_goes_to_the_longest_idle_agent(floor: Any) -> None:
    floor.queue()
    floor.agent(2)
    floor.agent(1)
    assert floor.offered(10) == 2
    assert floor.offered(11) == 1


def test_equal_idle_times_go_to_the_lower_number(floor: Any) -> None:
    floor.queue()
    floor.agent(2)
    floor.agent(1, after=0.0)
    assert floor.offered(10) == 1


def test_most_skilled_goes_before_longest_idle(floor: Any) -> None:
    floor.queue(required=(Requirement(1, 2),), strategy="most_skilled")
    floor.agent(1, {1: 4})
    floor.agent(2, {1: 9})
    floor.agent(3, {2: 10})
    assert floor.offered(10) == 2
    assert floor.offered(11) == 1
    assert floor.offered(12) is None


def test_least_skilled_keeps_the_expert_free(floor: Any) -> None:
    floor.queue(required=(Requirement(1, 2),), strategy="least_skilled")
    floor.agent(1, {1: 9})
    floor.agent(2, {1: 3})
    assert floor.offered(10) == 2


def test_a_level_below_the_least_does_not_count(floor: Any) -> None:
    floor.queue(required=(Requirement(1, 5),))
    floor.agent(1, {1: 4})
    assert floor.offered(10) is None
    commands = floor.tell(told.SkillsChanged(agent=1, skills={1: 5}, version=2))
    assert [c.call for c in commands if isinstance(c, OfferToAgent)] == [10]


def test_a_call_may_need_more_than_its_queue(floor: Any) -> None:
    floor.queue(required=(Requirement(1),))
    floor.agent(1, {1: 5})
    floor.agent(2, {1: 5, 7: 3})
    assert floor.offered(10, requirements=(Requirement(7, 2),)) == 2


def test_a_free_agent_gets_priority_then_age(floor: Any, offer_of: Any) -> None:
    floor.queue()
    floor.queue(2, priority=5)
    for number, more in enumerate(({}, {"priority": 3}, {"queue": 2}, {"waited_s": 60.0})):
        floor.call(number, **more)
    floor.agent(1)
    order = []
    for _ in range(4):
        view = floor.view(1)
        order.append(view.call)
        floor.answer(view.call, 1)
        floor.tell(told.CallEnded(call=view.call))
    assert order == [2, 1, 3, 0]


def test_offer_accept_connect_answer_end_and_wrap_up(floor: Any) -> None:
    floor.queue(wrap_up_s=10.0, offer_s=15.0)
    floor.agent(1)
    commands = floor.call(10, ani="+123")
    waiting, reserved, offered = commands
    assert waiting == CallWaiting(call=10, queue=1, position=1)
    assert reserved.state is AgentState.RESERVED
    assert reserved.until == offered.deadline == floor.now + 15.0
    assert (offered.station, offered.call) == ("s1", 10)
    (ringing,) = floor.tell(told.OfferRinging(call=10, agent=1), after=1.0)
    assert (ringing.state, ringing.until) == (AgentState.RINGING, offered.deadline)
    assert floor.tell(told.OfferRinging(call=10, agent=1)) == ()
    (connect,) = floor.tell(told.OfferAccepted(call=10, agent=1), after=4.0)
    assert connect == ConnectToAgent(call=10, agent=1, queue=1, waited_s=5.0)
    (talking,) = floor.tell(told.CallAnswered(call=10, agent=1))
    assert (talking.state, talking.call, talking.until) == (AgentState.TALKING, 10, None)
    assert floor.tell(told.CallHeld(call=10))[0].state is AgentState.ON_HOLD
    assert floor.tell(told.CallRetrieved(call=10))[0].state is AgentState.TALKING
    (wrap,) = floor.tell(told.CallEnded(call=10), after=60.0)
    assert (wrap.state, wrap.call, wrap.until) == (AgentState.WRAP_UP, 10, floor.now + 10.0)
    (ready,) = floor.due()
    assert (ready.state, ready.call, ready.since) == (AgentState.READY, None, wrap.until)


def test_wrap_up_can_end_early(floor: Any) -> None:
    floor.queue(wrap_up_s=10.0)
    floor.agent(1)
    floor.call(10)
    floor.answer(10, 1)
    floor.tell(told.CallEnded(call=10))
    assert floor.tell(told.WrapUpEnded(agent=1))[0].state is AgentState.READY
    assert floor.engine.next_deadline() is None


def test_a_missed_offer_pauses_the_agent_and_the_call_keeps_its_place(floor: Any) -> None:
    floor.queue(offer_s=20.0)
    floor.agent(1)
    floor.call(10)
    floor.call(11)
    withdrawn, paused, back = floor.due()
    assert withdrawn == WithdrawOffer(call=10, agent=1, why=WithdrawReason.RONA)
    assert (paused.state, paused.reason, paused.until) == (AgentState.PAUSED, "rona", None)
    assert back == CallWaiting(call=10, queue=1, position=1, returned=True)
    assert floor.order() == [10, 11]
    assert floor.view(1).call is None
    assert floor.agent(2)[-1].call == 10


def test_below_the_limit_a_missed_offer_only_rests_the_agent(floor: Any) -> None:
    floor.queue(misses_to_pause=2, miss_rest_s=5.0)
    floor.agent(1)
    floor.call(10)
    paused = floor.due()[1]
    assert (paused.reason, paused.until) == ("rona", floor.now + 5.0)
    assert floor.due()[-1].call == 10
    assert floor.due()[1].until is None
    assert floor.view(1).misses == 2


def test_an_answer_forgets_missed_offers(floor: Any) -> None:
    floor.queue(misses_to_pause=2, miss_rest_s=0.0)
    floor.agent(1)
    floor.call(10)
    floor.due()
    assert floor.view(1).misses == 1
    floor.answer(10, 1)
    assert floor.view(1).misses == 0


def test_after_a_miss_another_agent_is_tried_first(floor: Any, offer_of: Any) -> None:
    floor.queue(misses_to_pause=0, miss_rest_s=1.0)
    floor.agent(1)
    floor.agent(2)
    assert floor.offered(10) == 1
    assert offer_of(floor.due()) == 2


def test_a_declined_offer_counts_as_missed_under_its_own_reason(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.call(10)
    commands = floor.tell(told.OfferRejected(call=10, agent=1, reason="busy here"))
    assert commands[0].why is WithdrawReason.REJECTED
    assert floor.view(1).reason == "busy here"


def test_an_accepted_call_that_cannot_be_joined_goes_back(floor: Any) -> None:
    floor.queue(connect_s=3.0)
    floor.agent(1)
    floor.agent(2)
    floor.call(10)
    floor.tell(told.OfferAccepted(call=10, agent=1))
    assert floor.engine.next_deadline() == floor.now + 3.0
    commands = floor.due()
    assert commands[0].why is WithdrawReason.NOT_CONNECTED
    assert commands[-1].agent == 2
    assert floor.state(1) is AgentState.READY
    floor.tell(told.OfferAccepted(call=10, agent=2))
    commands = floor.tell(told.OfferRejected(call=10, agent=2))
    assert commands[0].why is WithdrawReason.NOT_CONNECTED
    assert floor.view(2).misses == 0


def test_a_caller_who_hangs_up_frees_the_agent_with_his_idle_time(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.agent(2)
    floor.call(10)
    withdrawn, ready = floor.tell(told.CallAbandoned(call=10), after=5.0)
    assert withdrawn.why is WithdrawReason.CALLER_LEFT
    assert ready.state is AgentState.READY
    assert floor.offered(11) == 1


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (told.AgentPaused(agent=1, reason="lunch"), AgentState.PAUSED),
        (told.AgentLoggedOut(agent=1), AgentState.LOGGED_OUT),
        (told.AgentUnreachable(agent=1), AgentState.UNREACHABLE),
        (told.AgentBusy(agent=1), AgentState.BUSY),
    ],
)
def test_an_agent_who_goes_while_ringing_sends_the_call_on(
    floor: Any, event: Any, state: AgentState, offer_of: Any
) -> None:
    floor.queue()
    floor.agent(1)
    floor.agent(2)
    floor.call(10)
    commands = floor.tell(event)
    assert commands[0].why is WithdrawReason.AGENT_LEFT
    assert floor.state(1) is state
    assert offer_of(commands) == 2


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (told.AgentPaused(agent=1, reason="lunch"), AgentState.PAUSED),
        (told.AgentLoggedOut(agent=1), AgentState.LOGGED_OUT),
        (told.AgentUnreachable(agent=1), AgentState.UNREACHABLE),
        (told.AgentBusy(agent=1), AgentState.BUSY),
    ],
)
def test_what_happens_in_a_call_counts_after_it(floor: Any, event: Any, state: AgentState) -> None:
    floor.queue(wrap_up_s=5.0)
    floor.agent(1)
    floor.call(10)
    floor.answer(10, 1)
    assert floor.tell(event) == ()
    floor.tell(told.CallEnded(call=10))
    assert floor.state(1) is AgentState.WRAP_UP
    floor.due()
    assert floor.state(1) is state


def test_a_pause_to_come_is_shown_and_can_be_taken_back(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.call(10)
    floor.answer(10, 1)
    floor.tell(told.AgentPaused(agent=1, reason="lunch"))
    assert floor.view(1).next_reason == "lunch"
    floor.tell(told.AgentReady(agent=1))
    floor.tell(told.CallEnded(call=10))
    assert floor.state(1) is AgentState.READY


def test_unreachable_and_busy_give_way_to_what_was_before(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.tell(told.AgentPaused(agent=1, reason="lunch"))
    floor.tell(told.AgentBusy(agent=1))
    floor.tell(told.AgentUnreachable(agent=1))
    assert floor.state(1) is AgentState.UNREACHABLE
    floor.tell(told.AgentReachable(agent=1))
    assert floor.state(1) is AgentState.BUSY
    floor.tell(told.AgentFree(agent=1))
    assert (floor.state(1), floor.view(1).reason) == (AgentState.PAUSED, "lunch")
    assert floor.tell(told.AgentPaused(agent=1, reason="lunch")) == ()
    assert len(floor.tell(told.AgentPaused(agent=1, reason="training"))) == 1


def test_a_rest_after_a_miss_goes_on_behind_a_foreign_call(floor: Any) -> None:
    floor.queue(misses_to_pause=3, miss_rest_s=10.0)
    floor.agent(1)
    floor.call(10)
    floor.due()
    floor.tell(told.AgentBusy(agent=1), after=1.0)
    floor.tell(told.AgentFree(agent=1), after=1.0)
    assert floor.view(1).until == floor.now + 8.0
    floor.tell(told.AgentBusy(agent=1))
    commands = floor.tell(told.AgentFree(agent=1), after=20.0)
    assert commands[-1].call == 10


def test_log_in_is_at_a_free_station_and_paused(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.tell(told.AgentConfigured(config=AgentConfig(agent=2), version=1))
    with pytest.raises(StationTaken):
        floor.tell(told.AgentLoggedIn(agent=2, station="s1"))
    (change,) = floor.tell(told.AgentLoggedIn(agent=2, station="s2"))
    assert (change.state, change.reason) == (AgentState.PAUSED, "login")
    floor.tell(told.AgentLoggedOut(agent=1))
    floor.tell(told.AgentLoggedOut(agent=2))
    floor.tell(told.AgentLoggedIn(agent=2, station="s1"))
    assert floor.view(2).station == "s1"


def test_a_call_can_be_offered_again_after_its_agent_is_done(floor: Any) -> None:
    floor.queue()
    floor.queue(2)
    floor.agent(1)
    floor.call(10)
    floor.answer(10, 1)
    with pytest.raises(DuplicateCall):
        floor.call(10, queue=2)
    floor.tell(told.CallEnded(call=10))
    assert floor.offered(10, queue=2, waited_s=30.0) == 1


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (told.AgentReady(agent=99), UnknownAgent),
        (told.AgentPaused(agent=1, reason=""), AcdError),
        (told.AgentLoggedIn(agent=1, station="x"), IllegalTransition),
        (told.WrapUpEnded(agent=1), IllegalTransition),
        (told.AgentRemoved(agent=1, version=2), IllegalTransition),
        (told.AgentPaused(agent=3, reason="x"), IllegalTransition),
        (told.SkillsChanged(agent=1, skills={1: 11}, version=2), ConfigurationFault),
        (told.AgentConfigured(config=AgentConfig(agent=-1), version=1), ConfigurationFault),
        (told.CallOffered(call=50, queue=9), UnknownQueue),
        (told.CallOffered(call=50, queue=1, waited_s=-1.0), AcdError),
        (told.CallOffered(call=50, queue=1, waited_s=math.nan), AcdError),
        (told.CallOffered(call=50, queue=1, waited_s=1e17), AcdError),
        (told.CallOffered(call=50, queue=1, waited_s=1e308), AcdError),
        (told.CallOffered(call=50, queue=1, preferred_limit_s=math.nan), AcdError),
        (told.CallOffered(call=50, queue=1, preferred=1 << 64), AcdError),
        (told.CallOffered(call=-1, queue=1), AcdError),
        (told.CallOffered(call=50, queue=1, priority=10**9), AcdError),
        (told.CallOffered(call=10, queue=1), DuplicateCall),
        (told.CallOffered(call=50, queue=1, requirements=(Requirement(1, 0),)), ConfigurationFault),
        (told.CallAbandoned(call=99), UnknownCall),
        (told.CallEnded(call=10), IllegalTransition),
        (told.CallHeld(call=10), IllegalTransition),
        (told.CallAnswered(call=10, agent=1), IllegalTransition),
        (told.OfferAccepted(call=10, agent=2), IllegalTransition),
        (told.OfferAccepted(call=11, agent=1), IllegalTransition),
        (told.CallWithdrawn(call=10, outcome=told.Outcome.ANSWERED), IllegalTransition),
        (told.QueueRemoved(queue=9, version=1), UnknownQueue),
        (
            told.QueueConfigured(config=QueueConfig(queue=1, strategy="astrology"), version=2),
            UnknownRule,
        ),
        (
            told.QueueConfigured(config=QueueConfig(queue=1), version=1 << 64),
            ConfigurationFault,
        ),
        (told.QueueAttended(queue=1, unattended=True, version=-1), ConfigurationFault),
    ],
)
def test_what_cannot_happen_is_refused_and_changes_nothing(
    floor: Any, event: Any, error: type[AcdError]
) -> None:
    floor.queue()
    floor.agent(1)
    floor.agent(2)
    floor.agent(3)
    floor.tell(told.AgentLoggedOut(agent=3))
    floor.call(10)
    floor.tell(told.AgentPaused(agent=2, reason="lunch"))
    floor.call(11)
    before = floor.engine.snapshot(floor.now)
    with pytest.raises(error):
        floor.tell(event)
    assert floor.engine.snapshot(floor.now) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"offer_s": 0.0},
        {"connect_s": math.nan},
        {"max_wait_s": -1.0},
        {"wrap_up_s": -1.0},
        {"miss_rest_s": math.inf},
        {"max_waiting": -1},
        {"misses_to_pause": -1},
        {"misses_to_pause": 0, "miss_rest_s": 0.0},
        {"priority": 10**7},
        {"required": (Requirement(1, 11),)},
    ],
)
def test_a_queue_that_cannot_work_is_refused(floor: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationFault):
        floor.queue(**settings)


@pytest.mark.parametrize("now", [math.nan, math.inf, 999.0])
def test_time_must_be_a_number_and_not_go_back(floor: Any, now: float) -> None:
    floor.queue()
    with pytest.raises(ClockFault):
        floor.engine.handle(told.DeadlineReached(), now)


def test_ringing_is_not_told_of_an_accepted_offer(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.call(10)
    floor.tell(told.OfferAccepted(call=10, agent=1))
    with pytest.raises(IllegalTransition):
        floor.tell(told.OfferRinging(call=10, agent=1))


def test_position_is_known_while_a_call_waits(floor: Any) -> None:
    floor.queue()
    floor.call(10)
    floor.call(11)
    assert floor.engine.position(11) == 2
    floor.agent(1)
    floor.answer(10, 1)
    assert floor.engine.position(11) == 1
    with pytest.raises(UnknownCall):
        floor.engine.position(10)
    assert floor.engine.staffed(1) == 1


def test_a_removed_queue_sends_its_callers_away(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    for call in (10, 11):
        floor.call(call)
    commands = floor.tell(told.QueueRemoved(queue=1, version=2))
    gone = [c for c in commands if isinstance(c, CallTimedOut)]
    assert [(c.call, c.reason) for c in gone] == [
        (10, LeaveReason.QUEUE_REMOVED),
        (11, LeaveReason.QUEUE_REMOVED),
    ]
    assert floor.state(1) is AgentState.READY
    with pytest.raises(UnknownQueue):
        floor.call(12)


def test_a_removed_agent_is_gone(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.tell(told.AgentLoggedOut(agent=1))
    floor.tell(told.AgentRemoved(agent=1, version=2))
    assert floor.engine.snapshot(floor.now).agents == ()


def test_a_changed_queue_counts_for_callers_who_wait(floor: Any, offer_of: Any) -> None:
    floor.queue(required=(Requirement(1),))
    floor.queue(2)
    floor.agent(1)
    floor.tell(told.AgentPaused(agent=1, reason="lunch"))
    floor.call(10)
    floor.call(20, queue=2)
    floor.queue(priority=9, max_wait_s=30.0)
    assert floor.engine.next_deadline() == floor.now - 1.0 + 30.0
    floor.queue(priority=9)
    assert floor.engine.next_deadline() is None
    commands = floor.tell(told.AgentReady(agent=1))
    assert [c.call for c in commands if isinstance(c, OfferToAgent)] == [10]
    floor.queue(priority=9, max_wait_s=1.0)
    assert floor.engine.next_deadline() == floor.now


def test_only_changes_of_state_are_told(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    assert floor.tell(told.AgentReady(agent=1)) == ()
    changes = [c for c in floor.call(10) if isinstance(c, AgentStateChanged)]
    assert len(changes) == 1


def test_what_is_no_event_is_refused(floor: Any) -> None:
    before = floor.engine.snapshot(floor.now)
    with pytest.raises(AcdError, match="str is nothing that the engine can be told"):
        floor.tell("hello")
    assert floor.engine.snapshot(floor.now).queues == before.queues
