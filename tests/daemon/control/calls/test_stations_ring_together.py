"""A call that rings several stations: one answers, and everybody knows how it ended."""

from collections.abc import Awaitable, Callable

import pytest

from acd_core.agent import AgentState
from acd_core.decisions import digest
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.events import AgentPaused, decode
from acd_core.ids import AgentId
from acd_core.queue_life.options import CallbackRules
from daemon.control.acd_runner import DECIDED_KIND
from daemon.control.acd_runner import JOURNAL_KIND as ACD_KIND
from daemon.control.calls.call import Call, Leg, OpenSegment, Phase, encode_call
from daemon.control.calls.context import HangUpRequest
from daemon.control.calls.watchdog import Fault, Watchdog
from daemon.control.controller import JOURNAL_KIND as CALL_KIND
from daemon.control.facade.directory import AgentInfo
from daemon.link.errors import MediaRefused
from drivers.events import Cause
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]

AGENTS = (
    AgentInfo(key=1, login="ann", name="Ann", station="2001"),
    AgentInfo(key=2, login="bob", name="Bob", station="2002"),
    AgentInfo(key=3, login="cy", name="Cy", station="2003"),
)
ALL = ("ann", "bob", "cy")
STATIONS = ("2001", "2002", "2003")


@pytest.fixture
async def rig(make_rig: MakeRig) -> ControlRig:
    rig = await make_rig(queues=[make_queue(strategy="ring_all")], agents=AGENTS)
    await rig.seat(*ALL)
    return rig


def phone(rig: ControlRig, station: str) -> FakeLine:
    return rig.driver.telephone(station)


def ringing(rig: ControlRig) -> list[str]:
    return [station for station in STATIONS if phone(rig, station).state is State.DIALLING]


def rings(rig: ControlRig) -> list[tuple[int | None, str, str, float]]:
    """Agent, line, result and seconds of each ring segment of the first call."""
    call = rig.calls()[0]
    return [
        (row.agent_id, row.line, row.result, ((row.ended_ms or 0) - row.started_ms) / 1000)
        for row in rig.segments(call)
        if row.kind == "ring"
    ]


async def test_one_answers_and_the_others_see_answered_elsewhere(rig: ControlRig) -> None:
    line = await rig.call_sales()
    assert ringing(rig) == list(STATIONS)
    call = rig.call_on(line)
    assert call.agents == (1, 2, 3)
    for key in (1, 2, 3):
        assert rig.controller.call_of_agent(key) is call
    await rig.later(4)
    await rig.answer("2002")
    assert rig.phase(line) is Phase.TALKING
    assert ringing(rig) == []
    assert (call.agent, call.agents) == (2, (2,))
    for station in ("2001", "2003"):
        assert phone(rig, station).released_with == [Cause.ANSWERED_ELSEWHERE]
    assert [rig.state(login) for login in ALL] == [
        AgentState.READY,
        AgentState.TALKING,
        AgentState.READY,
    ]
    assert [rig.agent(login).misses for login in ALL] == [0, 0, 0]
    assert rig.controller.call_of_agent(1) is None
    await rig.later(6)
    await rig.hang_up(line)
    assert rings(rig) == [
        (1, "station:2001", "answered_elsewhere", 4),
        (2, "station:2002", "answered", 4),
        (3, "station:2003", "answered_elsewhere", 4),
    ]
    [visit] = rig.visits()
    assert (visit.outcome, visit.offers, visit.agent_id) == ("answered", 3, 2)
    assert_sound(rig)


