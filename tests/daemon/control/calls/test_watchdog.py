"""The watchdog finds what engine and calls see differently, and puts it right."""

import pytest
import structlog

from acd_core.agent import AgentState
from acd_core.events import (
    AgentUnreachable,
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallOffered,
    OfferAccepted,
)
from acd_core.ids import AgentId, CallId, QueueId
from daemon.control.calls.call import Phase
from daemon.control.calls.watchdog import Fault, Mismatch, Watchdog
from tests.fakes.control_rig import ControlRig

GHOST = CallId(4711)


@pytest.fixture
def watchdog(rig: ControlRig) -> Watchdog:
    return Watchdog(rig.controller)


async def found(rig: ControlRig, watchdog: Watchdog) -> list[Fault]:
    """Look twice, let everything settle, and tell what was repaired."""
    assert watchdog.check() == ()
    lasting = watchdog.check()
    await rig.settle()
    assert watchdog.check() == watchdog.check() == ()
    assert watchdog.failed == {}
    return [mismatch.fault for mismatch in lasting]


async def test_all_is_well_through_a_call(rig: ControlRig, watchdog: Watchdog) -> None:
    for step in (
        lambda: rig.seat("ann"),
        lambda: rig.call_sales(),
        lambda: rig.answer("2001"),
        lambda: rig.hang_up(rig.driver.line("station:2001")),
        lambda: rig.later(1),
    ):
        await step()
        assert watchdog.check() == watchdog.check() == ()
    assert watchdog.repaired == {}
    assert watchdog.checks == 10


async def test_agent_who_talks_to_nobody_is_released(rig: ControlRig, watchdog: Watchdog) -> None:
    await rig.seat("ann")
    rig.controller.acd.submit(CallOffered(call=GHOST, queue=QueueId(1)))
    rig.controller.acd.submit(OfferAccepted(call=GHOST, agent=AgentId(1)))
    rig.controller.acd.submit(CallAnswered(call=GHOST, agent=AgentId(1)))
    assert rig.state("ann") is AgentState.TALKING
    assert await found(rig, watchdog) == [Fault.TALKS_TO_NOBODY]
    assert rig.state("ann") is AgentState.READY
    assert watchdog.repaired == {"agent_talks_without_call": 1}


async def test_look_in_pieces_repairs_what_two_looks_see(
    rig: ControlRig, watchdog: Watchdog
) -> None:
    await rig.seat("ann")
    rig.controller.acd.submit(CallOffered(call=GHOST, queue=QueueId(1)))
    assert await watchdog.look() == ()
    assert [mismatch.fault for mismatch in await watchdog.look()] == [Fault.OFFER_FOR_NOBODY]
    assert rig.state("ann") is AgentState.READY
    assert await watchdog.look() == await watchdog.look() == ()
    assert watchdog.checks == 4


async def test_offer_for_a_call_that_is_gone_is_taken_back(
    rig: ControlRig, watchdog: Watchdog
) -> None:
    await rig.seat("ann")
    rig.controller.acd.submit(CallOffered(call=GHOST, queue=QueueId(1)))
    assert rig.state("ann") is AgentState.RESERVED
    assert await found(rig, watchdog) == [Fault.OFFER_FOR_NOBODY]
    assert rig.state("ann") is AgentState.READY


async def test_caller_who_does_not_exist_leaves_the_queue(
    rig: ControlRig, watchdog: Watchdog
) -> None:
    rig.controller.acd.submit(CallOffered(call=GHOST, queue=QueueId(1)))
    assert await found(rig, watchdog) == [Fault.NOBODY_WAITS]
    assert rig.engine.snapshot(rig.clock()).queues[0].waiting == ()


async def test_offer_that_the_call_never_heard_of_is_made_again(
    rig: ControlRig, watchdog: Watchdog
) -> None:
    line = await rig.call_sales()
    perform, rig.controller.acd._perform = rig.controller.acd._perform, lambda *_: None
    await rig.seat("ann")
    rig.controller.acd._perform = perform
    assert (rig.phase(line), rig.state("ann")) == (Phase.WAITING, AgentState.RESERVED)
    assert await found(rig, watchdog) == [Fault.OFFER_UNKNOWN]
    assert rig.phase(line) is Phase.OFFERED
    assert rig.agent("ann").misses == 0
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING


async def test_caller_whom_the_engine_forgot_waits_again_with_his_age(
    rig: ControlRig, watchdog: Watchdog
) -> None:
    line = await rig.call_sales()
    await rig.later(30)
    rig.engine.handle(CallAbandoned(call=CallId(rig.call_on(line).id)), rig.clock())
    assert await found(rig, watchdog) == [Fault.WAITS_UNSEEN]
    await rig.seat("ann")
    assert rig.phase(line) is Phase.OFFERED
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING


async def test_offered_caller_whom_the_engine_forgot_is_offered_anew(
    rig: ControlRig, watchdog: Watchdog
) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    assert rig.phase(line) is Phase.OFFERED
    rig.engine.handle(CallAbandoned(call=CallId(rig.call_on(line).id)), rig.clock())
    assert watchdog.check() == ()
    assert [one.fault for one in watchdog.check()] == [Fault.WAITS_UNSEEN]
    await rig.later(3)
    assert rig.phase(line) is Phase.OFFERED
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING
    assert watchdog.check() == watchdog.check() == ()


async def test_agent_whose_call_the_engine_forgot_gets_no_other(
    rig: ControlRig, watchdog: Watchdog
) -> None:
    line, _ = await rig.connect()
    rig.engine.handle(CallEnded(call=CallId(rig.call_on(line).id)), rig.clock())
    assert rig.state("ann") is AgentState.READY
    assert await found(rig, watchdog) == [Fault.TALKS_UNSEEN]
    assert rig.state("ann") is AgentState.BUSY
    await rig.hang_up(line)
    await rig.later(1)
    assert await found(rig, watchdog) == [Fault.BUSY_WITH_NOTHING]
    assert rig.state("ann") is AgentState.READY


async def test_station_that_went_unseen_and_came_back_unseen(
    rig: ControlRig, watchdog: Watchdog
) -> None:
    await rig.seat("ann")
    rig.driver.registered.remove("2001")
    assert await found(rig, watchdog) == [Fault.STATION_GONE]
    assert rig.state("ann") is AgentState.UNREACHABLE
    rig.driver.registered.add("2001")
    assert await found(rig, watchdog) == [Fault.STATION_BACK]
    assert rig.state("ann") is AgentState.READY


async def test_what_is_seen_once_is_left_alone(rig: ControlRig, watchdog: Watchdog) -> None:
    await rig.seat("ann")
    rig.controller.acd.submit(AgentUnreachable(agent=AgentId(1)))
    assert watchdog.check() == ()
    await rig.later(1)
    rig.controller.acd.submit(CallOffered(call=GHOST, queue=QueueId(1)))
    lasting = watchdog.check()
    assert [mismatch.fault for mismatch in lasting] == [Fault.STATION_BACK]
    assert isinstance(lasting[0], Mismatch)


async def test_the_cause_is_logged_and_counted(rig: ControlRig, watchdog: Watchdog) -> None:
    rig.controller.acd.submit(CallOffered(call=GHOST, queue=QueueId(1)))
    with structlog.testing.capture_logs() as logs:
        await found(rig, watchdog)
    [entry] = [one for one in logs if "disagree" in one["event"]]
    assert entry["fault"] == "waiting_without_call"
    assert entry["cause"] == "engine: waiting in queue 1; call: none"
    assert watchdog.repaired == {"waiting_without_call": 1}
