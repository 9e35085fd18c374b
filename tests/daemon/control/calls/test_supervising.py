"""A supervisor in a conversation: he listens, whispers to the agent, or barges in."""

from collections.abc import Awaitable, Callable

import pytest

from acd_core.agent import AgentState
from daemon.control.calls.call import Part, Phase
from daemon.control.calls.context import StopSupervisingRequest, SuperviseRequest
from daemon.control.calls.supervising import PATIENCE_S
from daemon.link.errors import MediaRefused
from drivers.errors import LinkLost
from drivers.events import Cause, Transferred
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]
HIS = "2002"  # nobody sits there


async def ask(rig: ControlRig, line: FakeLine, part: Part, login: str = "sue") -> None:
    """A supervisor wants to be in a conversation, or another part in it."""
    wish = SuperviseRequest(login=login, station=HIS, part=part)
    rig.controller.request(rig.call_on(line).id, wish)
    await rig.settle()


async def supervise(rig: ControlRig, line: FakeLine, part: Part = Part.LISTEN) -> FakeLine:
    """A supervisor asks, and picks up."""
    await ask(rig, line, part)
    return await rig.answer(HIS)


def part_of(rig: ControlRig, his: FakeLine) -> str:
    """What media lets the supervisor do; nothing when he is in no bridge."""
    assert his.port is not None
    return rig.media.parts.get(his.port, (0, "", None))[1]