async def test_two_answer_at_the_same_moment_and_one_of_them_has_the_call(
    rig: ControlRig,
) -> None:
    line = await rig.call_sales()
    for station in ("2003", "2001"):
        await phone(rig, station).talk()
    await rig.settle()
    assert rig.phase(line) is Phase.TALKING
    assert rig.call_on(line).agent == 3
    assert phone(rig, "2001").released_with == [Cause.ANSWERED_ELSEWHERE]
    assert rig.state("ann") is AgentState.READY
    assert rig.agent("ann").misses == 0
    assert rig.media.bridged == [frozenset((line.port, phone(rig, "2003").port))]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_the_caller_who_waits_next_rings_the_others_at_once(rig: ControlRig) -> None:
    first = await rig.call_sales()
    second = await rig.call_sales()
    await rig.later(1)
    await rig.answer("2001")
    await rig.later(0.2)
    assert ringing(rig) == ["2002", "2003"]
    assert (rig.phase(first), rig.phase(second)) == (Phase.TALKING, Phase.OFFERED)
    await rig.answer("2003")
    assert rig.phase(second) is Phase.TALKING
    await rig.hang_up(first)
    await rig.hang_up(second)
    assert_sound(rig)


async def test_a_station_in_use_does_not_keep_the_others_from_ringing(rig: ControlRig) -> None:
    await phone(rig, "2001").talk()
    line = await rig.call_sales()
    assert ringing(rig) == ["2002", "2003"]
    await rig.later(0.5)
    await rig.hang_up(phone(rig, "2001"))
    await rig.later(0.1)
    assert ringing(rig) == list(STATIONS)
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_a_station_that_stays_in_use_is_the_miss_of_its_agent_alone(
    rig: ControlRig,
) -> None:
    await phone(rig, "2001").talk()
    line = await rig.call_sales()
    await rig.later(3)
    assert rig.agent("ann").reason == "busy"
    assert ringing(rig) == ["2002", "2003"]
    await rig.hang_up(line)
    assert [result for _, _, result, _ in rings(rig)] == ["refused", "withdrawn", "withdrawn"]
    assert_sound(rig)


async def test_who_declines_pauses_or_is_lost_leaves_alone(rig: ControlRig) -> None:
    line = await rig.call_sales()
    await rig.later(1)
    await phone(rig, "2001").drop(Cause.REJECTED)
    await rig.settle()
    assert (rig.agent("ann").reason, rig.agent("ann").misses) == ("declined", 1)
    assert ringing(rig) == ["2002", "2003"]
    await rig.later(1)
    rig.controller.acd.submit(AgentPaused(agent=AgentId(2), reason="lunch"))
    await rig.settle()
    assert ringing(rig) == ["2003"]
    assert phone(rig, "2002").released_with == [Cause.NORMAL]
    await rig.later(1)
    rig.driver.unregister("2003")
    await rig.settle()
    assert rig.phase(line) is Phase.WAITING
    await rig.hang_up(line)
    assert [(agent, result, lasted) for agent, _, result, lasted in rings(rig)] == [
        (1, "refused", 1),
        (2, "withdrawn", 2),
        (3, "withdrawn", 3),
    ]
    assert_sound(rig)


async def test_nobody_answers_and_the_caller_waits_on(rig: ControlRig) -> None:
    line = await rig.call_sales()
    await rig.later(10)
    assert [rig.agent(login).misses for login in ALL] == [1, 1, 1]
    assert rig.phase(line) is Phase.WAITING
    assert phone(rig, "2003").released_with == [Cause.NO_ANSWER]
    await rig.later(6)
    assert ringing(rig) == list(STATIONS)
    await rig.hang_up(line)
    assert [result for _, _, result, _ in rings(rig)] == ["no_answer"] * 3 + ["withdrawn"] * 3
    assert_sound(rig)


@pytest.mark.parametrize("by", ["caller", "system"])
async def test_the_call_ends_while_all_ring(rig: ControlRig, by: str) -> None:
    line = await rig.call_sales()
    await rig.later(2)
    if by == "caller":
        await rig.hang_up(line)
    else:
        rig.controller.request(rig.call_on(line).id, HangUpRequest(by=by))
        await rig.settle()
    assert ringing(rig) == []
    assert [rig.state(login) for login in ALL] == [AgentState.READY] * 3
    assert [result for _, _, result, _ in rings(rig)] == ["withdrawn"] * 3
    assert_sound(rig)


