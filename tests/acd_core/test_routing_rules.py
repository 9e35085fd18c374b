"""Each rule for choosing the agent: whom it takes, its reasons, and that it can be replayed."""

from collections import Counter
from typing import Any

import pytest

from acd_core import events as told
from acd_core.agent import AgentState
from acd_core.commands import OfferToAgent
from acd_core.errors import ConfigurationFault
from acd_core.reasons import Group, Reason, explain, unpack
from acd_core.routing.registry import strategies
from acd_core.skills import Requirement
from acd_core.stats.occupancy import LOADS, WINDOW_S, Load, advance, rank


def reasons(commands: list[Any]) -> tuple[int, ...]:
    return next(c.reasons for c in commands if isinstance(c, OfferToAgent))


def tie(commands: list[Any]) -> Group:
    return Group(dict(unpack(reasons(commands)))[Reason.TIE_BREAK][0])


def serve(floor: Any, call: int, seconds: float, **more: Any) -> int:
    """Offer, talk for so long, end; return the agent who served, of several the first."""
    commands = floor.call(call, after=0.0, **more)
    agent = next(c.agent for c in commands if isinstance(c, OfferToAgent))
    floor.answer(call, agent)
    floor.tell(told.CallEnded(call=call), after=seconds)
    return agent


def test_every_rule_has_words_and_a_number_of_its_own() -> None:
    rules = strategies()
    assert len({rule.number for rule in rules.values()}) == len(rules) == 14
    assert all(rule.en and rule.zh and rule.version for rule in rules.values())


@pytest.mark.parametrize("name", sorted(strategies()))
def test_every_rule_serves_and_explains(floor: Any, name: str) -> None:
    floor.queue(strategy=name, required=(Requirement(1),), shares={2: 3})
    for number in (1, 2, 3):
        floor.agent(number, {1: number + 2})
    seen = Counter(serve(floor, call, 10.0) for call in range(30))
    assert sum(seen.values()) == 30
    commands = floor.call(99)
    for language in ("en", "zh"):
        text = explain(reasons(commands), language, str)
        assert len(text) >= (5 if name == "ring_all" else 6)
        assert not any("None" in line for line in text)


def test_idle_time_begins_after_wrap_up_pause_and_log_in(floor: Any) -> None:
    floor.queue(wrap_up_s=10.0)
    for number in (1, 2, 3, 4):
        floor.agent(number)
    assert serve(floor, 0, 60.0) == 1
    floor.tell(told.AgentPaused(agent=2, reason="lunch"))
    floor.tell(told.AgentReady(agent=2), after=2.0)
    floor.tell(told.AgentLoggedOut(agent=3))
    floor.tell(told.AgentLoggedIn(agent=3, station="s3"))
    floor.tell(told.AgentReady(agent=3), after=2.0)
    floor.due()
    assert floor.state(1) is AgentState.READY
    # Who has been there all the time, who paused, who came anew, who wrapped up just now.
    assert [floor.offered(call) for call in (1, 2, 3, 4)] == [4, 2, 3, 1]


def test_least_occupied_goes_by_work_not_by_idle_time(floor: Any) -> None:
    floor.queue(strategy="least_occupied")
    floor.agent(1)
    assert serve(floor, 1, 600.0) == 1
    floor.agent(2)
    assert serve(floor, 2, 60.0) == 2
    # Agent 1 is idle longer, agent 2 has worked less.
    commands = floor.call(3)
    assert tie(commands) is Group.OCCUPANCY
    assert floor.state(2) is AgentState.RESERVED
    assert any("occupied" in line for line in explain(reasons(commands), "en", str))


def test_every_state_counts_in_one_way() -> None:
    assert set(LOADS) == set(AgentState)


def test_a_rule_that_comes_later_knows_what_agents_did_before(floor: Any) -> None:
    floor.queue()
    floor.agent(1)
    floor.agent(2)
    assert serve(floor, 1, 500.0) == 1
    assert serve(floor, 2, 5.0) == 2
    floor.queue(strategy="fewest_calls")
    assert serve(floor, 3, 5.0) == 1
    floor.queue(strategy="least_occupied")
    assert serve(floor, 4, 5.0) == 2


def test_a_pause_is_no_work_and_no_availability() -> None:
    assert advance(0.4, Load.NEITHER, 900.0) == 0.4
    assert advance(0.0, Load.WORK, WINDOW_S) == pytest.approx(1 - 1 / 2.718281828459045)
    assert advance(1.0, Load.FREE, WINDOW_S) == pytest.approx(1 / 2.718281828459045)


