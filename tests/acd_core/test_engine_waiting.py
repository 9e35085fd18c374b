"""Limits, preferences, empty queues, counts and reasons."""

from typing import Any

import pytest

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import NoAgents
from acd_core.commands import (
    CallRefused,
    CallTimedOut,
    LeaveReason,
    OfferToAgent,
    RefuseReason,
)
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.events import Outcome, Preference
from acd_core.reasons import Reason, explain, unpack
from acd_core.skills import Requirement


def test_a_full_queue_refuses(floor: Any) -> None:
    floor.queue(max_waiting=1)
    floor.call(10)
    assert floor.call(11) == [CallRefused(call=11, queue=1, reason=RefuseReason.FULL)]
    visits = floor.line().visits
    assert (visits.offered, visits.refused, visits.in_system) == (2, 1, 1)


def test_waiting_ends_at_its_limit(floor: Any) -> None:
    floor.queue(max_wait_s=30.0)
    floor.call(10)
    assert floor.engine.next_deadline() == floor.now + 30.0
    assert floor.due() == (CallTimedOut(call=10, queue=1, reason=LeaveReason.MAX_WAIT),)
    assert floor.line().visits.timed_out == 1


def test_an_offer_that_is_out_is_not_cut_by_the_limit(floor: Any) -> None:
    floor.queue(max_wait_s=30.0, offer_s=20.0)
    floor.call(10)
    floor.agent(1, after=20.0)
    assert floor.due() == ()
    commands = floor.due()
    assert isinstance(commands[-1], CallTimedOut)
    assert floor.order() == []


def test_a_queue_may_refuse_when_nobody_is_there(floor: Any) -> None:
    floor.queue(no_agents=NoAgents.REFUSE)
    refused = floor.call(10)
    assert refused[0].reason is RefuseReason.NO_AGENTS
    floor.agent(1)
    floor.tell(told.AgentPaused(agent=1, reason="lunch"))
    floor.call(11)
    floor.tell(told.AgentLoggedOut(agent=1))
    assert floor.order() == [11]


@pytest.mark.parametrize("event", [told.AgentLoggedOut(agent=1), told.AgentUnreachable(agent=1)])
def test_callers_leave_when_the_last_agent_goes(floor: Any, event: Any) -> None:
    floor.queue(no_agents=NoAgents.LEAVE)
    floor.agent(1)
    floor.tell(told.AgentPaused(agent=1, reason="lunch"))
    floor.call(10)
    commands = floor.tell(event)
    assert CallTimedOut(call=10, queue=1, reason=LeaveReason.NO_AGENTS) in commands


def test_callers_leave_when_the_last_skill_goes(floor: Any) -> None:
    floor.queue(no_agents=NoAgents.LEAVE, required=(Requirement(1),))
    floor.agent(1, {1: 5})
    floor.tell(told.AgentBusy(agent=1))
    floor.call(10)
    floor.call(11)
    commands = floor.tell(told.SkillsChanged(agent=1, skills={}, version=2))
    assert [c.call for c in commands if isinstance(c, CallTimedOut)] == [10, 11]


def talking_to(floor: Any, agent: int) -> None:
    """One agent in a call, another one free."""
    floor.queue(wrap_up_s=5.0)
    floor.agent(agent)
    floor.call(1)
    floor.answer(1, agent)