async def test_media_that_cannot_join_rings_all_again(rig: ControlRig) -> None:
    line = await rig.call_sales()
    rig.media.faults["bridge"] = MediaRefused("unknown-port", "no such port")
    await rig.answer("2002")
    rig.media.faults.clear()
    await rig.later(0.2)
    assert phone(rig, "2002").released_with == [Cause.TEMPORARY_FAILURE]
    assert ringing(rig) == list(STATIONS)
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(line)
    assert_sound(rig)


async def test_the_winner_hangs_up_in_the_same_moment(rig: ControlRig) -> None:
    line = await rig.call_sales()
    await phone(rig, "2002").talk()
    await phone(rig, "2002").drop(Cause.NORMAL)
    await rig.settle()
    await rig.later(0.2)
    assert rig.phase(line) is Phase.OFFERED
    assert ringing(rig) == list(STATIONS)
    assert [rig.agent(login).misses for login in ALL] == [0, 0, 0]
    await rig.answer("2003")
    await rig.hang_up(line)
    assert_sound(rig)


async def test_one_station_more_rings_each_step(make_rig: MakeRig) -> None:
    queue = make_queue(strategy="ring_progressively", ring_step_s=3.0, offer_s=20.0)
    rig = await make_rig(queues=[queue], agents=AGENTS)
    await rig.seat(*ALL)
    line = await rig.call_sales()
    assert ringing(rig) == ["2001"]
    await rig.later(3)
    assert ringing(rig) == ["2001", "2002"]
    await rig.later(3)
    assert ringing(rig) == list(STATIONS)
    await rig.later(2)
    await rig.answer("2001")
    await rig.hang_up(line)
    assert [(agent, result, lasted) for agent, _, result, lasted in rings(rig)] == [
        (1, "answered", 8),
        (2, "answered_elsewhere", 5),
        (3, "answered_elsewhere", 2),
    ]
    assert_sound(rig)


@pytest.mark.parametrize(("number", "key"), [("100", "9"), ("600", "5")])
async def test_a_caller_may_leave_the_queue_by_a_key_while_all_ring(
    make_rig: MakeRig, number: str, key: str
) -> None:
    queue = make_queue(strategy="ring_all", callback=CallbackRules())
    rig = await make_rig(queues=[queue], agents=AGENTS)
    await rig.seat(*ALL)
    line = await rig.call(number)
    if number == "100":
        await rig.press(line, "1")
    assert ringing(rig) == list(STATIONS)
    await rig.press(line, key)
    assert ringing(rig) == []
    assert [rig.state(login) for login in ALL] == [AgentState.READY] * 3
    [visit] = rig.visits()
    assert visit.outcome == ("overflowed" if key == "9" else "callback_taken")
    assert [result for _, _, result, _ in rings(rig)] == ["withdrawn"] * 3
    await rig.hang_up(line)


async def test_killed_while_all_ring_the_caller_keeps_his_place(rig: ControlRig) -> None:
    first = await rig.call_sales(ani="1")
    second = await rig.call_sales(ani="2")
    await rig.later(5)
    await rig.again()
    await rig.later(0.5)
    assert (rig.phase(first), rig.phase(second)) == (Phase.OFFERED, Phase.WAITING)
    assert ringing(rig) == list(STATIONS)
    assert [rig.agent(login).misses for login in ALL] == [0, 0, 0]
    await rig.answer("2003")
    assert rig.phase(first) is Phase.TALKING
    await rig.hang_up(first)
    await rig.hang_up(second)
    assert [result for _, _, result, _ in rings(rig)] == [
        "withdrawn",
        "withdrawn",
        "withdrawn",
        "answered_elsewhere",
        "answered_elsewhere",
        "answered",
    ]
    wait = next(row for row in rig.kinds(rig.calls()[0]) if row[0] == "wait")
    assert wait == ("wait", "answered", 5.5)
    assert_sound(rig)


