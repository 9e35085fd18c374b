"""The green channel: a tier's own agents first, then the normal rules with the wait credited."""

from typing import Any

import pytest

from acd_core import events as told
from acd_core.call_queue import CallerTier, CallRule, NoAgents, Widening
from acd_core.commands import CallRefused, CallTimedOut, OfferToAgent
from acd_core.errors import ConfigurationFault, UnknownTier
from acd_core.reasons import Reason, explain, unpack
from acd_core.skills import Requirement

VIP = 7


def tier(floor: Any, number: int = VIP, **settings: Any) -> tuple[Any, ...]:
    config = CallerTier(tier=number, **settings)
    return tuple(floor.tell(told.TierConfigured(config=config, version=1)))


def offers(commands: Any) -> list[tuple[int, int]]:
    return [(c.call, c.agent) for c in commands if isinstance(c, OfferToAgent)]


def reasons(commands: Any) -> dict[Reason, tuple[int, ...]]:
    return dict(unpack(next(c.reasons for c in commands if isinstance(c, OfferToAgent))))


def test_a_tier_adds_its_priority(floor: Any) -> None:
    tier(floor, priority=5)
    floor.queue(1, priority=1)
    for call, more in ((10, {}), (11, {"priority": 4}), (12, {"tier": VIP}), (13, {"tier": 99})):
        floor.call(call, **more)
    assert floor.order() == [12, 11, 10, 13]
    assert [one.priority for one in floor.line(1).waiting] == [5, 4, 0, 0]
    found = reasons(floor.agent(1))
    assert (found[Reason.TIER], found[Reason.WAITED][2]) == ((VIP, 5, 0), 6)


def test_its_own_agents_are_asked_alone_until_the_limit(floor: Any) -> None:
    tier(floor, agents=(2,), limit_s=30.0)
    floor.queue(1, wrap_up_s=0)
    floor.agent(1)
    floor.agent(2)
    assert floor.offered(10) == 1
    floor.answer(10, 1)
    assert floor.offered(11) == 2
    floor.answer(11, 2)
    assert floor.offered(12, tier=VIP) is None
    entered = floor.now
    # Agent 1 is free, and not asked; at the limit he is, and the wait counts.
    assert offers(floor.tell(told.CallEnded(call=10), after=3.0)) == []
    assert offers(floor.call(13)) == [(13, 1)]
    assert floor.engine.next_deadline() == min(entered + 30.0, floor.now + 20.0)
    floor.answer(13, 1)
    floor.call(14)
    floor.tell(told.DeadlineReached(), entered + 30.0 - floor.now)
    commands = floor.tell(told.CallEnded(call=13))
    assert offers(commands) == [(12, 1)]
    assert reasons(commands)[Reason.TIER] == (VIP, 0, 0)


def test_the_limit_lets_go_to_who_is_free_at_once(floor: Any) -> None:
    tier(floor, agents=(2,), limit_s=30.0)
    floor.queue(1)
    floor.agent(1)
    floor.agent(2)
    floor.tell(told.AgentBusy(agent=2))
    assert floor.offered(10, tier=VIP) is None
    assert offers(floor.due()) == [(10, 1)]


def test_its_own_agent_is_offered_with_the_reason(floor: Any) -> None:
    tier(floor, priority=-2, agents=(2, 3), limit_s=30.0)
    floor.queue(1, required=(Requirement(5),))
    floor.agent(1, {5: 10})
    floor.agent(2, {5: 1})
    floor.agent(3, {6: 1})
    commands = floor.call(10, tier=VIP)
    assert offers(commands) == [(10, 2)]
    found = reasons(commands)
    assert found[Reason.TIER] == (VIP, -2, 1)
    assert found[Reason.CHOSEN] == (2, 1, 2000)
    assert found[Reason.NOT_SKILLED] == (1, 3)
    offer = next(c for c in commands if isinstance(c, OfferToAgent))
    english = "; ".join(explain(offer.reasons, "en", str))
    assert "green channel, tier 7: priority -2, only its own agents were asked" in english
    assert "绿色通道，等级 7：优先级 -2，仅询问专属坐席" in "".join(
        explain(offer.reasons, "zh", str)
    )


