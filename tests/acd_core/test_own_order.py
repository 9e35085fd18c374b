"""An agent's own order of queues, membership, and weights between queues."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core import events as told
from acd_core.agent import AgentConfig
from acd_core.call_queue import CallRule, NoAgents, QueueConfig
from acd_core.commands import CallRefused, OfferToAgent
from acd_core.engine import AcdEngine
from acd_core.errors import ConfigurationFault
from acd_core.skills import Requirement


def configure(floor: Any, number: int, **settings: Any) -> tuple[Any, ...]:
    config = AgentConfig(agent=number, **settings)
    return tuple(floor.tell(told.AgentConfigured(config=config, version=2)))


def served(floor: Any, agent: int, calls: int) -> list[int]:
    """The calls that an agent gets one after the other, from his log-in on."""
    floor.tell(told.AgentLoggedIn(agent=agent, station=f"s{agent}"), after=1.0)
    commands = floor.tell(told.AgentReady(agent=agent))
    order = []
    for _ in range(calls):
        call = next(c.call for c in commands if isinstance(c, OfferToAgent))
        floor.answer(call, agent)
        commands = floor.tell(told.CallEnded(call=call))
        order.append(call)
    return order


def test_an_agent_serves_his_queues_in_his_own_order_then_the_rest(floor: Any) -> None:
    for queue in (1, 2, 3, 4):
        floor.queue(queue, priority=4 - queue)
    configure(floor, 1, queues={3: 10, 2: 20, 4: 20})
    for call, queue in ((10, 1), (11, 4), (12, 2), (13, 3), (14, 2)):
        floor.call(call, queue)
    # Queue 3 first; 2 and 4 have equal places, so priority and arrival decide; 1 is not named.
    assert served(floor, 1, 5) == [13, 12, 14, 11, 10]


def test_a_changed_order_counts_for_callers_who_wait(floor: Any) -> None:
    floor.queue(1)
    floor.queue(2)
    configure(floor, 1, queues={1: 1, 2: 2})
    for call, queue in ((10, 1), (11, 2), (12, 2)):
        floor.call(call, queue)
    configure(floor, 1, queues={2: 1, 1: 2})
    assert served(floor, 1, 3) == [11, 12, 10]


def test_a_queue_named_while_calls_wait_keeps_their_places(floor: Any) -> None:
    floor.queue(1)
    floor.queue(2, call_rule=CallRule.AGING)
    floor.call(10, 1)
    floor.call(11, 2)
    floor.call(12, 2, priority=1)
    configure(floor, 1, queues={2: 0})
    assert (floor.order(1), floor.order(2)) == ([10], [12, 11])
    assert served(floor, 1, 3) == [12, 11, 10]


def test_an_agent_of_some_queues_only_does_not_count_elsewhere(floor: Any) -> None:
    floor.queue(1, no_agents=NoAgents.REFUSE)
    floor.queue(2)
    configure(floor, 1, queues={2: 1}, only_queues=True)
    floor.tell(told.AgentLoggedIn(agent=1, station="s1"))
    floor.tell(told.AgentReady(agent=1))
    assert (floor.line(1).agents, floor.line(2).agents) == (0, 1)
    assert (floor.engine.staffed(1), floor.engine.staffed(2)) == (0, 1)
    assert isinstance(floor.call(10, 1)[-1], CallRefused)
    assert floor.offered(11, 2) == 1


def test_membership_taken_away_sends_callers_out_who_wait_for_nobody(floor: Any) -> None:
    floor.queue(1, no_agents=NoAgents.LEAVE)
    floor.queue(2)
    floor.agent(1)
    floor.tell(told.AgentBusy(agent=1))
    floor.call(10, 1)
    commands = configure(floor, 1, queues={2: 1}, only_queues=True)
    assert [c.call for c in commands] == [10]
    assert floor.order(1) == []


def test_changed_skills_leave_the_rest_of_an_agent(floor: Any) -> None:
    floor.queue(1, required=(Requirement(5),))
    floor.queue(2)
    configure(floor, 1, name="Lin", skills={5: 1}, queues={2: 1, 1: 2}, only_queues=True)
    for call, queue in ((10, 1), (11, 2)):
        floor.call(call, queue)
    floor.tell(told.SkillsChanged(agent=1, skills={5: 9}, version=3))
    assert floor.view(1).name == "Lin"
    assert served(floor, 1, 2) == [11, 10]
    floor.queue(3)
    assert floor.offered(12, 3) is None


def test_a_queue_keeps_its_line_when_its_urgency_ends(floor: Any) -> None:
    floor.queue(1, call_rule=CallRule.GREATEST_NEED)
    floor.queue(2)
    configure(floor, 1, queues={7: 1})
    configure(floor, 2, queues={1: 1})
    floor.call(10, 2)
    floor.call(11, 1)
    floor.queue(1)
    assert served(floor, 1, 2) == [10, 11]


@pytest.mark.parametrize(
    "settings",
    [
        {"skills": {-1: 3}},
        {"skills": {1: 11}},
        {"capacity": {"call": 2}},
        {"capacity": {"chat": 101}},
        {"capacity": {"call": 0}},
        {"capacity": {"chat": -1}},
        {"interruptible": ("call",)},
    ],
)
def test_an_agent_who_cannot_work_is_refused(floor: Any, settings: Any) -> None:
    event = {"type": "AgentConfigured", "config": {"agent": 1, **settings}, "version": 1}

    with pytest.raises(ConfigurationFault):
        floor.tell(msgspec.convert(event, told.AgentConfigured))


WEIGHTS = st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.7, 100.0]), min_size=2, max_size=4)
ARRIVALS = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0.0, 30.0), st.floats(0.0, 50.0)),
    min_size=2,
    max_size=12,
)


@given(WEIGHTS, ARRIVALS, st.booleans())
def test_of_weighted_queues_the_greatest_wait_times_weight_is_served(
    weights: list[float], arrivals: list[tuple[int, float, float]], named: bool
) -> None:
    engine = AcdEngine()
    for queue, weight in enumerate(weights):
        config = QueueConfig(queue=queue, call_rule=CallRule.WEIGHTED, weight=weight)
        engine.handle(told.QueueConfigured(config=config, version=1), 0.0)
    order = dict.fromkeys(range(len(weights)), 0) if named else {}
    agent = AgentConfig(agent=1, queues=order)
    engine.handle(told.AgentConfigured(config=agent, version=1), 0.0)
    now, waiting = 1.0, {}
    for call, (queue, gap, credit) in enumerate(arrivals):
        now += gap
        queue %= len(weights)
        engine.handle(told.CallOffered(call=call, queue=queue, waited_s=credit), now)
        waiting[call] = (weights[queue], now - credit)
    engine.handle(told.AgentLoggedIn(agent=1, station="s"), now)
    commands = engine.handle(told.AgentReady(agent=1), now)
    while waiting:
        call = next(c.call for c in commands if isinstance(c, OfferToAgent))

        def place(key: int, now: float = now) -> tuple[float, float, int]:
            weight, since = waiting[key]
            return ((since - now) * weight, since, key)

        assert call == min(waiting, key=place)
        del waiting[call]
        for event in (
            told.OfferAccepted(call=call, agent=1),
            told.CallAnswered(call=call, agent=1),
        ):
            engine.handle(event, now)
        now += 7.0
        commands = engine.handle(told.CallEnded(call=call), now)


def test_weights_change_for_callers_who_wait_and_end_with_the_rule(floor: Any) -> None:
    floor.queue(1, call_rule=CallRule.WEIGHTED, weight=10.0)
    floor.queue(2, call_rule=CallRule.WEIGHTED)
    configure(floor, 1, queues={1: 1, 2: 1})
    for call, queue in ((10, 2), (11, 2), (12, 1), (13, 1)):
        floor.call(call, queue)
    floor.queue(1, call_rule=CallRule.WEIGHTED, weight=1.0)
    floor.queue(2, call_rule=CallRule.WEIGHTED, weight=2.0)
    assert served(floor, 1, 1) == [10]
    floor.queue(2)
    floor.call(14, 2, after=10.0)
    floor.queue(1, call_rule=CallRule.WEIGHTED, weight=0.001)
    floor.tell(told.AgentLoggedOut(agent=1))
    floor.due(30.0)
    configure(floor, 2, queues={1: 1, 2: 1})
    assert served(floor, 2, 2) == [11, 14]


def test_priority_comes_before_weight(floor: Any) -> None:
    floor.queue(1, call_rule=CallRule.WEIGHTED, weight=1000.0)
    floor.queue(2, priority=1)
    configure(floor, 1)
    floor.call(10, 1)
    floor.call(11, 2)
    assert served(floor, 1, 2) == [11, 10]


def test_of_calls_that_come_loose_together_an_agent_takes_his_own_first(floor: Any) -> None:
    floor.queue(1, priority=9)
    floor.queue(2)
    configure(floor, 1, queues={2: 1, 1: 2})
    configure(floor, 2)
    kept = {"preferred": 2, "preferred_limit_s": 50.0, "preference": told.Preference.NAMED}
    floor.call(11, 1, **kept)
    floor.call(12, 2, **kept)
    floor.tell(told.AgentLoggedIn(agent=1, station="s1"))
    assert offer_calls(floor.tell(told.AgentReady(agent=1))) == []
    # Those who wait for agent 2 alone are let go in one event, when he is no more.
    assert offer_calls(floor.tell(told.AgentRemoved(agent=2, version=3))) == [12]


def offer_calls(commands: Any) -> list[int]:
    return [c.call for c in commands if isinstance(c, OfferToAgent)]