async def test_a_queue_that_empties_without_agents_keeps_its_caller_in_a_restart(
    make_rig: MakeRig,
) -> None:
    queue = make_queue(strategy="ring_all", no_agents="leave")
    rig = await make_rig(queues=[queue], agents=AGENTS)
    await rig.seat("ann")
    line = await rig.call_sales()
    await rig.again()
    await rig.later(0.5)
    assert rig.phase(line) is Phase.OFFERED
    await rig.answer("2001")
    await rig.hang_up(line)
    assert_sound(rig)


async def test_an_offer_that_an_earlier_version_wrote_down_is_taken_up(rig: ControlRig) -> None:
    line = await rig.call_sales()
    call = rig.call_on(line)
    [ring, *_] = [one for one in call.segments.values() if one.kind == "ring"]
    await rig.crash()
    old = Call(
        id=call.id,
        started=call.started,
        caller=call.caller,
        phase=Phase.OFFERED,
        since=call.since,
        flow=call.flow,
        flow_version=call.flow_version,
        inputs=call.inputs,
        queue=call.queue,
        agent=1,
        agent_leg=Leg(id=77, line=phone(rig, "2001").id),
        visit=call.visit,
        segments={
            "ring": OpenSegment(id=ring.id, kind="ring", started=ring.started, visit=ring.visit),
            "wait": call.segments["wait"],
        },
    )
    rig.journal.open(rig.site / "journal", clock=rig.clock).append(
        CALL_KIND, encode_call(old), rig.clock()
    )
    await rig.again()
    await rig.later(0.5)
    assert rig.phase(line) is Phase.OFFERED
    assert rig.call_on(line).agent_leg is None
    await rig.answer("2001")
    await rig.hang_up(line)
    assert rig.calls()[0].outcome == "answered"


@pytest.mark.parametrize("lost", ["call", "engine"])
async def test_the_watchdog_knows_of_several(rig: ControlRig, lost: str) -> None:
    line = await rig.call_sales()
    call = rig.call_on(line)
    watchdog = Watchdog(rig.controller)
    assert watchdog.check() == watchdog.check() == ()
    if lost == "call":
        leg = call.ringing.pop(2)
        assert leg is not None
        rig.controller.watch(leg.line, None)
        await phone(rig, "2002").drop(Cause.NORMAL)
        expected = Fault.OFFER_UNKNOWN
    else:
        perform, rig.controller.acd._perform = rig.controller.acd._perform, lambda *_: None
        rig.controller.acd.submit(AgentPaused(agent=AgentId(2), reason="lunch"))
        rig.controller.acd._perform = perform
        expected = Fault.RINGS_UNSEEN
    await rig.settle()
    watchdog.check()
    found = watchdog.check()
    await rig.later(0.5)
    assert [(one.fault, one.agent) for one in found] == [(expected, 2)]
    assert not watchdog.failed
    assert ringing(rig) == (list(STATIONS) if lost == "call" else ["2001", "2003"])
    assert watchdog.check() == watchdog.check() == ()
    await rig.answer("2003")
    await rig.hang_up(line)
    assert rig.calls()[0].outcome == "answered"


async def test_the_journal_of_a_ringing_queue_replays_byte_for_byte(rig: ControlRig) -> None:
    for station in STATIONS:
        line = await rig.call_sales()
        await rig.later(3)
        await rig.answer(station)
        await rig.later(4)
        await rig.hang_up(line)
        await rig.later(1)
    line = await rig.call_sales()
    await rig.later(11)
    await rig.hang_up(line)
    engine, decided, compared = AcdEngine(), b"", 0
    for record in rig.journal.read():
        if record.kind == ACD_KIND:
            try:
                commands = engine.handle(decode(record.payload), record.at)
            except AcdError:
                commands = ()
            decided = digest(commands) if commands else b""
        elif record.kind == DECIDED_KIND:
            assert record.payload == decided
            compared += 1
    assert compared >= 20
    assert_sound(rig)