async def test_listens_whispers_and_barges_in(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    talk, seen = rig.call_on(line).bridge, len(rig.media.bridged)
    his = await supervise(rig, line)
    assert his.port is not None
    assert rig.driver.dialled[-1].number == HIS
    assert rig.media.parts == {his.port: (talk, "listens", None)}
    await ask(rig, line, Part.WHISPER)
    assert rig.media.parts == {his.port: (talk, "whispers", phone.port)}
    await ask(rig, line, Part.BARGE)
    assert rig.media.parts == {his.port: (talk, "talks", None)}
    await ask(rig, line, Part.LISTEN)
    assert part_of(rig, his) == "listens"
    # Caller and agent were neither parted nor joined anew, and heard nothing of it.
    assert len(rig.media.bridged) == seen
    assert rig.media.hears(line.port) == rig.media.hears(phone.port) == ()
    assert (line.asked, phone.asked) == (["answer"], ["dial"])
    await rig.hang_up(his)
    assert rig.call_on(line).supervision is None
    assert (rig.phase(line), rig.state("ann")) == (Phase.TALKING, AgentState.TALKING)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_is_let_go_by_command_and_may_come_back(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    his = await supervise(rig, line)
    rig.controller.request(rig.call_on(line).id, StopSupervisingRequest())
    await rig.settle()
    assert (his.state, rig.phase(line)) == (State.IDLE, Phase.TALKING)
    assert rig.media.parts == {}
    his = await supervise(rig, line, Part.WHISPER)
    assert part_of(rig, his) == "whispers"


async def test_stays_through_hold(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    his = await supervise(rig, line)
    rig.driver.hold(phone, on=True)
    await rig.settle()
    assert (rig.phase(line), part_of(rig, his), his.state) == (Phase.ON_HOLD, "", State.TALKING)
    await ask(rig, line, Part.WHISPER)
    assert part_of(rig, his) == ""
    rig.driver.hold(phone, on=False)
    await rig.settle()
    assert his.port is not None
    assert rig.media.parts == {his.port: (rig.call_on(line).bridge, "whispers", phone.port)}


async def test_answers_while_the_caller_is_on_hold(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    rig.driver.hold(phone, on=True)
    await rig.settle()
    his = await supervise(rig, line, Part.BARGE)
    assert part_of(rig, his) == ""
    rig.driver.hold(phone, on=False)
    await rig.settle()
    assert part_of(rig, his) == "talks"


@pytest.mark.parametrize("who", ["caller", "agent"])
@pytest.mark.parametrize("answered", [True, False])
async def test_is_released_when_the_conversation_ends(
    rig: ControlRig, who: str, *, answered: bool
) -> None:
    line, phone = await rig.connect()
    await ask(rig, line, Part.LISTEN)
    his = rig.driver.telephone(HIS)
    if answered:
        await rig.answer(HIS)
    await rig.hang_up(line if who == "caller" else phone)
    assert his.state is State.IDLE
    if who == "agent":
        assert rig.call_on(line).supervision is None
        await rig.hang_up(line)
    assert rig.controller.calls == {}
    assert_sound(rig)


async def test_is_released_when_the_agent_sends_the_caller_elsewhere(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    his = await supervise(rig, line)
    rig.driver.emit(Transferred(line=phone.id, to="5559000", transfer="t"))
    await rig.settle()
    assert his.state is State.TALKING  # the agent is still there
    await rig.driver.line(rig.driver.dialled[-1].line).talk()
    await rig.settle()
    assert (rig.phase(line), his.state) == (Phase.OUTSIDE, State.IDLE)


async def test_cannot_give_the_call_away(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    his = await supervise(rig, line)
    rig.driver.emit(Transferred(line=his.id, to="5559000", transfer="his"))
    await rig.settle()
    assert rig.driver.transfers == [("his", Cause.NOT_IMPLEMENTED)]
    assert rig.call_on(line).onward is None


async def test_station_rings_for_a_while_only(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await ask(rig, line, Part.LISTEN)
    await rig.later(PATIENCE_S + 1)
    his = rig.driver.telephone(HIS)
    assert (his.state, his.released_with) == (State.IDLE, [Cause.NO_ANSWER])
    assert (rig.call_on(line).supervision, rig.phase(line)) == (None, Phase.TALKING)


async def test_one_supervisor_at_a_time(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    his = await supervise(rig, line)
    await ask(rig, line, Part.BARGE, login="mallory")
    supervision = rig.call_on(line).supervision
    assert supervision is not None
    assert (supervision.login, part_of(rig, his)) == ("sue", "listens")


@pytest.mark.parametrize("trouble", ["unregistered", "no dialling", "busy"])
async def test_station_that_cannot_be_rung(rig: ControlRig, trouble: str) -> None:
    line, _ = await rig.connect()
    his = rig.driver.telephone(HIS)
    if trouble == "unregistered":
        rig.driver.unregister(HIS)
    elif trouble == "no dialling":
        his.faults["dial"] = LinkLost("cable out")
    else:
        his.state = State.RINGING
    await ask(rig, line, Part.LISTEN)
    assert (rig.call_on(line).supervision, rig.phase(line)) == (None, Phase.TALKING)
    assert not rig.controller.watched(his.id)


async def test_media_that_refuses_him_does_not_touch_the_conversation(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    rig.media.faults["join"] = MediaRefused("full", "the bridge is full")
    his = await supervise(rig, line)
    assert (his.state, rig.phase(line)) == (State.IDLE, Phase.TALKING)
    assert len(rig.media.bridges) == 1


async def test_nobody_supervises_a_caller_who_waits(rig: ControlRig) -> None:
    line = await rig.call_sales()
    await ask(rig, line, Part.LISTEN)
    assert rig.driver.dialled == []
    assert rig.call_on(line).supervision is None


async def test_stays_in_when_control_is_killed(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    his = await supervise(rig, line)
    await ask(rig, line, Part.WHISPER)
    await rig.again()
    assert {line.port, phone.port, his.port} <= set(rig.media.claimed)
    assert (rig.phase(line), part_of(rig, his)) == (Phase.TALKING, "whispers")
    await ask(rig, line, Part.BARGE)
    assert part_of(rig, his) == "talks"
    await rig.hang_up(phone)
    assert his.state is State.IDLE
    await rig.hang_up(line)
    assert_sound(rig)


async def test_hangs_up_while_control_is_away(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    his = await supervise(rig, line)
    await rig.crash()
    await his.drop(Cause.NORMAL)
    await rig.again()
    assert (rig.call_on(line).supervision, rig.phase(line)) == (None, Phase.TALKING)
    await supervise(rig, line)


async def test_is_released_when_the_agent_leaves_while_control_is_away(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    his = await supervise(rig, line)
    await rig.crash()
    await phone.drop(Cause.NORMAL)
    await rig.again()
    assert his.state is State.IDLE


async def test_is_released_when_the_caller_leaves_while_control_is_away(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    his = await supervise(rig, line)
    await rig.crash()
    await line.drop(Cause.NORMAL)
    await rig.again()
    assert (his.state, rig.controller.calls) == (State.IDLE, {})


@pytest.mark.parametrize("picks_up", [True, False])
async def test_station_that_rang_when_control_was_killed(
    rig: ControlRig, *, picks_up: bool
) -> None:
    line, _ = await rig.connect()
    await ask(rig, line, Part.LISTEN)
    await rig.crash()
    if picks_up:
        await rig.driver.telephone(HIS).talk()
    await rig.again()
    assert rig.driver.telephone(HIS).state is State.IDLE
    assert (rig.call_on(line).supervision, rig.phase(line)) == (None, Phase.TALKING)
    assert part_of(rig, await supervise(rig, line)) == "listens"
