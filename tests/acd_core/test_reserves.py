"""Reserve agents: they help while a queue is beyond its limits, and stop when it is back."""

from typing import Any

from acd_core import events as told
from acd_core.agent import AgentConfig
from acd_core.commands import OfferToAgent
from acd_core.eligibility.reserves import ENOUGH_VISITS
from acd_core.reasons import Reason, explain, unpack
from acd_core.skills import Requirement

SALES, BILLING = 1, 2


def lender(floor: Any, number: int, skills: dict[int, int], *reserve: int) -> Any:
    config = AgentConfig(agent=number, skills=skills, reserve=reserve)  # type: ignore[arg-type]
    floor.tell(told.AgentConfigured(config=config, version=1), after=1.0)
    floor.tell(told.AgentLoggedIn(agent=number, station=f"s{number}"))
    return floor.tell(told.AgentReady(agent=number))


def offers(commands: Any) -> list[tuple[int, int]]:
    return [(c.call, c.agent) for c in commands if isinstance(c, OfferToAgent)]


def serve(floor: Any, call: int, wait_s: float, agent: int = 1) -> None:
    """One caller who is answered by an agent after so long a wait."""
    floor.tell(told.AgentBusy(agent=agent))
    floor.call(call)
    floor.tell(told.AgentFree(agent=agent), wait_s)
    floor.answer(call, agent)
    floor.tell(told.CallEnded(call=call), after=1.0)


def test_reserves_help_below_the_service_level_and_stop_when_it_is_back(floor: Any) -> None:
    floor.queue(1, required=(Requirement(SALES),), reserve_below=0.8, service_level_s=20.0)
    floor.agent(1, {SALES: 5})
    lender(floor, 2, {SALES: 9, BILLING: 3}, SALES)
    for call in range(ENOUGH_VISITS - 1):
        assert not floor.line().reserves
        serve(floor, call, wait_s=30.0)
    assert floor.line().agents == 1
    floor.tell(told.AgentBusy(agent=1))
    assert floor.offered(50) is None
    # The tenth visit says enough: the call that waits goes to the reserve.
    floor.call(51, priority=9)
    commands = floor.tell(told.CallAbandoned(call=50), after=30.0)
    assert offers(commands) == [(51, 2)]
    found = dict(unpack(commands[-1].reasons))
    assert found[Reason.RESERVES] == (0, -1)
    assert "reserve agents help (service level 0.0 %)" in explain(commands[-1].reasons, "en", str)
    assert "后备坐席已启用（服务水平 0.0%）" in explain(commands[-1].reasons, "zh", str)
    assert (floor.line().reserves, floor.line().agents) == (True, 2)
    floor.answer(51, 2)
    floor.tell(told.CallEnded(call=51))
    floor.tell(told.AgentPaused(agent=2, reason="lunch"))
    floor.tell(told.AgentFree(agent=1))
    call, levels = 60, []
    while floor.line().reserves:
        serve(floor, call, wait_s=1.0)
        visits = call - 60 + 1
        levels.append(visits)
        call += 1
        assert call < 300
    # 3 points above the limit: of 11 + n visits, n in time, rolling over the last 50.
    share = 0.0
    for count in range(1, 12 + len(levels)):
        value = 1.0 if count > 11 else float(count == 0)
        share += (value - share) / min(count, 50)
        if count == 11 + len(levels) - 1:
            assert share < 0.83
    assert share >= 0.83
    assert floor.line().agents == 1


def test_reserves_help_above_the_estimated_wait(floor: Any) -> None:
    # Nobody was served yet: 90 s for each caller and agent.
    floor.queue(1, required=(Requirement(SALES),), reserve_over_s=200.0)
    floor.agent(1, {SALES: 5})
    lender(floor, 2, {SALES: 9}, SALES)
    assert floor.offered(10) == 1
    floor.answer(10, 1)
    assert offers(floor.call(11)) == []
    commands = floor.call(12)
    assert floor.line().reserves
    # 3 x 90 s with the own agent alone: the first in line goes to the reserve.
    assert offers(commands) == [(11, 2)]
    assert dict(unpack(commands[-1].reasons))[Reason.RESERVES] == (-1, 270_000)
    # 180 s is below the limit, but above 80 % of it: both are at work for this queue still.
    floor.answer(11, 2)
    assert floor.line().reserves
    assert offers(floor.tell(told.CallAbandoned(call=12))) == []
    assert not floor.line().reserves
    floor.call(13)
    assert offers(floor.tell(told.CallEnded(call=11))) == []
    assert offers(floor.tell(told.CallEnded(call=10))) == [(13, 1)]


def test_where_nobody_of_the_queue_is_there_reserves_help_at_once(floor: Any) -> None:
    floor.queue(1, required=(Requirement(SALES),), reserve_over_s=200.0)
    lender(floor, 2, {SALES: 9}, SALES)
    commands = floor.call(10)
    assert offers(commands) == [(10, 2)]
    assert dict(unpack(commands[-1].reasons))[Reason.RESERVES] == (-1, -1)
    floor.tell(told.CallAbandoned(call=10))
    floor.agent(1, {SALES: 1})
    assert not floor.line().reserves


def test_a_queue_without_limits_asks_no_reserves(floor: Any) -> None:
    floor.queue(1, required=(Requirement(SALES),))
    floor.queue(2, required=(Requirement(BILLING),))
    lender(floor, 2, {SALES: 9, BILLING: 4}, SALES)
    assert floor.offered(10) is None
    assert floor.offered(11, 2) == 2
    found = dict(unpack(floor.agent(1, {SALES: 5})[-1].reasons))
    assert found[Reason.RESERVES_HELD] == (1, 2)


def test_limits_taken_away_close_a_queue_to_reserves(floor: Any) -> None:
    floor.queue(1, required=(Requirement(SALES),), reserve_over_s=50.0)
    lender(floor, 2, {SALES: 9}, SALES)
    floor.tell(told.AgentBusy(agent=2))
    floor.call(10)
    assert floor.line().reserves
    floor.queue(1, required=(Requirement(SALES, 2),), reserve_over_s=50.0)
    assert floor.line().reserves
    floor.queue(1, required=(Requirement(SALES),))
    assert offers(floor.tell(told.AgentFree(agent=2))) == []
    floor.queue(1, required=(Requirement(SALES),), reserve_over_s=50.0)
    assert floor.line().waiting[0].agent == 2


def test_a_skill_no_longer_in_reserve_serves_who_waits(floor: Any) -> None:
    floor.queue(1, required=(Requirement(SALES),))
    lender(floor, 2, {SALES: 9}, SALES)
    floor.call(10)
    config = AgentConfig(agent=2, skills={SALES: 9})  # type: ignore[arg-type, dict-item]
    assert offers(floor.tell(told.AgentConfigured(config=config, version=2))) == [(10, 2)]
