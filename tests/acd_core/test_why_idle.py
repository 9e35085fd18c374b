"""Why an agent gets no calls, in both languages."""

import pytest

from acd_core.agent import AgentState
from acd_core.floor.why_idle import Lack, Served, why_idle
from acd_core.snapshot import AgentView, QueueView, Visits, WaitingCall

NOW = 10_000.0


def agent(number: int = 1, state: AgentState = AgentState.READY, **more: object) -> AgentView:
    settings: dict[str, object] = {
        "agent": number,
        "name": f"agent {number}",
        "state": state,
        "since": NOW - 75.0,
        "station": "2001",
        "reason": "",
        "next_reason": "",
        "call": None,
        "queue": None,
        "until": None,
        "misses": 0,
    }
    return AgentView(**(settings | more))  # type: ignore[arg-type]


def waiting(call: int, **more: object) -> WaitingCall:
    settings: dict[str, object] = {
        "call": call,
        "position": call,
        "ani": "",
        "priority": 0,
        "entered": NOW,
        "waited_s": 0.0,
        "offers": 0,
        "agent": None,
        "preferred": None,
    }
    return WaitingCall(**(settings | more))  # type: ignore[arg-type]


def queue(*calls: WaitingCall, **more: object) -> Served:
    view = QueueView(
        queue=1, name="sales", waiting=calls, agents=1, ready=1, talking=0, visits=Visits()
    )
    return Served(view=view, name="sales", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("view", "en", "zh"),
    [
        (agent(), "ready for 1:15", "已就绪 1:15"),
        (agent(state=AgentState.LOGGED_OUT), "logged out for 1:15", "已退出 1:15"),
        (
            agent(state=AgentState.PAUSED, reason="lunch"),
            "paused for 1:15: lunch",
            "暂停 1:15：lunch",
        ),
        (
            agent(state=AgentState.PAUSED, reason="rona", until=NOW + 5),
            "paused for 1:15: the station rang and nobody answered, 0:05 left",
            "暂停 1:15：座机振铃无人接听，还剩 0:05",
        ),
        (
            agent(state=AgentState.PAUSED, reason="login"),
            "logged in 1:15 ago and not ready yet",
            "1:15前登录，尚未置为就绪",
        ),
        (
            agent(state=AgentState.WRAP_UP, until=NOW + 20, since=NOW - 3700),
            "after-call work for 1:01:40, 0:20 left",
            "话后处理 1:01:40，还剩 0:20",
        ),
    ],
)
def test_the_state_is_said_first(view: AgentView, en: str, zh: str) -> None:
    first = why_idle(view, [queue()], NOW)[0]
    assert (first.en, first.zh) == (en, zh)


@pytest.mark.parametrize("state", list(AgentState))
def test_every_state_has_words(state: AgentState) -> None:
    first = why_idle(agent(state=state, reason="x"), [], NOW)[0]
    assert first.en
    assert first.zh != first.en


def test_missing_skills_are_named() -> None:
    lacks = (Lack("english", 3, 0), Lack("billing", 5, 2))
    said = [one.en for one in why_idle(agent(), [queue(lacks=lacks)], NOW)]
    assert "queue sales wants english at level 3, the agent has not got it" in said
    assert "queue sales wants billing at level 5, the agent has level 2" in said
    assert said[-1] == "serves no queue"


def test_an_expression_that_is_not_satisfied_is_shown() -> None:
    said = why_idle(agent(), [queue(unmet="english>=3 or billing")], NOW)
    assert said[1].en == (
        "queue sales wants english>=3 or billing, which the agent's skills do not give"
    )
    assert said[-1].en == "serves no queue"


def test_nobody_waits() -> None:
    assert why_idle(agent(), [queue()], NOW)[-1].en == "queue sales: nobody waits"


def test_callers_may_be_for_others() -> None:
    calls = (waiting(1), waiting(2, preferred=7), waiting(3, agent=8))
    said = [one.en for one in why_idle(agent(), [queue(*calls)], NOW)]
    assert said[1:] == [
        "queue sales: 3 callers wait",
        "queue sales: 1 of them wait for one agent alone",
        "queue sales: 1 of them ring at another agent",
    ]


def test_who_is_idle_longer_comes_first() -> None:
    others = (
        agent(2, since=NOW - 100),
        agent(3, since=NOW - 10),
        agent(4, since=NOW - 200),
        agent(5, AgentState.TALKING, since=NOW - 900),
    )
    said = why_idle(agent(), [queue(others=others)], NOW)[-1]
    assert said.en == "queue sales: 2 others are idle longer: agent 4, agent 2"
    assert said.zh == "队列 sales：有 2 名坐席空闲更久：agent 4、agent 2"


def test_a_pause_to_come_and_misses_are_said() -> None:
    view = agent(state=AgentState.TALKING, next_reason="tea", misses=2)
    said = [one.en for one in why_idle(view, [queue()], NOW)]
    assert said[1:3] == [
        "a pause is waiting for the end of the present work: tea",
        "missed 2 offers in a row",
    ]
