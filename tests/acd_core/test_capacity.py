"""Capacity per medium: one call, chats and mails beside each other, and interruption."""

from typing import Any

import pytest

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState, Medium
from acd_core.call_queue import NoAgents
from acd_core.commands import AgentStateChanged, CallRefused, OfferToAgent
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.reasons import Reason, unpack
from acd_core.skills import Requirement
from tests.acd_core.conftest import Floor

CALL, CHAT, MAIL = Medium
FILTERS = (
    Reason.OTHER_QUEUES,
    Reason.NOT_SKILLED,
    Reason.RESERVES_HELD,
    Reason.NO_ROOM,
    Reason.NOT_READY,
)
CALLS, CHATS, MAILS = 1, 2, 3


def configure(floor: Any, number: int, version: int = 1, **settings: Any) -> tuple[Any, ...]:
    config = AgentConfig(agent=number, **settings)
    return tuple(floor.tell(told.AgentConfigured(config=config, version=version)))


def seat(floor: Any, number: int, **settings: Any) -> tuple[Any, ...]:
    """Configure, log in and make ready, a second after the one before."""
    floor.now += 1.0
    configure(floor, number, **settings)
    floor.tell(told.AgentLoggedIn(agent=number, station=f"s{number}"))
    return tuple(floor.tell(told.AgentReady(agent=number)))


def offers(commands: Any) -> list[tuple[int, int]]:
    return [(c.call, c.agent) for c in commands if isinstance(c, OfferToAgent)]


@pytest.fixture
def shop(floor: Any) -> Any:
    floor.queue(CALLS)
    floor.queue(CHATS, medium=CHAT)
    floor.queue(MAILS, medium=MAIL)
    return floor


def take(floor: Any, number: int, queue: int, agent: int = 1) -> tuple[Any, ...]:
    """Let a contact in that the agent gets and answers at once."""
    assert offers(floor.call(number, queue)) == [(number, agent)]
    return tuple(floor.answer(number, agent))


def test_chats_go_beside_each_other_up_to_the_capacity(shop: Any) -> None:
    seat(shop, 1, capacity={CHAT: 3})
    for chat in (10, 11):
        take(shop, chat, CHATS)
        assert shop.state(1) is AgentState.READY
    take(shop, 12, CHATS)
    assert (shop.state(1), shop.view(1).contacts) == (AgentState.BUSY, (10, 11, 12))
    assert shop.offered(13, CHATS) is None
    assert shop.line(CHATS).talking == 3
    assert offers(shop.tell(told.CallEnded(call=11))) == [(13, 1)]
    assert shop.view(1).contacts == (10, 12)
    assert shop.offered(20, CALLS) is None


def test_one_offer_is_out_at_a_time(shop: Any) -> None:
    seat(shop, 1, capacity={CHAT: 3, MAIL: 1})
    assert shop.offered(10, CHATS) == 1
    assert shop.offered(11, CHATS) is None
    assert shop.offered(12, MAILS) is None
    commands = shop.answer(10, 1)
    assert offers(commands) == [(11, 1)]
    commands = shop.tell(told.OfferRejected(call=11, agent=1))
    assert shop.state(1) is AgentState.PAUSED
    assert offers(shop.tell(told.AgentReady(agent=1))) == [(11, 1)]
    assert offers(shop.answer(11, 1)) == [(12, 1)]


def test_agents_without_a_capacity_take_one_call_and_nothing_else(shop: Any) -> None:
    seat(shop, 1)
    assert shop.offered(10, CHATS) is None
    assert (shop.line(CHATS).agents, shop.line(CALLS).agents) == (0, 1)
    take(shop, 11, CALLS)
    assert shop.state(1) is AgentState.TALKING


def test_calls_interrupt_only_media_that_may_be(shop: Any) -> None:
    seat(shop, 1, capacity={CALL: 1, CHAT: 2, MAIL: 2}, interruptible=(MAIL,))
    take(shop, 10, MAILS)
    take(shop, 11, CHATS)
    assert shop.offered(12, CALLS) is None
    commands = shop.tell(told.CallEnded(call=11))
    assert offers(commands) == [(12, 1)]
    shop.answer(12, 1)
    assert shop.state(1) is AgentState.TALKING
    assert (shop.view(1).call, shop.view(1).contacts) == (12, (10,))
    # With a call he gets nothing else, and what he has goes on.
    assert shop.offered(13, MAILS) is None
    shop.tell(told.CallHeld(call=12))
    shop.tell(told.CallHeld(call=10))
    shop.tell(told.CallRetrieved(call=10))
    assert shop.state(1) is AgentState.ON_HOLD
    shop.tell(told.CallEnded(call=10))
    shop.tell(told.CallRetrieved(call=12))
    assert offers(shop.tell(told.CallEnded(call=12))) == [(13, 1)]


