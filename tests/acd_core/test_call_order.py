"""Which call a free agent gets: priority, aging, need, objective, guard, shares."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core import events as told
from acd_core.agent import AgentConfig
from acd_core.call_queue import CallRule, QueueConfig
from acd_core.commands import OfferToAgent
from acd_core.engine import AcdEngine
from acd_core.errors import ConfigurationFault
from acd_core.reasons import Reason, explain, unpack
from acd_core.skills import Requirement

ARRIVALS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 3), st.integers(1, 2)), min_size=2, max_size=40
)


def serve_all(floor: Any, count: int, seconds: float = 1.0) -> list[int]:
    """Let agent 1 serve so many calls; return the queues they came from."""
    order = []
    for _ in range(count):
        view = floor.view(1)
        order.append(view.queue)
        call = view.call
        floor.answer(call, 1)
        floor.tell(told.CallEnded(call=call), after=seconds)
    return order


@given(ARRIVALS, st.integers(1, 30), st.integers(1, 20))
def test_aging_bounds_who_may_overtake_whom(
    arrivals: list[tuple[int, int, int]], k: int, service: int
) -> None:
    engine = AcdEngine()
    for queue in (1, 2):
        config = QueueConfig(queue=queue, call_rule=CallRule.AGING, aging_s=k, priority=queue - 1)
        engine.handle(told.QueueConfigured(config=config, version=1), 0.0)
    engine.handle(told.AgentConfigured(config=AgentConfig(agent=1), version=1), 0.0)
    engine.handle(told.AgentLoggedIn(agent=1, station="s"), 0.0)
    engine.handle(told.AgentReady(agent=1), 0.0)
    arrived: dict[int, tuple[float, int]] = {}
    served: list[tuple[int, float]] = []
    now, free_at = 0.0, 0.0
    serving: int | None = None

    def take(commands: Any, at: float) -> None:
        nonlocal serving, free_at
        for command in commands:
            if isinstance(command, OfferToAgent):
                served.append((command.call, at))
                engine.handle(told.OfferAccepted(call=command.call, agent=1), at)
                engine.handle(told.CallAnswered(call=command.call, agent=1), at)
                serving, free_at = command.call, at + service

    def finish(until: float) -> None:
        nonlocal serving
        while serving is not None and free_at <= until:
            call, at, serving = serving, free_at, None
            take(engine.handle(told.CallEnded(call=call), at), at)

    for number, (gap, priority, queue) in enumerate(arrivals):
        now += gap
        finish(now)
        arrived[number] = (now, priority + queue - 1)
        take(engine.handle(told.CallOffered(call=number, queue=queue, priority=priority), now), now)
    finish(float("inf"))
    assert len(served) == len(arrivals)
    when = dict(served)
    for x, (came_x, p_x) in arrived.items():
        for y, (came_y, p_y) in arrived.items():
            if came_x < came_y and when[y] < when[x]:
                assert came_y - came_x < k * (p_y - p_x)


def test_strict_priority_has_no_such_bound(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.offered(0)
    floor.answer(0, 1)
    floor.call(1)
    for number in range(2, 30):
        floor.call(number, priority=1, after=100.0)
        floor.tell(told.CallEnded(call=0 if number == 2 else number - 1))
        assert floor.view(1).call == number
        floor.answer(number, 1)


def test_greatest_need_takes_the_longest_predicted_wait(floor: Any) -> None:
    # Avaya's example: predicted waits of 45, 90 and 50 s; the second is served.
    for queue in (1, 2, 3):
        floor.queue(queue, call_rule=CallRule.GREATEST_NEED, required=(Requirement(queue),))
    for number, (queue, callers) in enumerate(((1, 1), (2, 2), (3, 1))):
        for caller in range(callers):
            floor.call(number * 10 + caller, queue)
    commands = floor.agent(1, {1: 1, 2: 1, 3: 1})
    offer = next(c for c in commands if isinstance(c, OfferToAgent))
    assert offer.queue == 2
    assert dict(unpack(offer.reasons))[Reason.CALL_RULE] == (2, 180_000)
    assert any("greatest need" in line for line in explain(offer.reasons, "en", str))
    # Then needs are equal and the older caller goes first; calls of queue 2 proved short.
    assert serve_all(floor, 4) == [2, 1, 3, 2]


def test_the_service_objective_weighs_the_wait_by_the_target(floor: Any) -> None:
    for queue, target in ((1, 20.0), (2, 60.0)):
        floor.queue(queue, call_rule=CallRule.SERVICE_OBJECTIVE, service_level_s=target)
    for number, queue in enumerate((2, 2, 1)):
        floor.call(number, queue)
    floor.agent(1)
    # 90/20 > 180/60; then 180/60 > 0.
    assert serve_all(floor, 3) == [1, 2, 2]


def test_the_guard_helps_below_the_target_and_stops_three_points_above(floor: Any) -> None:
    rule = {"call_rule": CallRule.SERVICE_GUARD, "service_target": 0.5, "service_level_s": 5.0}
    floor.queue(1, priority=5, **rule)
    floor.queue(2, **rule)
    number = 0

    def visit(queue: int, wait: float) -> None:
        nonlocal number
        floor.call(number, queue, after=0.0)
        floor.tell(told.CallAbandoned(call=number), after=wait)
        number += 1

    def first_served() -> int:
        nonlocal number
        floor.call(number, 1)
        floor.call(number + 1, 2)
        number += 2
        floor.tell(told.AgentReady(agent=1), after=0.0)
        queue = floor.view(1).queue
        floor.tell(told.AgentPaused(agent=1, reason="x"))
        for call in (number - 2, number - 1):
            floor.tell(told.CallAbandoned(call=call))
        return queue

    floor.agent(1)
    floor.tell(told.AgentPaused(agent=1, reason="x"))
    assert first_served() == 1
    for _ in range(12):
        visit(2, 10.0)
    assert first_served() == 2
    level = floor.engine._lines.queues[2].level
    level.mean = 0.52
    visit(2, 1.0)
    assert first_served() == 2
    level.mean = 0.54
    visit(2, 1.0)
    assert first_served() == 1
    level.mean = 0.51
    visit(2, 1.0)
    assert first_served() == 1


def test_percent_serves_queues_by_their_shares(floor: Any) -> None:
    for queue, share in ((1, 60), (2, 30), (3, 10)):
        floor.queue(queue, call_rule=CallRule.PERCENT, call_share=share)
    for number in range(300):
        floor.call(number, number % 3 + 1, after=0.01)
    floor.agent(1)
    order = serve_all(floor, 100)
    assert [order.count(queue) for queue in (1, 2, 3)] == [60, 30, 10]
    assert order[:10].count(1) == 6


def test_a_rule_can_be_changed_while_calls_wait(floor: Any) -> None:
    floor.queue(1)
    floor.queue(2)
    for number in range(6):
        floor.call(number, number % 2 + 1)
    shares = QueueConfig(queue=2, call_rule=CallRule.PERCENT, call_share=1)
    floor.tell(told.QueueConfigured(config=shares, version=2))
    floor.agent(1)
    assert serve_all(floor, 1) == [2]
    floor.tell(told.QueueConfigured(config=QueueConfig(queue=2), version=3))
    floor.tell(told.QueueRemoved(queue=1, version=4))
    assert serve_all(floor, 2) == [2, 2]


@pytest.mark.parametrize("removed", [True, False])
def test_shares_count_at_once_when_another_queue_is_served_by_share_no_more(
    floor: Any, removed: bool
) -> None:
    needs = (Requirement(1),)
    for queue in (1, 2):
        floor.queue(queue, call_rule=CallRule.PERCENT, call_share=1, required=needs)
    floor.queue(3, required=needs)
    floor.agent(1, {1: 1})
    for number in range(4):
        floor.offered(number)
        floor.answer(number, 1)
        floor.tell(told.CallEnded(call=number))
    floor.tell(told.AgentPaused(agent=1, reason="x"))
    floor.call(10, 3)
    floor.call(11, 1)
    # Queue 1 is ahead of its half when somebody looks; alone, it is behind its share of all.
    floor.agent(2)
    if removed:
        floor.tell(told.QueueRemoved(queue=2, version=2))
    else:
        floor.queue(2, required=needs)
    floor.tell(told.AgentReady(agent=1))
    assert floor.view(1).call == 11


@pytest.mark.parametrize(
    "wrong",
    [
        {"aging_s": -1.0},
        {"aging_s": float("nan")},
        {"service_target": 1.1},
        {"service_level_s": -1.0},
        {"call_share": -1},
        {"number": -1},
        {"number": 1 << 62},
    ],
)
def test_wrong_orders_are_refused(floor: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationFault):
        floor.queue(**wrong)
