"""The matcher: compiled and plain, one suite, and both on the same histories."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext.acd import oracle
from cython_ext.implementation import PURE_PYTHON

if not PURE_PYTHON:
    from cython_ext.acd import _acd


def floor(kernel: Any, *agents: tuple[int, dict[int, int], float]) -> tuple[Any, list[int]]:
    """A matcher with idle agents (key, levels, idle since)."""
    matcher = kernel.Matcher()
    handles = []
    for key, levels, since in agents:
        handle = matcher.add_agent(key, matcher.profile(levels.items()))
        matcher.set_state(handle, oracle.IDLE, since)
        handles.append(handle)
    return matcher, handles


def test_equal_skills_share_a_profile(kernel: Any) -> None:
    matcher = kernel.Matcher()
    assert matcher.profile([(1, 5), (2, 3)]) == matcher.profile([(2, 3), (1, 5)])
    assert matcher.profile([(1, 5)]) != matcher.profile([(1, 6)])
    assert matcher.demand([(1, 5)]) == matcher.demand([(1, 5)])


def test_longest_idle_wins_and_ties_go_to_the_lower_key(kernel: Any) -> None:
    matcher, agents = floor(kernel, (7, {1: 5}, 20.0), (9, {1: 8}, 10.0), (8, {1: 2}, 10.0))
    assert matcher.best_agent(matcher.demand([(1, 1)]), oracle.LONGEST_IDLE) == agents[2]
    assert [matcher.key_of(agent) for agent in agents] == [7, 9, 8]


def test_most_skilled_adds_the_levels_of_the_queue_only(kernel: Any) -> None:
    # metrics.md section 4: levels 5, 6, 7; a queue that needs 1 and 3 scores 12, 1 alone 5.
    matcher, _ = floor(kernel, (1, {1: 5, 2: 6, 3: 7}, 0.0))
    assert matcher.score(0, matcher.demand([(1, 1), (3, 1)])) == 12
    assert matcher.score(0, matcher.demand([(1, 1)])) == 5


@pytest.mark.parametrize(("rule", "winner"), [(oracle.MOST_SKILLED, 1), (oracle.LEAST_SKILLED, 2)])
def test_skill_rules_choose_by_score_then_idle_time(kernel: Any, rule: int, winner: int) -> None:
    matcher, agents = floor(
        kernel, (1, {1: 9}, 30.0), (2, {1: 9}, 10.0), (3, {1: 2}, 5.0), (4, {1: 2}, 7.0)
    )
    assert matcher.best_agent(matcher.demand([(1, 1)]), rule) == agents[winner]


def test_nobody_below_the_level_is_chosen(kernel: Any) -> None:
    matcher, _ = floor(kernel, (1, {1: 4}, 0.0), (2, {2: 10}, 0.0))
    demand = matcher.demand([(1, 5)])
    assert matcher.best_agent(demand, 0) == -1
    assert matcher.idle_agents(demand) == []
    assert matcher.tally(demand) == (0,) * 16


def test_calls_wait_by_priority_then_arrival_then_key(kernel: Any) -> None:
    matcher, _ = floor(kernel, (1, {1: 5}, 0.0))
    sales, everybody = matcher.demand([(1, 1)]), matcher.demand([])
    late = matcher.add_call(4, sales, 0, 20.0)
    early = matcher.add_call(3, everybody, 0, 10.0)
    same = matcher.add_call(2, sales, 0, 10.0)
    vip = matcher.add_call(9, sales, 5, 99.0)
    order = []
    while (call := matcher.best_call(0)) >= 0:
        order.append(call)
        matcher.drop_call(call)
    assert order == [vip, same, early, late]


def test_a_held_call_keeps_its_place(kernel: Any) -> None:
    matcher, _ = floor(kernel, (1, {}, 0.0))
    demand = matcher.demand([])
    first, second = matcher.add_call(1, demand, 0, 1.0), matcher.add_call(2, demand, 0, 2.0)
    matcher.hold_call(first)
    matcher.hold_call(first)
    assert matcher.best_call(0) == second
    matcher.release_call(first)
    matcher.release_call(first)
    assert matcher.best_call(0) == first


def test_new_skills_move_an_idle_agent_with_his_idle_time(kernel: Any) -> None:
    matcher, (one, two) = floor(kernel, (1, {1: 5}, 10.0), (2, {1: 5}, 20.0))
    other = matcher.demand([(2, 1)])
    matcher.set_profile(one, matcher.profile([(2, 3)]))
    matcher.set_profile(two, matcher.profile([(2, 9)]))
    assert matcher.idle_agents(other) == [one, two]
    assert matcher.profile_of(one) != matcher.profile_of(two)


def test_the_tally_counts_by_state(kernel: Any) -> None:
    matcher, agents = floor(kernel, (1, {1: 5}, 0.0), (2, {1: 6}, 0.0), (3, {}, 0.0))
    matcher.set_state(agents[0], 4, 1.0)
    assert matcher.tally(matcher.demand([(1, 1)])) == (0, 1, 0, 0, 1) + (0,) * 11
    matcher.drop_agent(agents[1])
    assert sum(matcher.tally(matcher.demand([(1, 1)]))) == 1


def test_hundreds_of_profiles_and_demands_still_match(kernel: Any) -> None:
    matcher = kernel.Matcher()
    for skill in range(300):
        agent = matcher.add_agent(skill, matcher.profile([(skill, 5)]))
        matcher.set_state(agent, oracle.IDLE, float(skill))
        matcher.add_call(skill, matcher.demand([(skill, 5)]), 0, float(skill))
    for skill in range(300):
        assert matcher.best_agent(matcher.demand([(skill, 5)]), 0) == skill
        assert matcher.best_call(matcher.profile([(skill, 5)])) == skill
    assert all(isinstance(size, int) for size in matcher.memory())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda m: m.best_agent(9, 0),
        lambda m: m.best_agent(-1, 0),
        lambda m: m.best_agent(0, 8),
        lambda m: m.best_agent(0, -1),
        lambda m: m.next_agent(9, 0),
        lambda m: m.draw_agent(9, 0),
        lambda m: m.best_level(0, 9),
        lambda m: m.set_urgency(9, 1.0),
        lambda m: m.set_urgency(0, math.nan),
        lambda m: m.set_weight(9, 1.0),
        lambda m: m.set_weight(0, 0.0),
        lambda m: m.set_weight(0, math.inf),
        lambda m: m.profile([], order=[(1, 0), (1, 2)]),
        lambda m: m.profile([], order=[(1, -1)]),
        lambda m: m.profile([], order=[(1, 2**31 - 1)]),
        lambda m: m.best_call(0, math.nan),
        lambda m: m.set_ranks(9, 0.0, 0.0),
        lambda m: m.set_ranks(0, math.nan, 0.0),
        lambda m: m.demand_of([[(1, 2), (1, 3)]]),
        lambda m: m.demand_of([]),
        lambda m: m.best_call(9),
        lambda m: m.tally(9),
        lambda m: m.idle_agents(9),
        lambda m: m.fits(0, 9),
        lambda m: m.score(9, 0),
        lambda m: m.add_agent(1, 9),
        lambda m: m.drop_agent(9),
        lambda m: m.set_profile(9, 0),
        lambda m: m.set_profile(0, 9),
        lambda m: m.profile_of(-1),
        lambda m: m.key_of(9),
        lambda m: m.set_state(9, 0, 0.0),
        lambda m: m.set_state(0, 16, 0.0),
        lambda m: m.set_state(0, 1, math.nan),
        lambda m: m.add_call(1, 9, 0, 0.0),
        lambda m: m.add_call(1, 0, 0, math.inf),
        lambda m: m.drop_call(9),
        lambda m: m.hold_call(0),
        lambda m: m.release_call(-1),
        lambda m: m.profile([(1, 2), (1, 3)]),
        lambda m: m.demand([(1, 2), (1, 3)]),
    ],
)
def test_wrong_arguments_are_refused_and_change_nothing(kernel: Any, wrong: Any) -> None:
    matcher, agents = floor(kernel, (1, {}, 0.0))
    demand = matcher.demand([])
    with pytest.raises(ValueError, match=r"there is no|is not|twice|has no"):
        wrong(matcher)
    assert matcher.best_agent(demand, 0) == agents[0]
    assert matcher.best_call(0) == -1


def test_handles_are_used_again(kernel: Any) -> None:
    matcher, agents = floor(kernel, (1, {}, 0.0), (2, {}, 0.0))
    matcher.drop_agent(agents[0])
    with pytest.raises(ValueError, match="no agent"):
        matcher.drop_agent(agents[0])
    assert matcher.add_agent(5, 0) == agents[0]
    call = matcher.add_call(1, matcher.demand([]), 0, 0.0)
    matcher.drop_call(call)
    assert matcher.add_call(2, 0, 0, 0.0) == call


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "add_agent",
                "drop_agent",
                "set_profile",
                "state",
                "state",
                "add_call",
                "add_call",
                "drop_call",
                "hold",
                "release",
                "ranks",
                "ranks",
                "urgency",
                "weight",
                "decide",
            ]
        ),
        st.integers(0, 7),
        st.integers(0, 5),
        st.integers(0, 3),
    ),
    max_size=80,
)
PROFILES: list[dict[str, Any]] = [
    {"levels": []},
    {"levels": [(1, 5)], "order": [(7, 2)]},
    {"levels": [(1, 9), (2, 3)], "order": [(0, 1), (7, 0)]},
    {"levels": [(2, 8)], "order": [(7, 5)], "only": True},
    {"levels": [(1, 2), (2, 2), (3, 10)], "order": [(0, 4), (7, 4)]},
]
DEMANDS = [
    ([[]], 0),
    ([[(1, 1)]], 0),
    ([[(1, 5)]], 0),
    ([[(1, 5)]], 7),
    ([[(2, 3)], [(1, 8)]], 0),
    ([[(1, 1), (2, 2)], [(3, 9)], [(2, 5)]], 7),
]


def play(kernel: Any, steps: list[tuple[str, int, int, int]]) -> list[Any]:
    """Everything a matcher answers to a history."""
    matcher = kernel.Matcher()
    seen: list[Any] = []
    agents: list[int] = []
    calls: list[int] = []
    for clock, (step, a, b, c) in enumerate(steps):
        agent = agents[a % len(agents)] if agents else -1
        call = calls[a % len(calls)] if calls else -1
        if step == "add_agent":
            agents.append(matcher.add_agent(a * 100 + clock, matcher.profile(**PROFILES[b % 5])))
        elif step == "drop_agent" and agents:
            agents.remove(agent)
            matcher.drop_agent(agent)
        elif step == "set_profile" and agents:
            matcher.set_profile(agent, matcher.profile(**PROFILES[b % 5]))
        elif step == "state" and agents:
            matcher.set_state(agent, b % 3, float(clock // 3))
        elif step == "add_call":
            ways, line = DEMANDS[b % 6]
            demand = matcher.demand_of(ways, line=line)
            calls.append(matcher.add_call(clock, demand, c, float(a)))
        elif step == "drop_call" and calls:
            calls.remove(call)
            matcher.drop_call(call)
        elif step == "hold" and calls:
            matcher.hold_call(call)
        elif step == "release" and calls:
            matcher.release_call(call)
        elif step == "ranks" and agents:
            matcher.set_ranks(agent, b / 4 - 0.5, float(c))
        elif step == "urgency":
            ways, line = DEMANDS[b % 6]
            matcher.set_urgency(matcher.demand_of(ways, line=line), float(c))
        elif step == "weight":
            ways, line = DEMANDS[b % 6]
            matcher.set_weight(matcher.demand_of(ways, line=line), (1.0, 0.25, 3.0, 1e300)[c])
        # A rule may come into use at any moment of the history.
        rules = oracle.RULES if clock > 5 or a % 2 else 3
        for ways, line in DEMANDS:
            demand = matcher.demand_of(ways, line=line)
            seen.append([matcher.best_agent(demand, rule) for rule in range(rules)])
            seen.append([matcher.next_agent(demand, key) for key in (-1, 300, 620)])
            seen.append(
                [matcher.draw_agent(demand, clock + 2**63, by_score=by) for by in (False, True)]
            )
            seen.append((matcher.tally(demand), matcher.idle_agents(demand)))
        for served in PROFILES:
            profile = matcher.profile(**served)
            seen.append([matcher.best_call(profile, now) for now in (0.0, clock / 4, 1e308)])
    return seen


@pytest.mark.skipif(PURE_PYTHON, reason="nothing to compare with")
@given(STEPS)
def test_compiled_and_plain_decide_alike(steps: list[tuple[str, int, int, int]]) -> None:
    assert play(_acd, steps) == play(oracle, steps)


@pytest.mark.parametrize(
    ("rule", "winner"),
    [
        (oracle.LEAST_OCCUPIED, 2),
        (oracle.FEWEST_CALLS, 1),
        (oracle.LINEAR, 0),
        (oracle.EXPERT_LONGEST_IDLE, 1),
        (oracle.EXPERT_LEAST_OCCUPIED, 2),
    ],
)
def test_rules_by_what_an_agent_did(kernel: Any, rule: int, winner: int) -> None:
    needs = [(1, 1), (2, 1)]
    matcher, agents = floor(
        kernel,
        (1, {1: 7, 2: 7}, 5.0),
        (2, {1: 9, 2: 1}, 10.0),
        (3, {1: 1, 2: 9}, 30.0),
    )
    for handle, occupancy, handled in zip(agents, (0.3, 0.5, 0.1), (4, 1, 2), strict=True):
        matcher.set_ranks(handle, occupancy, handled)
    assert matcher.best_agent(matcher.demand(needs), rule) == agents[winner]


def test_the_next_agent_follows_the_last_offered_one_round_the_table(kernel: Any) -> None:
    matcher, agents = floor(kernel, (5, {}, 1.0), (2, {}, 2.0), (9, {}, 3.0))
    demand = matcher.demand([])
    assert [matcher.next_agent(demand, key) for key in (-1, 2, 4, 5, 8, 9)] == [
        agents[n] for n in (1, 0, 0, 2, 2, 1)
    ]


def test_draws_are_fair_and_follow_the_tickets(kernel: Any) -> None:
    matcher, agents = floor(kernel, (1, {1: 1}, 0.0), (2, {1: 3}, 0.0), (3, {1: 6}, 0.0))
    demand = matcher.demand([(1, 1)])
    even = [matcher.draw_agent(demand, lot * 7919) for lot in range(3000)]
    tickets = [matcher.draw_agent(demand, lot * 7919, by_score=True) for lot in range(3000)]
    # Three standard deviations of a binomial of 3000 draws.
    for handle, share in zip(agents, (1, 3, 6), strict=True):
        assert even.count(handle) == pytest.approx(1000, abs=78)
        assert tickets.count(handle) == pytest.approx(300 * share, abs=82)


def test_any_alternative_lets_an_agent_serve_and_the_best_one_scores(kernel: Any) -> None:
    matcher, _ = floor(kernel, (1, {1: 5, 2: 3, 3: 9}, 0.0))
    either = matcher.demand_of([[(1, 4), (2, 4)], [(1, 4), (3, 2)]])
    assert matcher.fits(0, either)
    assert (matcher.score(0, either), matcher.best_level(0, either)) == (14, 9)
    assert matcher.demand_of([[(3, 2), (1, 4)], [(2, 4), (1, 4)]]) == either
    assert not matcher.fits(0, matcher.demand_of([[(1, 6)], [(2, 4)]]))


def test_urgent_lines_are_served_first(kernel: Any) -> None:
    matcher, _ = floor(kernel, (1, {}, 0.0))
    calm, urgent = matcher.demand([], line=1), matcher.demand([], line=2)
    assert calm != urgent
    first = matcher.add_call(1, calm, 9, 0.0)
    second = matcher.add_call(2, urgent, 0, 5.0)
    assert matcher.best_call(0) == first
    matcher.set_urgency(urgent, 0.5)
    assert matcher.best_call(0) == second
    matcher.set_urgency(calm, 0.5)
    assert matcher.best_call(0) == first


def test_an_agent_serves_the_lines_of_his_order_first(kernel: Any) -> None:
    matcher = kernel.Matcher()
    first, second, other = (matcher.demand([], line=line) for line in (4, 7, 9))
    plain = matcher.profile([])
    ordered = matcher.profile([], order=[(7, 1), (4, 0)])
    calls = {
        other: matcher.add_call(1, other, 9, 0.0),
        second: matcher.add_call(2, second, 5, 1.0),
        first: matcher.add_call(3, first, 0, 2.0),
    }
    matcher.set_urgency(other, 100.0)
    assert matcher.profile([], order=[(4, 0), (7, 1)]) == ordered != plain
    assert matcher.best_call(plain) == calls[other]
    for demand in (first, second, other):
        assert matcher.best_call(ordered) == calls[demand]
        matcher.drop_call(calls[demand])
    assert matcher.best_call(ordered) == -1


def test_an_agent_of_certain_lines_serves_no_other(kernel: Any) -> None:
    matcher = kernel.Matcher()
    profile = matcher.profile([(1, 5)], order=[(4, 0)], only=True)
    nothing = matcher.profile([(1, 5)], only=True)
    mine, other = matcher.demand([(1, 1)], line=4), matcher.demand([(1, 1)], line=5)
    agent = matcher.add_agent(1, profile)
    matcher.set_state(agent, oracle.IDLE, 0.0)
    assert (matcher.fits(profile, mine), matcher.fits(profile, other)) == (True, False)
    assert (matcher.fits(nothing, mine), matcher.score(nothing, mine)) == (False, 5)
    assert (matcher.best_agent(mine, 0), matcher.best_agent(other, 0)) == (agent, -1)
    matcher.add_call(1, other, 9, 0.0)
    assert matcher.best_call(profile) == -1


def test_weights_multiply_the_wait(kernel: Any) -> None:
    matcher, _ = floor(kernel, (1, {}, 0.0))
    light, heavy = matcher.demand([], line=1), matcher.demand([], line=2)
    matcher.set_weight(heavy, 3.0)
    long = matcher.add_call(1, light, 0, 0.0)
    short = matcher.add_call(2, heavy, 0, 20.0)
    # 25 s against 3 x 5 s, 30 s against 3 x 10 s, 31 s against 3 x 11 s.
    assert [matcher.best_call(0, now) for now in (25.0, 30.0, 31.0)] == [long, long, short]
    vip = matcher.add_call(3, light, 1, 30.0)
    assert matcher.best_call(0, 31.0) == vip
