"""What calls demand of agents: alternatives, widening with time, or when nobody is there."""

from typing import Any

import pytest

from acd_core import events as told
from acd_core.call_queue import QueueConfig, Widening
from acd_core.commands import OfferToAgent
from acd_core.errors import ConfigurationFault
from acd_core.reasons import Reason, unpack
from acd_core.skills import Requirement

ENGLISH, BILLING, SALES = 1, 2, 3
EITHER = (
    (Requirement(ENGLISH, 3), Requirement(BILLING)),
    (Requirement(ENGLISH, 3), Requirement(SALES)),
)


def offered_to(commands: Any) -> list[int]:
    return [c.agent for c in commands if isinstance(c, OfferToAgent)]


def test_one_alternative_is_enough(floor: Any) -> None:
    floor.queue(any_of=EITHER)
    floor.agent(1, {ENGLISH: 2, BILLING: 9, SALES: 9})
    floor.agent(2, {ENGLISH: 5})
    floor.agent(3, {ENGLISH: 3, SALES: 1})
    assert floor.offered(10) == 3
    assert floor.offered(11) is None


def test_what_the_queue_and_the_call_require_counts_besides(floor: Any) -> None:
    floor.queue(any_of=EITHER, required=(Requirement(7, 4),))
    floor.agent(1, {ENGLISH: 5, SALES: 1})
    floor.agent(2, {ENGLISH: 5, SALES: 1, 7: 4})
    floor.agent(3, {ENGLISH: 5, SALES: 1, 7: 4, 8: 1})
    assert floor.offered(10, requirements=(Requirement(8),)) == 3
    assert floor.offered(11) == 2


def test_a_call_is_widened_at_its_time_and_offered_at_once(floor: Any) -> None:
    steps = (Widening(after_s=30.0, any_of=((Requirement(SALES, 1),),)), Widening(after_s=60.0))
    floor.queue(required=(Requirement(SALES, 8),), widening=steps)
    floor.agent(1, {ENGLISH: 1})
    floor.agent(2, {SALES: 2})
    floor.tell(told.AgentPaused(agent=2, reason="lunch"))
    assert floor.offered(10) is None
    entered = floor.now
    assert floor.engine.next_deadline() == entered + 30.0
    assert offered_to(floor.due()) == []
    assert offered_to(floor.tell(told.AgentReady(agent=2), after=1.0)) == [2]
    assert floor.offered(11) is None
    floor.tell(told.OfferAccepted(call=10, agent=2))
    floor.tell(told.CallAnswered(call=10, agent=2))
    floor.due()
    commands = floor.due()
    assert (floor.now, offered_to(commands)) == (entered + 32.0 + 60.0, [1])
    reasons = next(c.reasons for c in commands if isinstance(c, OfferToAgent))
    assert dict(unpack(reasons))[Reason.WIDENED] == (2, 2)


def test_credit_counts_towards_widening(floor: Any) -> None:
    floor.queue(required=(Requirement(SALES, 8),), widening=(Widening(after_s=30.0),))
    floor.agent(1)
    assert floor.offered(10, waited_s=30.0) == 1


def test_a_call_is_widened_at_once_when_nobody_would_do(floor: Any) -> None:
    steps = (Widening(after_s=90.0, any_of=((Requirement(SALES),),), when_nobody=True),)
    floor.queue(required=(Requirement(SALES, 8),), widening=steps)
    floor.agent(1, {SALES: 9})
    floor.agent(2, {SALES: 3})
    floor.offered(10)
    floor.answer(10, 1)
    assert floor.offered(11) is None
    floor.tell(told.CallEnded(call=10))
    floor.answer(11, 1)
    assert floor.offered(12) is None
    floor.tell(told.AgentLoggedOut(agent=1))
    assert offered_to(floor.tell(told.CallEnded(call=11))) == [2]
    # A new call as well.
    floor.answer(12, 2)
    floor.tell(told.CallEnded(call=12))
    assert floor.offered(13) == 2


def test_a_changed_queue_counts_its_steps_anew(floor: Any) -> None:
    floor.queue(required=(Requirement(SALES, 8),), widening=(Widening(after_s=50.0),))
    floor.agent(1)
    assert floor.offered(10) is None
    floor.now += 20.0
    narrow = QueueConfig(
        queue=1, required=(Requirement(SALES, 8),), widening=(Widening(after_s=20.0),)
    )
    commands = floor.tell(told.QueueConfigured(config=narrow, version=2))
    assert offered_to(commands) == [1]
    # Without steps the call is back at what the queue demands.
    plain = QueueConfig(queue=1, required=(Requirement(SALES, 8),))
    floor.tell(told.QueueConfigured(config=plain, version=3))
    commands = floor.tell(told.OfferRejected(call=10, agent=1))
    assert offered_to(commands) == []
    assert offered_to(floor.tell(told.AgentReady(agent=1))) == []
    assert floor.engine.next_deadline() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"any_of": ((Requirement(1, 11),),)},
        {"required": (Requirement(1, 0),)},
        {"any_of": tuple((Requirement(n),) for n in range(65))},
        {"widening": (Widening(after_s=-1.0),)},
        {"widening": (Widening(after_s=float("nan")),)},
        {"widening": (Widening(after_s=5.0), Widening(after_s=5.0))},
        {"widening": (Widening(after_s=5.0, any_of=((Requirement(1, 11),),)),)},
    ],
)
def test_wrong_demands_are_refused_and_change_nothing(floor: Any, wrong: dict[str, Any]) -> None:
    floor.queue()
    with pytest.raises(ConfigurationFault):
        floor.queue(**wrong)
    floor.agent(1)
    assert floor.offered(10) == 1
