"""Identifiers, tables, events as bytes, rules, the load generator."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core import agent as agents
from acd_core.errors import AcdError, ConfigurationFault, IdFault, IllegalTransition, UnknownRule
from acd_core.events import AgentReady, CallOffered, Preference, decode, encode
from acd_core.floor import contact as contacts
from acd_core.ids import EPOCH_MS, LARGEST, IdSource, created_ms, from_text, to_text
from acd_core.routing.registry import find_strategy, strategies, strategy
from acd_core.simulation.load import Scenario, run
from acd_core.skills import Requirement, merge


def test_identifiers_rise_even_when_the_clock_stands_or_steps_back() -> None:
    times = itertools.chain([1_800_000_000.0] * 5000, [1_799_999_999.0] * 5)
    source = IdSource(lambda: next(times), node=5)
    made = [source() for _ in range(5005)]
    assert made == sorted(set(made))
    assert created_ms(made[0]) == 1_800_000_000_000
    assert made[0] >> 12 & 1023 == 5
    assert made[0] < LARGEST


def test_a_node_number_is_ten_bits() -> None:
    with pytest.raises(IdFault):
        IdSource(lambda: EPOCH_MS / 1000, node=1024)


@given(st.integers(0, LARGEST))
def test_identifiers_survive_text(identifier: int) -> None:
    text = to_text(identifier)
    assert len(text) == 13
    assert from_text(text.lower()) == identifier


@given(st.text(max_size=20))
def test_any_text_is_an_identifier_or_an_id_fault(text: str) -> None:
    try:
        identifier = from_text(text)
    except IdFault:
        return
    assert 0 <= identifier <= LARGEST


def test_look_alikes_are_read_as_digits() -> None:
    assert from_text("0OoIl00000000") == from_text("0001100000000")


def test_a_text_above_63_bits_is_no_identifier() -> None:
    with pytest.raises(IdFault, match="above 63 bits"):
        from_text("ZZZZZZZZZZZZZ")


@pytest.mark.parametrize("identifier", [-1, LARGEST + 1])
def test_numbers_beyond_63_bits_are_no_identifiers(identifier: int) -> None:
    with pytest.raises(IdFault):
        to_text(identifier)


def reachable(edges: set[tuple[Any, Any]], start: Any) -> set[Any]:
    seen, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for source, target in edges:
            if source == here and target not in seen:
                seen.add(target)
                todo.append(target)
    return seen


def test_the_agent_table_has_no_unreachable_state_and_no_trap() -> None:
    state = agents.AgentState
    rests = (state.READY, state.PAUSED, state.BUSY, state.UNREACHABLE, state.LOGGED_OUT)
    edges = set()
    for (source, _), target in agents.TABLE.items():
        match target:
            case agents.Rest.REST:
                edges |= {(source, rest) for rest in rests}
            case agents.Rest.AFTER_CALL:
                edges |= {(source, to) for to in (*rests, state.WRAP_UP)}
            case agents.Rest.SAME:
                continue
            case _:
                edges.add((source, target))
    assert reachable(edges, state.LOGGED_OUT) == set(state)
    for source in state:
        assert state.LOGGED_OUT in reachable(edges, source)
    with pytest.raises(IllegalTransition):
        agents.follow(state.LOGGED_OUT, agents.AgentStep.ANSWER)


def test_the_call_table_has_no_unreachable_state_and_one_end() -> None:
    state = contacts.ContactState
    edges = {(source, target) for (source, _), target in contacts.TABLE.items()}
    assert reachable(edges, state.WAITING) == set(state)
    assert {s for s in state if not any(source is s for source, _ in edges)} == {state.LEFT}
    for source in state:
        assert state.LEFT in reachable(edges, source)


def test_events_survive_bytes() -> None:
    event = CallOffered(
        call=2**62,
        queue=3,
        ani="+4930",
        requirements=(Requirement(1, 4),),
        preferred=7,
        preference=Preference.NAMED,
    )
    assert decode(encode(event)) == event
    with pytest.raises(AcdError, match="not an event"):
        decode(encode(event)[:-1])


def test_requirements_join_to_the_higher_level() -> None:
    joined = merge((Requirement(2, 3), Requirement(1)), (Requirement(2, 5),))
    assert joined == ((1, 1), (2, 5))
    with pytest.raises(ConfigurationFault):
        merge((Requirement(1, 0),))


def test_rules_are_found_by_name() -> None:
    assert {"longest_idle", "most_skilled", "least_skilled"} <= set(strategies())
    assert find_strategy("longest_idle").zh
    with pytest.raises(UnknownRule, match="known are"):
        find_strategy("astrology")


def test_a_rules_number_is_given_once() -> None:
    with pytest.raises(ConfigurationFault, match="taken"):
        strategy("other", number=1, version=1, en="", zh="")(lambda matcher, demand: -1)


def test_a_ready_event_is_small() -> None:
    assert len(encode(AgentReady(agent=12))) < 32


def test_the_load_generator_assigns_every_call() -> None:
    ticks = itertools.count()
    figures = run(2.0, lambda: float(next(ticks)), Scenario(agents=6, queues=3, waiting=5))
    assert figures.assignments >= 100
    assert figures.assignments_per_s == figures.assignments / figures.seconds
