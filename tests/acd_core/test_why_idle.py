"""Why an agent gets no calls, in both languages."""

from typing import Any

import pytest

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState, Medium
from acd_core.call_queue import CallerTier
from acd_core.eligibility.standing import Standing
from acd_core.errors import UnknownAgent
from acd_core.floor.why_idle import Lack, Served, why_idle
from acd_core.skills import Requirement
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


def words(view: AgentView, *served: Served) -> list[str]:
    said = why_idle(view, served, NOW)
    assert all(sentence.zh and sentence.zh != sentence.en for sentence in said)
    return [sentence.en for sentence in said]


@pytest.mark.parametrize(
    ("standing", "en"),
    [
        ({"member": False}, "queue sales: the agent serves other queues only"),
        (
            {"in_reserve": True},
            "queue sales: the agent is in reserve, and the queue is within its limits",
        ),
        (
            {"medium": Medium.CHAT, "served": False},
            "queue sales: the agent has no capacity for chats",
        ),
    ],
)
def test_what_bars_an_agent_from_a_queue_is_said(standing: dict[str, Any], en: str) -> None:
    served = queue(waiting(5), standing=Standing(queue=1, **standing))
    assert words(agent(), served)[1:] == [en, "serves no queue"]


@pytest.mark.parametrize(
    ("standing", "en"),
    [
        ({"place": 2, "of_places": 3}, "queue sales: place 2 of 3 in the agent's own order"),
        ({"of_places": 3}, "queue sales: after all that the agent's own order names"),
        (
            {"apart": 1},
            "queue sales: 1 of them wait for agents of their green channel alone",
        ),
        ({"room": False}, "queue sales: no room for one more, the agent has 2 contacts"),
    ],
)
def test_what_puts_callers_behind_or_apart_is_said(standing: dict[str, Any], en: str) -> None:
    served = queue(waiting(5), standing=Standing(queue=1, **standing))
    assert en in words(agent(contacts=(8, 9)), served)


def test_a_queue_at_the_first_place_is_not_behind() -> None:
    served = queue(waiting(5), standing=Standing(queue=1, place=1, of_places=3))
    assert words(agent(), served) == ["ready for 1:15", "queue sales: 1 callers wait"]


def test_who_has_no_room_at_all_is_told_so() -> None:
    view = agent(state=AgentState.BUSY, contacts=(8, 9))
    assert words(view, queue())[0] == "as many contacts as there is room for, 2, for 1:15"


def test_the_engine_says_how_an_agent_stands(floor: Any) -> None:
    floor.queue(1, required=(Requirement(5),), reserve_over_s=120.0)
    floor.queue(2, medium=Medium.CHAT)
    floor.queue(3)
    floor.queue(4, medium=Medium.MAIL)
    config = AgentConfig(
        agent=1,
        skills={5: 3},
        reserve=(5,),
        queues={1: 7, 2: 2, 4: 9},
        only_queues=True,
        capacity={Medium.CALL: 1, Medium.CHAT: 1},
    )
    floor.tell(told.AgentConfigured(config=config, version=1))
    floor.agent(2, {5: 1})
    tier = CallerTier(tier=1, agents=(2,), limit_s=90.0)
    floor.tell(told.TierConfigured(config=tier, version=1))
    floor.tell(told.AgentBusy(agent=2))
    floor.call(10, 1, tier=1)
    floor.tell(told.AgentLoggedIn(agent=1, station="s1"))
    floor.tell(told.AgentReady(agent=1))
    assert floor.offered(11, 2) == 1
    floor.answer(11, 1)
    first, second, third, fourth = floor.engine.standings(1)
    assert (first.in_reserve, first.room, first.apart) == (False, False, 1)
    assert (first.place, second.place, third.place, first.of_places) == (2, 1, 0, 3)
    assert (second.served, second.room, second.medium) == (True, False, Medium.CHAT)
    assert (third.member, fourth.served, fourth.member) == (False, False, True)
    floor.tell(told.CallAbandoned(call=10))
    assert floor.engine.standings(1)[0].in_reserve
    with pytest.raises(UnknownAgent):
        floor.engine.standings(9)