def test_after_work_of_a_chat_keeps_its_room_taken(shop: Any) -> None:
    shop.queue(CHATS, medium=CHAT, wrap_up_s=30.0)
    seat(shop, 1, capacity={CALL: 1, CHAT: 1})
    take(shop, 10, CHATS)
    ended = shop.tell(told.CallEnded(call=10))
    assert (ended, shop.state(1)) == ((), AgentState.BUSY)
    assert shop.offered(11, CHATS) is None
    assert shop.offered(12, CALLS) is None
    # Both were kept out by the after-work; the call came later.
    assert offers(shop.due()) == [(11, 1)]
    shop.answer(11, 1)
    shop.tell(told.CallEnded(call=11))
    assert offers(shop.tell(told.WrapUpEnded(agent=1))) == [(12, 1)]
    assert shop.engine.next_deadline() == shop.now + 20.0
    with pytest.raises(AcdError):
        shop.tell(told.WrapUpEnded(agent=1))


def test_pausing_and_leaving_let_chats_end(shop: Any) -> None:
    shop.queue(CHATS, medium=CHAT, wrap_up_s=5.0)
    seat(shop, 1, capacity={CHAT: 3})
    take(shop, 10, CHATS)
    take(shop, 11, CHATS)
    shop.tell(told.AgentPaused(agent=1, reason="lunch"))
    assert (shop.state(1), shop.view(1).contacts) == (AgentState.PAUSED, (10, 11))
    assert shop.offered(12, CHATS) is None
    shop.tell(told.CallEnded(call=10))
    assert shop.state(1) is AgentState.PAUSED
    shop.tell(told.AgentLoggedOut(agent=1))
    assert (shop.state(1), shop.view(1).station) == (AgentState.BUSY, "s1")
    with pytest.raises(AcdError):
        shop.tell(told.AgentRemoved(agent=1, version=2))
    shop.tell(told.CallEnded(call=11))
    assert (shop.state(1), shop.view(1).station) == (AgentState.LOGGED_OUT, "")
    assert shop.engine.next_deadline() is None
    shop.tell(told.AgentRemoved(agent=1, version=2))


def test_who_comes_back_before_his_chats_end_was_never_gone(shop: Any) -> None:
    seat(shop, 1, capacity={CHAT: 2})
    take(shop, 10, CHATS)
    shop.tell(told.AgentLoggedOut(agent=1))
    shop.tell(told.AgentReady(agent=1))
    assert shop.state(1) is AgentState.READY
    take(shop, 11, CHATS)
    assert shop.state(1) is AgentState.BUSY


def test_agents_without_room_are_staff_all_the_same(shop: Any) -> None:
    shop.queue(CALLS, no_agents=NoAgents.LEAVE)
    shop.queue(CHATS, medium=CHAT, no_agents=NoAgents.LEAVE)
    seat(shop, 1, capacity={CALL: 1, CHAT: 1})
    take(shop, 10, CHATS)
    view = shop.line(CALLS)
    assert (view.agents, view.ready) == (1, 0)
    for call, queue in ((11, CHATS), (12, CALLS)):
        assert not isinstance(shop.call(call, queue)[-1], CallRefused)
    assert offers(shop.tell(told.CallEnded(call=10))) == [(11, 1)]


def test_changed_capacity_counts_at_once(shop: Any) -> None:
    seat(shop, 1, capacity={CHAT: 1})
    take(shop, 10, CHATS)
    assert shop.offered(11, CHATS) is None
    assert offers(configure(shop, 1, version=2, capacity={CHAT: 2})) == [(11, 1)]
    shop.answer(11, 1)
    configure(shop, 1, version=3)
    assert shop.view(1).contacts == (10, 11)
    assert shop.offered(12, CHATS) is None
    assert shop.offered(13, CALLS) is None
    shop.tell(told.CallEnded(call=10))
    assert offers(shop.tell(told.CallEnded(call=11))) == [(13, 1)]


def test_a_contact_stays_what_it_is_when_its_queue_takes_others(shop: Any) -> None:
    seat(shop, 1, capacity={CHAT: 1})
    seat(shop, 2)
    take(shop, 10, CHATS)
    shop.call(11, CHATS)
    shop.queue(CHATS, medium=CALL)
    assert shop.order(CHATS) == [11]
    assert offers(shop.tell(told.CallEnded(call=10))) == [(11, 1)]