def test_the_last_agent_is_taken_at_once_when_free(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.agent(2)
    assert floor.offered(10, preferred=2) == 2


def test_a_call_waits_for_its_last_agent_while_others_are_free(floor: Any, offer_of: Any) -> None:
    talking_to(floor, 1)
    floor.agent(2)
    assert floor.offered(10, preferred=1, preferred_limit_s=20.0) is None
    assert floor.line().waiting[0].preferred == 1
    floor.tell(told.CallEnded(call=1))
    commands = floor.due()
    assert offer_of(commands) == 1
    reasons = dict(unpack(commands[-1].reasons))
    assert Reason.LAST_AGENT in reasons


def test_after_its_limit_anybody_takes_the_call(floor: Any) -> None:
    talking_to(floor, 1)
    floor.agent(2)
    floor.call(10, preferred=1, preferred_limit_s=20.0)
    assert floor.engine.next_deadline() == floor.now + 20.0
    (_, offered) = floor.due()
    assert offered.agent == 2
    reasons = dict(unpack(offered.reasons))
    assert reasons[Reason.PREFERENCE_OVER] == (1,)
    assert reasons[Reason.WAITED][0] == 20_000


@pytest.mark.parametrize(
    "event",
    [
        told.AgentPaused(agent=1, reason="lunch"),
        told.AgentLoggedOut(agent=1),
        told.AgentUnreachable(agent=1),
    ],
)
def test_nobody_waits_for_a_last_agent_who_is_away(floor: Any, event: Any, offer_of: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.tell(told.AgentBusy(agent=1))
    floor.agent(2)
    assert floor.offered(10, preferred=1, preferred_limit_s=60.0) is None
    commands = floor.tell(event)
    if isinstance(event, told.AgentPaused):
        # He is busy still; the pause counts when that call is over.
        assert offer_of(commands) is None
        commands = floor.tell(told.AgentFree(agent=1))
    assert offer_of(commands) == 2


def test_no_limit_means_no_waiting_for_a_busy_agent(floor: Any) -> None:
    talking_to(floor, 1)
    floor.agent(2)
    assert floor.offered(10, preferred=1) == 2


def test_a_last_agent_without_the_skill_is_passed_over(floor: Any) -> None:
    floor.queue(required=(Requirement(1),))
    floor.agent(1)
    floor.agent(2, {1: 5})
    assert floor.offered(10, preferred=1, preferred_limit_s=9.0) == 2
    assert floor.offered(11, preferred=77, preferred_limit_s=9.0) is None


def test_a_named_agent_needs_no_skill_and_may_be_away(floor: Any) -> None:
    floor.queue(required=(Requirement(1),), no_agents=NoAgents.LEAVE)
    floor.agent(1)
    floor.tell(told.AgentLoggedOut(agent=1))
    floor.tell(told.AgentConfigured(config=AgentConfig(agent=2, skills={1: 5}), version=1))
    named = {"preferred": 1, "preference": Preference.NAMED, "preferred_limit_s": 60.0}
    assert floor.offered(10, **named) is None
    floor.tell(told.AgentLoggedIn(agent=1, station="s1"))
    commands = floor.tell(told.AgentReady(agent=1))
    assert commands[-1].agent == 1
    assert explain(commands[-1].reasons, "en", str)[-1].startswith("the caller asked for 1")


def test_a_named_agent_who_is_removed_is_waited_for_no_more(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.tell(told.AgentLoggedOut(agent=1))
    floor.agent(2)
    named = {"preferred": 1, "preference": Preference.NAMED, "preferred_limit_s": 60.0}
    assert floor.offered(10, **named) is None
    commands = floor.tell(told.AgentRemoved(agent=1, version=2))
    assert commands[-1].agent == 2


def test_a_preference_is_not_tried_twice(floor: Any, offer_of: Any) -> None:
    floor.queue(misses_to_pause=0, miss_rest_s=1.0)
    floor.agent(1)
    assert floor.offered(10, preferred=1, preferred_limit_s=60.0) == 1
    floor.agent(2)
    assert offer_of(floor.due()) == 2


def test_two_callers_for_one_agent_keep_their_order(floor: Any) -> None:
    talking_to(floor, 1)
    for call in (10, 11):
        floor.call(call, preferred=1, preferred_limit_s=60.0)
    floor.call(12)
    floor.tell(told.CallEnded(call=1))
    assert floor.due()[-1].call == 10
    floor.tell(told.CallAbandoned(call=11))
    floor.answer(10, 1)
    floor.tell(told.CallEnded(call=10))
    assert floor.due()[-1].call == 12


def test_a_changed_queue_leaves_a_preference_alone(floor: Any) -> None:
    talking_to(floor, 1)
    floor.agent(2)
    floor.call(10, preferred=1, preferred_limit_s=60.0)
    floor.queue(wrap_up_s=0.0, priority=3)
    assert floor.line().waiting[0].preferred == 1


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.VOICEMAIL,
        Outcome.OVERFLOWED,
        Outcome.CALLBACK_TAKEN,
        Outcome.TRANSFERRED_OUT,
        Outcome.TIMED_OUT,
    ],
)
def test_a_withdrawn_call_is_counted_under_its_outcome(floor: Any, outcome: Outcome) -> None:
    floor.queue()
    floor.agent(1)
    floor.call(10)
    floor.tell(told.CallWithdrawn(call=10, outcome=outcome))
    visits = floor.line().visits
    assert getattr(visits, outcome.value) == 1
    assert (visits.offered, visits.in_system) == (1, 0)
    assert floor.state(1) is AgentState.READY


def test_visits_of_fixture_a(floor: Any) -> None:
    """Ten visits of metrics.md section 1; T = 20 s."""
    floor.queue(max_waiting=100, service_level_s=20.0)
    answered, abandoned = (4, 12, 20, 21, 45), (3, 15, 50)
    for call, wait in enumerate(answered):
        floor.call(call, after=100.0)
        floor.agent(call + 1, after=0.0)
        floor.tell(told.OfferAccepted(call=call, agent=call + 1), after=float(wait))
        floor.tell(told.CallAnswered(call=call, agent=call + 1))
    for call, wait in enumerate(abandoned, 10):
        floor.call(call, after=100.0)
        floor.tell(told.CallAbandoned(call=call), after=float(wait))
    floor.call(20, after=100.0)
    floor.tell(told.CallWithdrawn(call=20, outcome=Outcome.TIMED_OUT), after=90.0)
    floor.queue(max_waiting=0)
    floor.call(21)
    visits = floor.line().visits
    assert (visits.offered, visits.answered, visits.abandoned) == (10, 5, 3)
    assert (visits.timed_out, visits.refused, visits.in_system) == (1, 1, 0)
    assert (visits.answered_in_time, visits.abandoned_in_time) == (3, 2)
    assert visits.answered_wait_s / visits.answered == pytest.approx(20.4)
    assert visits.abandoned_wait_s / visits.abandoned == pytest.approx(22.67, abs=0.005)
    assert visits.longest_wait_s == 90.0


def test_a_new_day_carries_over_who_is_inside(floor: Any) -> None:
    floor.queue()
    floor.call(10)
    floor.call(11)
    floor.tell(told.CallAbandoned(call=10))
    floor.tell(told.DayBegan())
    visits = floor.line().visits
    assert (visits.offered, visits.abandoned, visits.in_system) == (1, 0, 1)


def test_the_picture_shows_queues_and_agents(floor: Any) -> None:
    floor.queue(2, name="support", required=(Requirement(1),))
    floor.queue(1, name="sales")
    floor.agent(5, {1: 3})
    floor.agent(4)
    floor.call(10, ani="+86123", priority=2)
    floor.answer(10, 5)
    floor.call(11, after=2.0)
    floor.call(12, after=2.0)
    picture = floor.engine.snapshot(floor.now + 1)
    sales, support = picture.queues
    assert (sales.name, sales.agents, sales.ready, sales.talking) == ("sales", 2, 0, 1)
    assert (support.agents, support.ready) == (1, 0)
    assert [(w.call, w.position, w.waited_s, w.agent) for w in sales.waiting] == [
        (11, 1, 3.0, 4),
        (12, 2, 1.0, None),
    ]
    assert [a.agent for a in picture.agents] == [4, 5]
    assert picture.agents[1].station == "s5"


def test_reasons_name_candidates_filters_scores_and_tie_break(floor: Any) -> None:
    floor.queue(required=(Requirement(1, 3),), strategy="most_skilled")
    floor.agent(1, {1: 5})
    floor.agent(2, {1: 8})
    floor.agent(3, {1: 2})
    floor.agent(4, {1: 9})
    floor.tell(told.AgentPaused(agent=4, reason="lunch"))
    offered = next(c for c in floor.call(10, priority=4) if isinstance(c, OfferToAgent))
    names = {1: "Ann", 2: "Bo", 3: "Cy", 4: "Di"}
    assert explain(offered.reasons, "en", names.__getitem__) == [
        "rule: most skilled, version 1; configuration 1",
        "the call had waited 0.0 s (credit 0.0 s), priority 4, offered 0 times before",
        "first of 1 calls in the queue for a free agent",
        "2 agents could have taken it",
        "Bo: score 8, idle for 3.0 s",
        "next best Ann: score 5, idle for 4.0 s",
        "decided by the skill score",
        "1 agents lack the skills (Cy)",
        "1 agents were paused (Di)",
    ]
    assert explain(offered.reasons, "zh", names.__getitem__) == [
        "规则：技能最高，版本 1；配置版本 1",
        "来电已等待 0.0 秒（累计 0.0 秒），优先级 4，此前派送 0 次",
        "队列 1 个来电中排在最前",
        "2 名坐席可以接听",
        "Bo：得分 8，空闲 3.0 秒",
        "次选 Ann：得分 5，空闲 4.0 秒",
        "由技能得分决定",
        "1 名坐席技能不符（Cy）",
        "1 名坐席处于暂停（Di）",
    ]


def test_ties_are_named(floor: Any) -> None:
    floor.queue()
    for agent, after in ((1, 1.0), (2, 0.0), (3, 4.0)):
        floor.agent(agent, after=after)
    first, second = (
        next(c for c in floor.call(call) if isinstance(c, OfferToAgent)) for call in (10, 11)
    )
    assert dict(unpack(first.reasons))[Reason.TIE_BREAK] == (3,)
    assert dict(unpack(second.reasons))[Reason.TIE_BREAK] == (2,)


def test_on_a_large_floor_those_passed_over_are_counted(floor: Any) -> None:
    floor.engine = AcdEngine(explain_agents=2)
    floor.queue(required=(Requirement(1),))
    for agent in (1, 2, 3):
        floor.agent(agent, {1: 5} if agent < 3 else {})
    floor.tell(told.AgentPaused(agent=2, reason="lunch"))
    offered = next(c for c in floor.call(10) if isinstance(c, OfferToAgent))
    assert explain(offered.reasons, "en", str)[-2:] == [
        "1 agents lack the skills",
        "1 agents were paused",
    ]


@pytest.mark.parametrize("reasons", [(99, 0), (1,), (1, 3, 1), (1, 2, 1, 1), (3, -1), (11, 2, 0)])
def test_numbers_that_are_no_reasons_are_refused(reasons: tuple[int, ...]) -> None:
    with pytest.raises(AcdError):
        explain(reasons, "en", str)


def test_unknown_rules_states_and_ties_are_shown_as_numbers() -> None:
    reasons = (1, 3, 999, 1, 1, 11, 3, 77, 5, 4, 6, 1, 88)
    assert explain(reasons, "en", str) == [
        "rule: 999, version 1; configuration 1",
        "5 agents were 77 (4 and others)",
        "decided by 88",
    ]
    assert explain(reasons, "zh", str)[1] == "5 名坐席处于77（4等）"
    assert explain((7, 2, 4, 1500), "zh", str) == ["4上次接待过该来电者；为其等待 1.5 秒"]
    assert explain((8, 2, 4, 1500, 9, 1, 4), "zh", str) == [
        "来电者指定4；为其等待 1.5 秒",
        "首选4未能及时空闲",
    ]
