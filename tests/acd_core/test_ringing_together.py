"""Several stations ring for one call: who rings, who wins, and what becomes of the others."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import CallRule, QueueConfig, Widening
from acd_core.commands import (
    CallTimedOut,
    CallWaiting,
    ConnectToAgent,
    LeaveReason,
    OfferToAgent,
    WithdrawOffer,
    WithdrawReason,
)
from acd_core.decisions import digest
from acd_core.engine import AcdEngine
from acd_core.errors import ConfigurationFault, IllegalTransition
from acd_core.queue_life.options import Closing, Overflow
from acd_core.reasons import Reason, explain, unpack
from acd_core.skills import Requirement

READY, RESERVED = AgentState.READY, AgentState.RESERVED


def rung(commands: Iterable[Any]) -> list[int]:
    return [command.agent for command in commands if isinstance(command, OfferToAgent)]


def withdrawn(commands: Iterable[Any]) -> list[tuple[int, WithdrawReason]]:
    return [(c.agent, c.why) for c in commands if isinstance(c, WithdrawOffer)]


def ringing(floor: Any, call: int, queue: int = 1) -> tuple[int, ...]:
    [view] = [one for one in floor.line(queue).waiting if one.call == call]
    assert view.agent == (view.ringing[0] if view.ringing else None)
    return tuple(view.ringing)


def staff(floor: Any, *agents: int, **settings: Any) -> None:
    """One queue that rings all, and agents who became ready in this order."""
    floor.queue(**{"strategy": "ring_all", "offer_s": 20.0, **settings})
    for agent in agents:
        floor.agent(agent)


def test_ring_all_offers_to_everybody_who_is_ready(floor: Any) -> None:
    staff(floor, 3, 1, 2)
    floor.agent(4)
    floor.tell(told.AgentPaused(agent=4, reason="lunch"))
    assert rung(floor.call(10)) == [1, 2, 3]
    assert ringing(floor, 10) == (1, 2, 3)
    assert [floor.state(agent) for agent in (1, 2, 3)] == [RESERVED] * 3
    assert {floor.view(agent).until for agent in (1, 2, 3)} == {floor.now + 20.0}


def test_skills_decide_who_rings(floor: Any) -> None:
    floor.queue(strategy="ring_all", required=(Requirement(1, 3),))
    for agent, level in ((1, 3), (2, 2), (3, 9)):
        floor.agent(agent, {1: level})
    assert rung(floor.call(10)) == [1, 3]


def test_who_answers_first_has_the_call_and_the_others_keep_their_places(floor: Any) -> None:
    staff(floor, 1, 2, 3)
    idle = {agent: floor.view(agent).since for agent in (1, 2, 3)}
    floor.call(10)
    floor.tell(told.OfferRinging(call=10, agent=2), after=1.0)
    commands = floor.tell(told.OfferAccepted(call=10, agent=2), after=2.0)
    assert isinstance(commands[0], ConnectToAgent)
    assert withdrawn(commands) == [
        (1, WithdrawReason.ANSWERED_ELSEWHERE),
        (3, WithdrawReason.ANSWERED_ELSEWHERE),
    ]
    assert ringing(floor, 10) == (2,)
    assert [floor.view(agent).misses for agent in (1, 3)] == [0, 0]
    with pytest.raises(IllegalTransition):
        floor.tell(told.OfferAccepted(call=10, agent=3))
    floor.tell(told.CallAnswered(call=10, agent=2))
    assert [floor.state(agent) for agent in (1, 2, 3)] == [READY, AgentState.TALKING, READY]
    # By idle time they stand where they stood: the one who has been free longest is next.
    floor.queue(2)
    assert idle[1] < idle[3]
    assert floor.offered(11, queue=2) == 1


def test_one_call_rings_at_a_time_and_the_next_rings_who_is_left(floor: Any) -> None:
    staff(floor, 1, 2, 3)
    floor.call(10)
    assert rung(floor.call(11)) == rung(floor.call(12)) == []
    assert rung(floor.tell(told.OfferAccepted(call=10, agent=2))) == [1, 3]
    assert ringing(floor, 11) == (1, 3)
    assert ringing(floor, 12) == ()


def test_who_becomes_free_joins_in(floor: Any) -> None:
    staff(floor, 1)
    floor.call(10)
    floor.call(11)
    assert rung(floor.agent(2, after=5.0)) == [2]
    assert ringing(floor, 10) == (1, 2)
    assert floor.view(2).until == floor.now + 20.0
    floor.tell(told.AgentPaused(agent=1, reason="lunch"))
    assert ringing(floor, 10) == (2,)
    assert rung(floor.tell(told.AgentReady(agent=1))) == [1]
    assert ringing(floor, 10) == (2, 1)


def test_who_becomes_free_takes_the_call_that_comes_first(floor: Any) -> None:
    staff(floor, 1)
    floor.queue(2, priority=5, required=(Requirement(7),))
    floor.call(10)
    floor.call(20, queue=2)
    assert floor.agent(2, {7: 1}, after=5.0)[-1].call == 20
    assert (ringing(floor, 10), ringing(floor, 20, 2)) == ((1,), (2,))


def test_each_miss_is_its_own_and_the_last_sends_the_call_back(floor: Any) -> None:
    staff(floor, 1, offer_s=10.0, misses_to_pause=2, miss_rest_s=30.0)
    floor.call(10)
    floor.agent(2, after=4.0)
    commands = floor.due()
    assert withdrawn(commands) == [(1, WithdrawReason.RONA)]
    assert not any(isinstance(command, CallWaiting) for command in commands)
    assert (floor.state(1), floor.view(1).misses) == (AgentState.PAUSED, 1)
    assert ringing(floor, 10) == (2,)
    commands = floor.tell(told.OfferRejected(call=10, agent=2), after=1.0)
    assert withdrawn(commands) == [(2, WithdrawReason.REJECTED)]
    assert [c.returned for c in commands if isinstance(c, CallWaiting)] == [True]
    assert ringing(floor, 10) == ()
    assert [floor.view(agent).misses for agent in (1, 2)] == [1, 1]


def test_all_miss_at_the_same_moment(floor: Any) -> None:
    staff(floor, 1, 2, 3, misses_to_pause=1)
    floor.call(10)
    commands = floor.due()
    assert [agent for agent, _ in withdrawn(commands)] == [1, 2, 3]
    assert len([c for c in commands if isinstance(c, CallWaiting)]) == 1
    assert [floor.state(agent) for agent in (1, 2, 3)] == [AgentState.PAUSED] * 3


@pytest.mark.parametrize(
    "gone",
    [
        told.AgentPaused(agent=1, reason="lunch"),
        told.AgentLoggedOut(agent=1),
        told.AgentUnreachable(agent=1),
        told.AgentBusy(agent=1),
        told.OfferRejected(call=10, agent=1),
    ],
)
def test_who_leaves_leaves_alone(floor: Any, gone: Any) -> None:
    staff(floor, 1, 2, 3)
    floor.call(10)
    commands = floor.tell(gone)
    assert [agent for agent, _ in withdrawn(commands)] == [1]
    assert rung(commands) == []
    assert ringing(floor, 10) == (2, 3)
    assert floor.line().waiting[0].offers == 3
    floor.answer(10, 3)
    assert floor.state(2) is READY


def test_an_agent_who_is_gone_can_be_removed_while_others_ring(floor: Any) -> None:
    staff(floor, 1, 2)
    floor.call(10)
    with pytest.raises(IllegalTransition):
        floor.tell(told.AgentRemoved(agent=1, version=2))
    floor.tell(told.AgentLoggedOut(agent=1))
    floor.tell(told.AgentRemoved(agent=1, version=2))
    assert ringing(floor, 10) == (2,)


def test_not_connected_rings_all_again(floor: Any) -> None:
    staff(floor, 1, 2, connect_s=5.0)
    floor.call(10)
    floor.tell(told.OfferAccepted(call=10, agent=2))
    commands = floor.due()
    assert withdrawn(commands) == [(2, WithdrawReason.NOT_CONNECTED)]
    assert rung(commands) == [1, 2]
    assert floor.view(2).misses == 0


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (told.CallAbandoned(call=10), WithdrawReason.CALLER_LEFT),
        (
            told.CallWithdrawn(call=10, outcome=told.Outcome.VOICEMAIL),
            WithdrawReason.CALL_WITHDRAWN,
        ),
        (told.QueueRemoved(queue=1, version=2), WithdrawReason.QUEUE_CHANGED),
    ],
)
def test_a_call_that_leaves_frees_everybody(floor: Any, event: Any, why: WithdrawReason) -> None:
    staff(floor, 1, 2, 3)
    floor.call(10)
    assert withdrawn(floor.tell(event)) == [(1, why), (2, why), (3, why)]
    assert [floor.state(agent) for agent in (1, 2, 3)] == [READY] * 3
    assert floor.engine.next_deadline() is None


def test_after_the_longest_wait_nobody_joins_any_more(floor: Any) -> None:
    staff(floor, 1, max_wait_s=15.0, offer_s=20.0)
    floor.call(10)
    floor.due()
    assert rung(floor.agent(2)) == []
    commands = floor.due()
    [left] = [c for c in commands if isinstance(c, CallTimedOut)]
    assert left.reason is LeaveReason.MAX_WAIT


def test_a_call_that_widens_while_it_rings_rings_more(floor: Any) -> None:
    staff(
        floor,
        required=(Requirement(1, 5),),
        widening=(Widening(after_s=8.0, any_of=((Requirement(1, 2),),)),),
    )
    floor.agent(1, {1: 9})
    floor.agent(2, {1: 3})
    assert rung(floor.call(10)) == [1]
    assert rung(floor.due()) == [2]
    assert ringing(floor, 10) == (1, 2)


def test_an_agent_who_gains_the_skill_joins_in(floor: Any) -> None:
    staff(floor, required=(Requirement(1),))
    floor.agent(1, {1: 9})
    floor.agent(2)
    floor.call(10)
    assert rung(floor.tell(told.SkillsChanged(agent=2, skills={1: 1}, version=2))) == [2]


def test_a_named_agent_rings_alone(floor: Any) -> None:
    staff(floor, 1, 2, 3, misses_to_pause=1)
    commands = floor.call(10, preferred=2, preference=told.Preference.NAMED)
    assert rung(commands) == [2]
    assert rung(floor.tell(told.AgentConfigured(config=AgentConfig(agent=1), version=2))) == []
    assert rung(floor.due()) == [1, 3]


def test_the_rule_may_change_while_stations_ring(floor: Any) -> None:
    floor.queue()
    for agent in (1, 2, 3):
        floor.agent(agent)
    floor.call(10)
    assert ringing(floor, 10) == (1,)

    def change(**settings: Any) -> list[int]:
        config = QueueConfig(queue=1, **settings)
        return rung(floor.tell(told.QueueConfigured(config=config, version=2)))

    assert change(strategy="ring_all") == [2, 3]
    assert change(strategy="longest_idle") == []
    assert ringing(floor, 10) == (1, 2, 3)
    assert rung(floor.agent(4)) == []
    assert change(strategy="ring_progressively", ring_step_s=3.0) == []
    assert rung(floor.due()) == [4]
    assert change(strategy="linear") == []
    assert rung(floor.agent(5)) == []
    floor.answer(10, 2)
    assert [floor.state(agent) for agent in (1, 3, 4, 5)] == [READY] * 4


def test_a_preferred_agent_rings_alone_whatever_the_rule_becomes(floor: Any) -> None:
    floor.queue()
    for agent in (1, 2):
        floor.agent(agent)
    floor.call(10, preferred=2, preference=told.Preference.NAMED)
    floor.queue(strategy="ring_all")
    assert ringing(floor, 10) == (2,)
    floor.tell(told.OfferRejected(call=10, agent=2))
    assert ringing(floor, 10) == (1,)


def test_one_more_agent_rings_each_step(floor: Any) -> None:
    staff(floor, 3, 1, 2, strategy="ring_progressively", ring_step_s=4.0)
    assert rung(floor.call(10)) == [3]
    began = floor.now
    assert rung(floor.due()) == [1]
    assert floor.now == began + 4.0
    assert rung(floor.due()) == [2]
    assert floor.now == began + 8.0
    assert ringing(floor, 10) == (3, 1, 2)
    assert [floor.view(agent).until for agent in (3, 1, 2)] == [
        began + 20.0,
        began + 24.0,
        began + 28.0,
    ]
    commands = floor.tell(told.OfferAccepted(call=10, agent=2))
    assert withdrawn(commands) == [
        (3, WithdrawReason.ANSWERED_ELSEWHERE),
        (1, WithdrawReason.ANSWERED_ELSEWHERE),
    ]


def test_a_step_without_anybody_free_waits_for_the_next_who_is(floor: Any) -> None:
    staff(floor, 1, strategy="ring_progressively", ring_step_s=4.0)
    floor.call(10)
    assert rung(floor.due()) == []
    floor.call(11)
    assert rung(floor.agent(2, after=1.0)) == [2]
    assert ringing(floor, 10) == (1, 2)
    # The step after counts from then on, so the next who is free takes the next call.
    assert rung(floor.agent(3, after=1.0)) == [3]
    assert ringing(floor, 11) == (3,)


def test_progressive_ringing_ends_with_the_call(floor: Any) -> None:
    staff(floor, 1, 2, strategy="ring_progressively", ring_step_s=4.0, misses_to_pause=0)
    floor.call(10)
    floor.tell(told.CallAbandoned(call=10))
    assert floor.engine.next_deadline() is None
    floor.call(11)
    floor.tell(told.OfferAccepted(call=11, agent=1))
    floor.tell(told.CallAnswered(call=11, agent=1))
    assert floor.engine.next_deadline() is None


def test_a_progressive_call_that_comes_back_begins_with_one(floor: Any) -> None:
    staff(floor, 1, 2, strategy="ring_progressively", ring_step_s=4.0, misses_to_pause=1)
    floor.call(10)
    assert rung(floor.tell(told.OfferRejected(call=10, agent=1), after=1.0)) == [2]
    floor.tell(told.AgentReady(agent=1))
    assert ringing(floor, 10) == (2,)
    assert rung(floor.due()) == [1]


@pytest.mark.parametrize("step", [0.0, -1.0, float("inf"), float("nan")])
def test_a_step_must_be_above_zero(floor: Any, step: float) -> None:
    with pytest.raises(ConfigurationFault):
        floor.queue(strategy="ring_progressively", ring_step_s=step)


def test_reasons_name_who_rings_already_and_not_as_removed(floor: Any) -> None:
    staff(floor, 1, 2, 3)
    floor.agent(4)
    floor.tell(told.AgentPaused(agent=4, reason="lunch"))
    offers = [c for c in floor.call(10) if isinstance(c, OfferToAgent)]
    told_of = [dict(unpack(offer.reasons)) for offer in offers]
    assert Reason.RINGS_WITH not in told_of[0]
    assert [found.get(Reason.RINGS_WITH) for found in told_of[1:]] == [(1, 1), (2, 1, 2)]
    assert [found[Reason.CHOSEN_FROM] for found in told_of] == [(3,), (2,), (1,)]
    removed = [
        arguments for code, arguments in unpack(offers[2].reasons) if code is Reason.NOT_READY
    ]
    assert [(count, whom) for _, count, *whom in removed] == [(1, [4])]
    assert Reason.RUNNER_UP not in told_of[0]
    assert "rule: ring all, version 1" in explain(offers[0].reasons, "en", str)[0]
    assert "rings beside 2 more (1, 2)" in explain(offers[2].reasons, "en", str)
    assert "已有 2 名坐席振铃（1、2）" in explain(offers[2].reasons, "zh", str)


def test_reasons_stand_when_who_rings_has_lost_the_skill(floor: Any) -> None:
    staff(floor, required=(Requirement(1),))
    floor.agent(1, {1: 1})
    floor.call(10)
    floor.tell(told.SkillsChanged(agent=1, skills={}, version=2))
    commands = floor.agent(2, {1: 1})
    [offer] = [c for c in commands if isinstance(c, OfferToAgent)]
    found = dict(unpack(offer.reasons))
    assert found[Reason.RINGS_WITH] == (1, 1)
    assert Reason.NOT_SKILLED not in found


def test_many_agents_on_a_large_floor_are_counted_not_named(floor: Any) -> None:
    engine = AcdEngine(explain_agents=2)
    floor.engine = engine
    staff(floor, *range(1, 41))
    offers = [c for c in floor.call(10) if isinstance(c, OfferToAgent)]
    assert len(offers) == 40
    last = dict(unpack(offers[-1].reasons))
    assert last[Reason.RINGS_WITH] == (39, *range(1, 9))
    assert Reason.NOT_READY not in last


def test_a_share_between_queues_counts_the_call_once(floor: Any) -> None:
    floor.queue(1, strategy="ring_all", call_rule=CallRule.PERCENT, call_share=50)
    floor.queue(2, call_rule=CallRule.PERCENT, call_share=50)
    for agent in (1, 2, 3):
        floor.agent(agent)
    floor.call(10)
    floor.answer(10, 1)
    for agent in (2, 3):
        floor.tell(told.AgentPaused(agent=agent, reason="lunch"))
    floor.call(11)
    floor.call(20, queue=2)
    assert floor.tell(told.CallEnded(call=10))[-1].call == 20


def test_decisions_are_the_same_again(floor: Any) -> None:
    """The journal of a day with both rules gives the same bytes in another engine."""
    history: list[tuple[Any, float, bytes]] = []
    tell = floor.tell

    def keep(event: Any, after: float = 0.0) -> tuple[Any, ...]:
        commands: tuple[Any, ...] = tell(event, after)
        history.append((event, floor.now, digest(commands)))
        return commands

    floor.tell = keep
    staff(floor, 1, 2, 3)
    floor.queue(2, strategy="ring_progressively", ring_step_s=2.0)
    for call in range(10, 16):
        floor.call(call, queue=1 + call % 2)
        floor.due()
        view = next(q for q in (floor.line(1), floor.line(2)) if q.waiting)
        for waiting in view.waiting:
            if waiting.ringing:
                floor.answer(waiting.call, waiting.ringing[-1])
                floor.tell(told.CallEnded(call=waiting.call), after=3.0)
    again = AcdEngine()
    for event, now, seen in history:
        event = told.decode(msgspec.msgpack.encode(event))
        assert digest(again.handle(event, now)) == seen


def test_misses_count_for_each_agent_and_against_the_number_of_the_queue(floor: Any) -> None:
    staff(floor, 1, 2, misses_to_pause=2, miss_rest_s=1.0, offer_s=5.0)
    floor.queue(2, strategy="ring_all", misses_to_pause=3, miss_rest_s=1.0, offer_s=5.0)
    floor.call(10)
    floor.tell(told.OfferRejected(call=10, agent=1))
    floor.due(1.0)
    assert ringing(floor, 10) == (2, 1)
    floor.tell(told.OfferRejected(call=10, agent=1))
    assert (floor.view(1).misses, floor.view(2).misses) == (2, 0)
    assert (floor.state(1), floor.view(1).until) == (AgentState.PAUSED, None)
    floor.tell(told.AgentReady(agent=1))
    floor.tell(told.CallAbandoned(call=10))
    floor.call(20, queue=2)
    for misses in (1, 2):
        floor.due()
        assert [floor.view(agent).misses for agent in (1, 2)] == [misses, misses]
        assert floor.view(1).until == floor.now + 1.0
        floor.due(1.0)
    floor.answer(20, 2)
    assert [floor.view(agent).misses for agent in (1, 2)] == [2, 0]
    floor.tell(told.CallEnded(call=20))
    floor.call(21, queue=2)
    floor.due()
    assert (floor.view(1).misses, floor.view(1).until) == (3, None)
    assert (floor.view(2).misses, floor.view(2).until) == (1, floor.now + 1.0)


def test_when_it_is_time_to_move_on_nobody_joins_any_more(floor: Any) -> None:
    away = Overflow(to=(2,), after_s=30.0)
    staff(floor, required=(Requirement(1),), offer_s=40.0, overflow=(away,))
    floor.queue(2, required=(Requirement(9),))
    floor.agent(1, {1: 1})
    floor.agent(9, {9: 1})
    floor.call(10)
    floor.due(30.0)
    assert rung(floor.agent(2, {1: 1})) == []
    assert ringing(floor, 10) == (1,)
    floor.tell(told.AgentPaused(agent=2, reason="lunch"))
    floor.due()
    assert ringing(floor, 10, 2) == (9,)


def test_a_queue_that_closes_rings_on_but_nobody_joins(floor: Any) -> None:
    staff(floor, 1, closing=Closing.LEAVE)
    floor.call(10)
    floor.tell(told.QueueAttended(queue=1, unattended=True, version=2))
    assert rung(floor.agent(2)) == []
    assert ringing(floor, 10) == (1,)
    commands = floor.tell(told.OfferRejected(call=10, agent=1))
    assert [c.reason for c in commands if isinstance(c, CallTimedOut)] == [LeaveReason.UNATTENDED]


def test_an_agents_own_order_counts_before_he_joins_in(floor: Any) -> None:
    wider = (Widening(after_s=5.0, any_of=((Requirement(7),),)),)
    staff(floor, required=(Requirement(1),), widening=wider)
    floor.queue(2, required=(Requirement(2),), widening=wider)
    floor.agent(1, {1: 1, 7: 1})
    for agent, order in ((3, {1: 1}), (4, {2: 1, 1: 2})):
        config = AgentConfig(agent=agent, skills={7: 1}, queues=order)
        floor.tell(told.AgentConfigured(config=config, version=1))
        floor.tell(told.AgentLoggedIn(agent=agent, station=f"s{agent}"))
        floor.tell(told.AgentReady(agent=agent))
    floor.call(10)
    floor.call(20, queue=2, after=0.0)
    assert ringing(floor, 10) == (1,)
    floor.due()
    assert (ringing(floor, 10), ringing(floor, 20, 2)) == ((1, 3), (4,))