@pytest.mark.parametrize(
    "gone",
    [
        told.AgentUnreachable(agent=2),  # type: ignore[arg-type]
        told.AgentLoggedOut(agent=2),  # type: ignore[arg-type]
        told.SkillsChanged(agent=2, skills={9: 1}, version=2),  # type: ignore[arg-type, dict-item]
    ],
)
def test_nobody_waits_alone_for_agents_who_are_not_at_work(floor: Any, gone: Any) -> None:
    tier(floor, agents=(2, 77), limit_s=60.0)
    floor.queue(1, required=(Requirement(5),))
    floor.agent(2, {5: 1})
    floor.tell(told.AgentBusy(agent=2))
    floor.agent(1, {5: 1})
    assert floor.offered(10, tier=VIP) is None
    assert offers(floor.tell(gone)) == [(10, 1)]
    floor.agent(3, {5: 1})
    assert floor.offered(11, tier=VIP) == 3


def test_an_agent_who_pauses_after_his_call_is_waited_for_no_more(floor: Any) -> None:
    tier(floor, agents=(2,), limit_s=60.0)
    floor.queue(1)
    floor.agent(2)
    assert floor.offered(9) == 2
    floor.answer(9, 2)
    floor.agent(1)
    assert floor.offered(10, tier=VIP) is None
    floor.tell(told.AgentPaused(agent=2, reason="lunch"))
    assert offers(floor.tell(told.CallEnded(call=9))) == [(10, 1)]


def test_a_changed_tier_counts_for_calls_that_wait(floor: Any) -> None:
    tier(floor, agents=(2,), limit_s=60.0)
    floor.queue(1, call_rule=CallRule.AGING, aging_s=10.0)
    floor.agent(1)
    floor.agent(2)
    floor.tell(told.AgentBusy(agent=2))
    floor.tell(told.AgentBusy(agent=1))
    floor.call(10)
    floor.call(11, tier=VIP)
    assert floor.order() == [10, 11]
    tier(floor, priority=1, agents=(1,), limit_s=60.0)
    assert floor.order() == [11, 10]
    assert offers(floor.tell(told.AgentFree(agent=2))) == [(10, 2)]
    commands = floor.tell(told.TierRemoved(tier=VIP, version=2))
    assert (floor.order(), offers(commands)) == ([10, 11], [])
    floor.answer(10, 2)
    assert offers(floor.tell(told.CallEnded(call=10))) == [(11, 2)]
    floor.answer(11, 2)
    assert floor.line().visits.answered == 2


def test_a_tier_does_not_change_whom_a_queue_refuses(floor: Any) -> None:
    tier(floor, agents=(1,), limit_s=60.0)
    floor.queue(1, no_agents=NoAgents.LEAVE, max_ratio=1.5)
    assert isinstance(floor.call(9, tier=VIP)[-1], CallRefused)
    floor.agent(1)
    floor.agent(2)
    floor.tell(told.AgentBusy(agent=1))
    floor.tell(told.AgentBusy(agent=2))
    for call in (10, 11, 12):
        assert not isinstance(floor.call(call, tier=VIP)[-1], CallRefused)
    assert isinstance(floor.call(13, tier=VIP)[-1], CallRefused)
    floor.tell(told.AgentPaused(agent=1, reason="lunch"))
    floor.tell(told.AgentLoggedOut(agent=1))
    commands = floor.tell(told.AgentLoggedOut(agent=2))
    assert [c.call for c in commands if isinstance(c, CallTimedOut)] == [10, 11, 12]


def test_widening_goes_on_while_a_call_waits_for_its_tier(floor: Any) -> None:
    tier(floor, agents=(1,), limit_s=50.0)
    floor.queue(1, required=(Requirement(5, 8),), widening=(Widening(after_s=20.0),))
    floor.agent(1, {5: 8})
    floor.agent(2, {6: 1})
    floor.tell(told.AgentBusy(agent=1))
    assert floor.offered(10, tier=VIP) is None
    assert offers(floor.due(20.0)) == []
    assert floor.line().waiting[0].step == 1
    assert offers(floor.due(30.0)) == [(10, 2)]


def test_a_last_agent_comes_before_the_tier(floor: Any) -> None:
    tier(floor, agents=(1,), limit_s=50.0)
    floor.queue(1)
    floor.agent(1)
    floor.agent(2)
    assert floor.offered(10, tier=VIP, preferred=2, preferred_limit_s=5.0) == 2


def test_a_tier_that_cannot_work_is_refused(floor: Any) -> None:
    for settings in ({"limit_s": -1.0}, {"priority": 10**7}, {"number": 1 << 17}):
        with pytest.raises(ConfigurationFault):
            tier(floor, **settings)
    with pytest.raises(UnknownTier):
        floor.tell(told.TierRemoved(tier=VIP, version=1))