def test_a_named_agent_without_room_is_waited_for(shop: Any) -> None:
    seat(shop, 1, capacity={CALL: 1, CHAT: 1})
    seat(shop, 2, capacity={CALL: 1, CHAT: 1})
    take(shop, 10, CHATS)
    for call, preference in ((11, told.Preference.NAMED), (12, told.Preference.LAST)):
        kept = {"preferred": 1, "preference": preference, "preferred_limit_s": 30.0}
        assert shop.offered(call, CALLS, **kept) is None
    assert offers(shop.tell(told.CallEnded(call=10))) == [(11, 1)]
    shop.answer(11, 1)
    assert offers(shop.due()) == [(12, 2)]


def test_the_least_occupied_agent_is_not_one_with_chats(shop: Any) -> None:
    shop.queue(CHATS, medium=CHAT, strategy="least_occupied")
    seat(shop, 1, capacity={CHAT: 3})
    seat(shop, 2, capacity={CHAT: 3})
    take(shop, 10, CHATS)
    shop.now += 600.0
    take(shop, 11, CHATS, agent=2)
    shop.now += 60.0
    shop.tell(told.CallEnded(call=11))
    assert shop.offered(12, CHATS) == 2


def test_handling_times_of_chats_are_shared(shop: Any) -> None:
    seat(shop, 1, capacity={CHAT: 4})
    take(shop, 10, CHATS)
    shop.tell(told.CallEnded(call=10), 200.0)
    scores = {score.estimator: score.seconds for score in shop.line(CHATS).estimators}
    assert scores["queued_by_staffed"] == pytest.approx(50.0)


def test_reasons_say_who_had_no_room(shop: Any) -> None:
    seat(shop, 1, capacity={CALL: 1, CHAT: 2})
    seat(shop, 2, capacity={CALL: 1, CHAT: 2})
    seat(shop, 3, queues={MAILS: 1}, only_queues=True)
    take(shop, 10, CHATS)
    commands = shop.call(11, CALLS)
    assert offers(commands) == [(11, 2)]
    found = dict(unpack(commands[-1].reasons))
    assert found[Reason.NO_ROOM] == (1, 1)
    assert found[Reason.OTHER_QUEUES] == (1, 3)


def test_states_of_an_agent_with_chats_are_told(shop: Any) -> None:
    seat(shop, 1, capacity={CHAT: 1})
    commands = (*shop.call(10, CHATS), *shop.answer(10, 1), *shop.tell(told.CallEnded(call=10)))
    states = [c.state for c in commands if isinstance(c, AgentStateChanged)]
    assert states == [AgentState.RESERVED, AgentState.BUSY, AgentState.READY]


@pytest.mark.parametrize("explain_agents", [0, 32])
def test_who_was_not_asked_is_counted_as_it_is_named(explain_agents: int) -> None:
    floor = Floor()
    floor.engine = AcdEngine(explain_agents=explain_agents)
    floor.queue(CALLS, required=(Requirement(5),))
    floor.queue(CHATS, medium=CHAT)
    seat(floor, 1, skills={5: 1}, capacity={CALL: 1, CHAT: 2})
    take(floor, 10, CHATS)
    seat(floor, 2, skills={5: 1}, reserve=(5,))
    seat(floor, 3, queues={CHATS: 1}, only_queues=True)
    seat(floor, 4)
    seat(floor, 5, skills={5: 9}, queues={CALLS: 1, CHATS: 2}, only_queues=True)
    floor.tell(told.AgentPaused(agent=5, reason="lunch"))
    seat(floor, 6, skills={5: 1})
    reasons = floor.call(11, CALLS)[-1].reasons
    paused = list(AgentState).index(AgentState.PAUSED)
    assert [(code, found) for code, found in unpack(reasons) if code in FILTERS] == [
        (Reason.OTHER_QUEUES, (1, 3)[: 1 + bool(explain_agents)]),
        (Reason.NOT_SKILLED, (1, 4)[: 1 + bool(explain_agents)]),
        (Reason.RESERVES_HELD, (1, 2)[: 1 + bool(explain_agents)]),
        (Reason.NO_ROOM, (1, 1)[: 1 + bool(explain_agents)]),
        (Reason.NOT_READY, (paused, 1, 5)[: 2 + bool(explain_agents)]),
    ]