def test_the_order_by_rank_is_the_order_by_occupancy_at_any_later_time() -> None:
    # One became idle at 100 s with 0.5, the other at 400 s with 0.45.
    early = advance(0.5, Load.FREE, 300.0)
    assert early < 0.45
    assert rank(0.5, 100.0) < rank(0.45, 400.0)
    assert rank(0.5, 100.0) == pytest.approx(rank(early, 400.0))


def test_fewest_calls_counts_from_log_in_and_from_the_new_day(floor: Any) -> None:
    floor.queue(strategy="fewest_calls")
    floor.agent(1)
    assert [serve(floor, call, 1.0) for call in range(3)] == [1, 1, 1]
    floor.agent(2)
    assert [serve(floor, call, 1.0) for call in range(3, 6)] == [2, 2, 2]
    commands = floor.call(6)
    # Three each: the longer idle time decides.
    assert (tie(commands), floor.state(1)) == (Group.IDLE_TIME, AgentState.RESERVED)
    floor.answer(6, 1)
    floor.tell(told.CallEnded(call=6))
    assert tie(floor.call(7)) is Group.HANDLED
    floor.answer(7, 2)
    floor.tell(told.CallEnded(call=7), after=1.0)
    floor.tell(told.DayBegan())
    floor.tell(told.AgentLoggedOut(agent=1))
    floor.tell(told.AgentLoggedIn(agent=1, station="s1"))
    floor.tell(told.AgentReady(agent=1), after=5.0)
    commands = floor.call(8)
    assert (tie(commands), floor.state(2)) == (Group.IDLE_TIME, AgentState.RESERVED)


def test_expert_goes_by_the_best_level_most_skilled_by_the_sum(floor: Any) -> None:
    needs = (Requirement(1), Requirement(2))
    floor.queue(1, strategy="expert_longest_idle", required=needs)
    floor.queue(2, strategy="most_skilled", required=needs)
    floor.queue(3, strategy="expert_least_occupied", required=needs)
    floor.agent(1, {1: 7, 2: 7})
    floor.agent(2, {1: 9, 2: 1})
    assert serve(floor, 1, 1.0) == 2
    assert serve(floor, 2, 1.0, queue=2) == 1
    commands = floor.call(3, queue=3)
    assert (tie(commands), floor.state(2)) == (Group.LEVEL, AgentState.RESERVED)


def test_round_robin_follows_the_last_offered_even_when_he_did_not_answer(floor: Any) -> None:
    floor.queue(strategy="round_robin", misses_to_pause=0, miss_rest_s=1.0, offer_s=5.0)
    for number in (1, 2, 3):
        floor.agent(number)
    assert [serve(floor, call, 1.0) for call in range(4)] == [1, 2, 3, 1]
    assert floor.offered(4) == 2
    commands = floor.due()
    assert next(c.agent for c in commands if isinstance(c, OfferToAgent)) == 3


def test_linear_takes_the_lowest_number(floor: Any) -> None:
    floor.queue(strategy="linear")
    for number in (3, 1, 2):
        floor.agent(number)
    assert [serve(floor, call, 1.0) for call in range(3)] == [1, 1, 1]


def test_percent_allocation_follows_the_shares(floor: Any) -> None:
    floor.queue(strategy="percent_allocation", shares={1: 50, 2: 30, 3: 20})
    for number in (1, 2, 3, 4):
        floor.agent(number)
    served = Counter(serve(floor, call, 1.0) for call in range(100))
    assert served == {1: 50, 2: 30, 3: 20}


def test_random_draws_from_the_seed_of_the_queue(floor: Any) -> None:
    floor.queue(1, strategy="random", seed=7)
    floor.queue(2, strategy="random", seed=8)
    floor.queue(3, strategy="weighted_random", required=(Requirement(1),), seed=7)
    for number, level in ((1, 1), (2, 3), (3, 6)):
        floor.agent(number, {1: level})
    draws = {
        queue: [serve(floor, queue * 1000 + call, 1.0, queue=queue) for call in range(600)]
        for queue in (1, 2, 3)
    }
    assert draws[1] != draws[2]
    for agent, weight in ((1, 1), (2, 3), (3, 6)):
        assert draws[1].count(agent) == pytest.approx(200, abs=35)
        assert draws[3].count(agent) == pytest.approx(60 * weight, abs=37)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"seed": 1 << 32}, {"shares": {1: 0}}, {"shares": {1: 1001}}]
)
def test_seeds_and_shares_out_of_range_are_refused(floor: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationFault):
        floor.queue(**wrong)
