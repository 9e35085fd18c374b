"""Every setting of a queue counts for callers who wait already, as if it had always been so."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from acd_core import events as told
from acd_core.agent import AgentState
from acd_core.call_queue import CallRule, NoAgents, QueueConfig, Widening
from acd_core.commands import (
    AgentStateChanged,
    AnnounceToCaller,
    CallbackKept,
    CallbackOver,
    CallMoved,
    CallRefused,
    CallTimedOut,
    DialCallback,
    OfferToAgent,
    WithdrawOffer,
)
from acd_core.errors import AcdError
from acd_core.opening_hours import parse_hours
from acd_core.queue_life.options import Announcements, CallbackRules, Closing, Overflow
from acd_core.skills import Requirement
from tests.acd_core.conftest import Floor

NEEDS_1, NEEDS_2 = (Requirement(1, 1),), (Requirement(2, 1),)
# The floor's clock begins at 1000 s: Thursday, 00:16:40 UTC.
OPEN = parse_hours("UTC", {"thu": ["00:00-00:20"]}, {})


def nothing(_floor: Floor) -> None:
    """Nobody is there."""


class Case(NamedTuple):
    """One setting: what is so before, what is changed, and what happens then."""

    field: str
    value: Any
    play: Callable[[Floor], Any]
    """What happens after the change; returns what shows the difference."""
    base: dict[str, Any]
    setup: Callable[[Floor], None]
    """What is so when callers wait already."""


def seen(commands: Any) -> list[Any]:
    """What people notice of commands."""
    shown = []
    for c in commands:
        match c:
            case OfferToAgent(call=call, agent=agent):
                shown.append(("offer", call, agent))
            case WithdrawOffer(call=call, why=why):
                shown.append(("withdraw", call, why))
            case CallTimedOut(call=call, reason=reason) | CallRefused(call=call, reason=reason):
                shown.append((type(c).__name__, call, reason))
            case CallMoved(call=call, queue=queue):
                shown.append(("moved", call, queue))
            case AnnounceToCaller(call=call, position=position):
                shown.append(("told", call, position))
            case CallbackKept(call=call) | DialCallback(call=call) | CallbackOver(call=call):
                shown.append((type(c).__name__, call))
            case AgentStateChanged(agent=agent, state=state) if state is not AgentState.RESERVED:
                shown.append(("agent", agent, state))
            case _:
                pass
    return shown


def run(floor: Floor, seconds: float) -> list[Any]:
    """Let so many seconds pass, with all deadlines in them."""
    until, shown = floor.now + seconds, []
    while (due := floor.engine.next_deadline()) is not None and due <= until:
        floor.now = max(due, floor.now)
        when = round(floor.now, 6)
        shown += [(when, *one) for one in seen(floor.tell(told.DeadlineReached()))]
    floor.now = until
    return shown


def calls(*numbers: int, **more: Any) -> Callable[[Floor], None]:
    def setup(floor: Floor) -> None:
        for number in numbers:
            floor.call(number, **more)

    return setup


def agents(floor: Floor) -> Any:
    """Two agents come; who gets what?"""
    return [seen(floor.agent(1, {1: 5})), seen(floor.agent(2, {2: 9}))]


def two_queues(floor: Floor) -> Any:
    """One agent for both queues: which caller is first?"""
    return [seen(floor.agent(1, {1: 5}))[-1:], seen(floor.tell(told.CallAbandoned(call=1)))]


def other_queue(**settings: Any) -> Callable[[Floor], None]:
    def setup(floor: Floor) -> None:
        floor.queue(2, **settings)
        floor.call(1, queue=1)
        floor.call(2, queue=2)
        floor.call(3, queue=1)

    return setup


def free_agents(floor: Floor) -> None:
    """Two callers wait for one skill; agents with it are paused."""
    for number in (1, 2, 3):
        floor.agent(number, {1: number, 2: 10 - number})
        floor.tell(told.AgentPaused(agent=number, reason="x"))
    for number in (3, 1, 2):
        floor.tell(told.AgentBusy(agent=number))
        floor.tell(told.AgentReady(agent=number), 1.0)
    floor.call(1)
    floor.call(2)


def freed_together(floor: Floor) -> Any:
    """All become free while nobody waits, then callers come."""
    for call in (1, 2):
        floor.tell(told.CallAbandoned(call=call))
    for number in (3, 1, 2):
        floor.tell(told.AgentFree(agent=number), 1.0)
    return [seen(floor.call(number)) for number in (11, 12, 13)]


def shared(floor: Floor) -> Any:
    """Who gets each of some calls, one after the other?"""
    freed_together(floor)
    for agent, call in ((3, 11), (1, 12), (2, 13)):
        floor.tell(told.OfferRejected(call=call, agent=agent))
        floor.tell(told.CallAbandoned(call=call))
        floor.tell(told.AgentReady(agent=agent))
    got = []
    for call in range(21, 27):
        agent = floor.offered(call)
        assert agent is not None
        floor.answer(call, agent)
        floor.tell(told.CallEnded(call=call), 1.0)
        got.append(agent)
    return got


def offered(floor: Floor) -> None:
    floor.call(1)
    floor.call(2)


def rings_out(floor: Floor) -> Any:
    return [seen(floor.agent(1, {1: 5})), run(floor, 60.0)]


def answers(floor: Floor) -> Any:
    """The first caller is answered and done with."""
    floor.agent(1, {1: 5})
    floor.tell(told.OfferAccepted(call=1, agent=1))
    shown = run(floor, 5.0)
    try:
        floor.tell(told.CallAnswered(call=1, agent=1))
        shown += seen(floor.tell(told.CallEnded(call=1), 5.0))
    except AcdError as error:
        shown.append(("refused", type(error).__name__))
    return shown


def busy(floor: Floor) -> None:
    """One agent at work, two callers."""
    floor.agent(9, {1: 5})
    floor.tell(told.AgentBusy(agent=9))
    floor.call(1)
    floor.call(2)


def one_more(floor: Floor) -> Any:
    return [seen(floor.call(3)), run(floor, 5.0)]


def paused(floor: Floor) -> Any:
    floor.tell(told.AgentFree(agent=9))
    floor.tell(told.CallAbandoned(call=1))
    return [
        seen(floor.tell(told.AgentPaused(agent=9, reason="x"))),
        seen(floor.call(3)),
        seen(floor.tell(told.AgentLoggedOut(agent=9))),
    ]


def neighbour(floor: Floor) -> None:
    floor.queue(2, required=NEEDS_2)
    floor.agent(9, {1: 5, 2: 5})
    floor.tell(told.AgentBusy(agent=9))
    floor.call(1)


def wait(seconds: float) -> Callable[[Floor], Any]:
    return lambda floor: run(floor, seconds)


def take_callback(floor: Floor) -> Any:
    try:
        shown = seen(floor.tell(told.CallbackTaken(call=2, number="1")))
    except AcdError:
        return "refused"
    return [shown, run(floor, 30.0)]


def level(floor: Floor) -> Any:
    """Answered after 12 s: within the threshold or not?"""
    floor.agent(1, {1: 5}, after=12.0)
    floor.answer(1, 1)
    return floor.line().visits.answered_in_time


WAY = (Overflow(to=(2,), after_s=20.0),)
CASES = [
    Case("name", "sales", lambda floor: floor.line().name, {}, nothing),
    Case("required", NEEDS_2, agents, {"required": NEEDS_1}, calls(1)),
    Case("any_of", (NEEDS_2,), agents, {"any_of": (NEEDS_1,)}, calls(1)),
    Case(
        "widening",
        (Widening(after_s=20.0, any_of=(NEEDS_1,)),),
        lambda floor: [agents(floor), run(floor, 30.0)],
        {"required": (Requirement(3, 1),)},
        calls(1),
    ),
    Case("strategy", "linear", freed_together, {"required": NEEDS_1}, free_agents),
    Case("priority", -5, two_queues, {}, other_queue()),
    Case("call_rule", CallRule.GREATEST_NEED, two_queues, {"priority": -1}, other_queue()),
    Case(
        "aging_s",
        0.5,
        two_queues,
        {"priority": -1, "call_rule": CallRule.AGING},
        other_queue(call_rule=CallRule.AGING),
    ),
    Case(
        "call_share",
        0,
        two_queues,
        {"call_rule": CallRule.PERCENT, "call_share": 90},
        other_queue(call_rule=CallRule.PERCENT, call_share=10),
    ),
    Case(
        "weight",
        0.1,
        lambda floor: (floor.due(60.0), two_queues(floor))[1],
        {"call_rule": CallRule.WEIGHTED},
        other_queue(call_rule=CallRule.WEIGHTED),
    ),
    Case(
        "ring_step_s",
        3.0,
        lambda floor: [agents(floor), run(floor, 15.0)],
        {"strategy": "ring_progressively", "ring_step_s": 8.0, "offer_s": 30.0},
        calls(1),
    ),
    Case("hours", OPEN, wait(3600.0), {"closing": Closing.LEAVE}, calls(1, 2)),
    Case("closing", Closing.LEAVE, wait(3600.0), {"hours": OPEN}, calls(1, 2)),
    Case("unattended", True, one_more, {}, calls(1)),
    Case("overflow", WAY, wait(60.0), {"required": NEEDS_1}, neighbour),
    Case("max_overflows", 0, wait(60.0), {"required": NEEDS_1, "overflow": WAY}, neighbour),
    Case("announcements", Announcements(), wait(120.0), {}, calls(1, 2)),
    Case("callback", CallbackRules(), take_callback, {}, busy),
    Case("offer_s", 7.0, rings_out, {"misses_to_pause": 9}, offered),
    Case("wrap_up_s", 30.0, answers, {}, offered),
    Case("max_waiting", 2, one_more, {}, busy),
    Case("max_wait_s", 40.0, wait(100.0), {}, calls(1, 2)),
    Case("max_estimate_s", 200.0, one_more, {}, busy),
    Case("max_ratio", 2.0, one_more, {}, busy),
    Case("no_agents", NoAgents.LEAVE, paused, {}, busy),
    Case("absent", (AgentState.PAUSED,), paused, {"no_agents": NoAgents.LEAVE}, busy),
    Case("misses_to_pause", 3, rings_out, {"miss_rest_s": 2.0}, offered),
    Case("miss_rest_s", 15.0, rings_out, {"misses_to_pause": 9}, offered),
    Case("connect_s", 2.0, answers, {}, offered),
    Case("service_level_s", 5.0, level, {}, calls(1)),
    Case(
        "seed",
        4711,
        freed_together,
        {"strategy": "random", "required": NEEDS_1},
        free_agents,
    ),
    Case(
        "shares",
        {1: 1, 2: 50, 3: 1},
        shared,
        {"strategy": "percent_allocation", "shares": {1: 50, 2: 1, 3: 1}, "required": NEEDS_1},
        free_agents,
    ),
]
# Proven where they are at home, for they need a past: test_call_order.py,
# test_announcements.py and test_reserves.py; a medium is that of new contacts only.
ELSEWHERE = {
    "queue",
    "medium",
    "service_target",
    "reserve_below",
    "reserve_over_s",
    "estimate_error_limit",
}


def test_every_setting_has_a_case() -> None:
    assert {case.field for case in CASES} | ELSEWHERE == set(QueueConfig.__struct_fields__)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.field)
def test_a_changed_setting_counts_for_those_who_wait(case: Case) -> None:
    changed = {**case.base, case.field: case.value}

    def played(first: dict[str, Any], then: dict[str, Any]) -> Any:
        floor = Floor()
        floor.queue(1, **first)
        case.setup(floor)
        before = floor.now
        floor.queue(1, **then)
        return (case.play(floor), before)

    late, always = played(case.base, changed), played(changed, changed)
    assert late == always
    assert late != played(case.base, case.base)


def test_no_count_is_lost_by_a_change(floor: Floor) -> None:
    floor.queue(strategy="longest_idle")
    floor.agent(1)
    for call in range(3):
        floor.answer(call, floor.offered(call) or 0)
        floor.tell(told.CallEnded(call=call), after=5.0)
    floor.tell(told.AgentPaused(agent=1, reason="lunch"))
    floor.call(7)
    floor.tell(told.CallAbandoned(call=7), after=9.0)
    floor.call(8)
    before, scores = floor.line().visits, floor.line().estimators
    counts = (before.offered, before.answered, before.abandoned, before.in_system)
    assert counts == (5, 3, 1, 1)
    config = QueueConfig(queue=1, name="renamed", strategy="fewest_calls", priority=3)  # type: ignore[arg-type]
    floor.tell(told.QueueConfigured(config=config, version=2))
    floor.tell(told.SkillsChanged(agent=1, skills={5: 5}, version=2))  # type: ignore[dict-item,arg-type]
    assert floor.line().visits == before
    assert [(s.scored, s.error) for s in floor.line().estimators] == [
        (s.scored, s.error) for s in scores
    ]
    assert floor.view(1).state is AgentState.PAUSED
