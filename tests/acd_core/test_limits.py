"""Whom a queue refuses, and when it gives up those who wait for agents who are not there."""

from typing import Any

import msgspec
import pytest

from acd_core import events as told
from acd_core.agent import AgentState
from acd_core.call_queue import NoAgents, QueueConfig
from acd_core.commands import CallRefused, CallTimedOut, LeaveReason, RefuseReason
from acd_core.errors import ConfigurationFault
from acd_core.ids import QueueId, SkillId
from acd_core.skills import Requirement


def refused(commands: list[Any]) -> RefuseReason | None:
    return next((c.reason for c in commands if isinstance(c, CallRefused)), None)


@pytest.mark.parametrize(
    ("ratio", "agents", "waiting", "why"),
    [
        # metrics.md section 5: 3 callers for 2 agents are over 1; 6 for 12 are not over 0.5.
        (1.0, 2, 2, RefuseReason.RATIO),
        (0.5, 12, 5, None),
        (0.5, 12, 6, RefuseReason.RATIO),
        (0.1, 1, 0, None),
    ],
)
def test_the_ratio_of_callers_to_agents_is_limited(
    floor: Any, ratio: float, agents: int, waiting: int, why: RefuseReason | None
) -> None:
    floor.queue(max_ratio=ratio)
    for number in range(1, agents + 1):
        floor.agent(number)
        floor.tell(told.AgentPaused(agent=number, reason="x"))
    for number in range(waiting):
        # They wait already; a wider limit let them in.
        floor.queue(max_ratio=100.0)
        floor.call(number)
    floor.queue(max_ratio=ratio)
    assert refused(floor.call(99)) == why


def test_a_long_estimated_wait_refuses_unless_the_queue_is_empty(floor: Any) -> None:
    floor.queue(max_estimate_s=100.0)
    floor.agent(1)
    floor.offered(0)
    floor.answer(0, 1)
    # 90 s are reckoned with until handling times are known.
    assert refused(floor.call(1)) is None
    assert refused(floor.call(2)) is RefuseReason.LONG_WAIT
    assert floor.line().visits.refused == 1
    floor.tell(told.AgentLoggedOut(agent=1))
    floor.tell(told.CallAbandoned(call=1))
    floor.tell(told.CallEnded(call=0))
    assert refused(floor.call(3)) is None
    assert refused(floor.call(4)) is RefuseReason.LONG_WAIT


@pytest.mark.parametrize(
    ("absent", "refuses"),
    [
        ((), False),
        ((AgentState.PAUSED,), True),
        ((AgentState.UNREACHABLE, AgentState.WRAP_UP), False),
    ],
)
def test_which_states_count_as_nobody_is_a_list(
    floor: Any, absent: tuple[AgentState, ...], refuses: bool
) -> None:
    floor.queue(no_agents=NoAgents.REFUSE, absent=absent)
    assert refused(floor.call(0)) is RefuseReason.NO_AGENTS
    floor.agent(1)
    floor.tell(told.AgentPaused(agent=1, reason="lunch"))
    assert (refused(floor.call(1)) is RefuseReason.NO_AGENTS) == refuses


def test_callers_leave_when_the_last_agent_enters_an_absent_state(floor: Any) -> None:
    floor.queue(no_agents=NoAgents.LEAVE, absent=(AgentState.TALKING, AgentState.RINGING))
    floor.queue(2)
    floor.agent(1)
    assert floor.offered(0, queue=2) == 1
    floor.call(1)
    # Reserved is not in the list; ringing is.
    commands = floor.tell(told.OfferRinging(call=0, agent=1))
    left = [c for c in commands if isinstance(c, CallTimedOut)]
    assert [(c.call, c.reason) for c in left] == [(1, LeaveReason.NO_AGENTS)]
    assert refused(floor.call(2)) is RefuseReason.NO_AGENTS


def test_an_unreachable_agent_may_count_as_present(floor: Any) -> None:
    floor.queue(no_agents=NoAgents.LEAVE, absent=())
    floor.agent(1)
    floor.tell(told.AgentUnreachable(agent=1))
    assert refused(floor.call(1)) is None
    floor.tell(told.AgentLoggedOut(agent=1))
    assert floor.order() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_estimate_s": 0.0},
        {"max_estimate_s": float("nan")},
        {"max_ratio": -1.0},
        {"absent": (AgentState.READY,)},
    ],
)
def test_wrong_limits_are_refused(floor: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationFault):
        floor.queue(**wrong)


def test_a_queue_of_an_older_journal_is_read_with_the_defaults() -> None:
    old = {
        "type": "QueueConfigured",
        "version": 3,
        "config": {
            "queue": 7,
            "name": "sales",
            "required": [[1, 3]],
            "strategy": "most_skilled",
            "priority": 0,
            "offer_s": 20.0,
            "wrap_up_s": 0.0,
            "max_waiting": None,
            "max_wait_s": None,
            "no_agents": "wait",
            "misses_to_pause": 1,
            "miss_rest_s": 5.0,
            "connect_s": 10.0,
            "service_level_s": 20.0,
        },
    }
    event = told.decode(msgspec.msgpack.encode(old))
    assert event == told.QueueConfigured(
        config=QueueConfig(
            queue=QueueId(7),
            name="sales",
            required=(Requirement(SkillId(1), 3),),
            strategy="most_skilled",
        ),
        version=3,
    )
