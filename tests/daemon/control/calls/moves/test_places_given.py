"""A telephone asks a queue or a menu, and hands its caller on to there (attended transfer)."""

from collections.abc import Awaitable, Callable

import pytest

from daemon.control.calls.call import Phase
from daemon.control.facade.directory import AgentInfo
from daemon.store.rows import RecordingRow
from drivers.events import Cause, Transferred
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]
CALLER = "5550100"
AGENTS = (
    AgentInfo(key=1, login="ann", name="Ann", station="2001"),
    AgentInfo(key=2, login="bob", name="Bob", station="2002"),
)


@pytest.fixture
async def house(make_rig: MakeRig) -> ControlRig:
    return await make_rig(queues=(make_queue(record=True),), agents=AGENTS)


async def asking(rig: ControlRig, number: str) -> tuple[FakeLine, FakeLine, FakeLine]:
    """Ann talks with a caller, and has called a number of the hotline besides."""
    line, agent = await rig.connect()
    rig.driver.hold(agent, on=True)
    await rig.later(3)
    return line, agent, await rig.dial("2001", number, second=True)


async def hand_on(rig: ControlRig, agent: FakeLine, second: FakeLine, *, turned: bool) -> None:
    one, other = (second, agent) if turned else (agent, second)
    rig.driver.emit(Transferred(line=one.id, to="x", transfer="t1", other=other.id))
    await rig.settle()
    assert rig.driver.transfers == [("t1", None)]
    assert second.state is State.IDLE
    assert agent.state is not State.TALKING


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("killed", [False, True])
async def test_caller_goes_on_in_the_menu_that_was_asked(
    house: ControlRig, *, turned: bool, killed: bool
) -> None:
    line, agent, second = await asking(house, "100")
    await house.press(second, "3")
    await house.press(second, "47")
    await hand_on(house, agent, second, turned=turned)
    if killed:
        await house.again()
    assert (house.phase(line), house.state("ann")) == (Phase.FLOW, "ready")
    assert house.speech.said[-1] == "Your number and hash"
    await house.press(line, "4711#")
    assert house.phase(line) is Phase.OFFERED
    call = house.call_on(line)
    assert (call.ani, call.begun_by, call.data["account"]) == (CALLER, "2001", "4711")
    await house.hang_up(line)
    assert_sound(house)
    first, then = house.calls()
    assert (first.outcome, first.ended_by, then.ani) == ("answered", "agent", CALLER)


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("bob", ["away", "rings", "talks", "holds"])
async def test_caller_takes_the_place_in_the_queue(
    house: ControlRig, bob: str, *, killed: bool
) -> None:
    line, agent, second = await asking(house, "200")
    if bob != "away":
        await house.seat("bob")
    if bob in ("talks", "holds"):
        colleague = await house.answer("2002")
        house.driver.hold(colleague, on=bob == "holds")
    await house.later(7)
    await hand_on(house, agent, second, turned=False)
    if killed:
        await house.again()
        await house.later(0.1)
    assert house.call_on(line).ani == CALLER
    if bob in ("away", "rings"):  # then it is ann who is free, or both are after a restart
        assert house.phase(line) is Phase.OFFERED
        colleague = await house.answer(house.driver.dialled[-1].number)
    if bob == "holds":
        assert (house.phase(line), house.media.bridges) == (Phase.ON_HOLD, {})
        assert len(house.media.players) == 1
        house.driver.hold(colleague, on=False)
        await house.settle()
    assert house.phase(line) is Phase.TALKING
    assert list(house.media.bridges.values()) == [frozenset((line.port, colleague.port))]
    assert [recorder.port for recorder in house.media.recorders.values()] == [line.port]
    await house.later(2)
    await house.hang_up(line)
    assert_sound(house)
    asked, visit = house.visits()
    assert (asked.outcome, visit.outcome) == ("answered", "answered")
    assert len(house.book.newest(RecordingRow)) == (3 if bob in ("talks", "holds") else 2)


async def test_colleague_who_was_called_hands_the_caller_on_to_a_queue(house: ControlRig) -> None:
    line, agent = await house.connect()
    house.driver.emit(Transferred(line=agent.id, to="2002", transfer="t0"))
    await house.settle()
    colleague = await house.answer("2002")
    house.driver.transfers.clear()
    second = await house.dial("2002", "200", second=True)
    await hand_on(house, colleague, second, turned=False)
    assert house.phase(line) is Phase.OFFERED  # ann is free again
    assert house.call_on(line).ani == CALLER
    await house.hang_up(line)
    assert_sound(house)


async def test_place_is_kept_while_a_message_is_spoken(house: ControlRig) -> None:
    line, agent, second = await asking(house, "100")
    for keys in ("3", "4711#", "9"):
        await house.press(second, keys)
    await house.hear_out(second)
    await house.hear_out(second)
    assert house.call_on(second).recording is not None
    house.driver.emit(Transferred(line=agent.id, to="x", transfer="t1", other=second.id))
    await house.settle()
    assert house.driver.transfers == [("t1", Cause.NOT_IMPLEMENTED)]
    assert (house.phase(line), agent.state) == (Phase.ON_HOLD, State.TALKING)
    await house.hang_up(second)
    await house.hang_up(line)
    assert_sound(house)
