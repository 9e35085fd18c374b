"""Automatic level and who speaks: asked of media as the options say, shown, and taken back."""

import pytest

from daemon.config import AudioOptions
from daemon.control.calls.call import Part
from daemon.control.calls.context import HoldRequest, SuperviseRequest
from daemon.control.calls.moves.asking import ConsultRequest
from daemon.control.calls.moves.tables import ConsultStep
from daemon.control.facade.live.picture import LivePicture
from daemon.link.errors import MediaRefused
from drivers.api import PortId
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine
from tests.fakes.move_stories import step


async def speakers(rig: ControlRig) -> list[tuple[str, ...]]:
    """Who speaks, as the console is told, a call each."""
    state = await LivePicture(rig.controller, rig.clock).state()
    return [call.speakers for call in state.calls]


async def speak(rig: ControlRig, line: FakeLine, *, on: bool) -> None:
    assert line.port is not None
    rig.media.speaks(line.port, on=on)
    await rig.settle()


async def confer(rig: ControlRig, line: FakeLine) -> FakeLine:
    """Somebody more in the conversation."""
    rig.controller.request(rig.call_on(line).id, ConsultRequest(to="2002", by="ann"))
    await rig.settle()
    guest = await rig.answer("2002")
    await step(rig, line, ConsultStep.JOIN)
    return guest


async def test_a_call_of_two_asks_media_for_nothing(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await rig.hang_up(line)
    assert rig.media.attended == {}
    assert not rig.media.ever_attended


@pytest.mark.parametrize(
    ("whose", "levels"),
    [("agents", (False, True)), ("callers", (True, False)), ("all", (True, True))],
)
async def test_level_is_set_for_those_whom_the_site_names(
    rig: ControlRig, whose: str, levels: tuple[bool, bool]
) -> None:
    rig.controller.audio = AudioOptions(automatic_level=whose)
    line, agent = await rig.connect()
    found = [rig.media.attended.get(each.port, (False, False)) for each in (line, agent)]
    assert found == [(level, False) for level in levels]
    await rig.hang_up(agent)
    assert rig.media.attended.get(line.port, (False, False)) == (False, False)


async def test_hold_takes_the_level_back_and_retrieving_sets_it(rig: ControlRig) -> None:
    rig.controller.audio = AudioOptions(automatic_level="all")
    line, agent = await rig.connect()
    call = rig.call_on(line)
    rig.controller.request(call.id, HoldRequest(on=True))
    await rig.settle()
    assert rig.media.attended[line.port] == (False, False)
    rig.controller.request(call.id, HoldRequest(on=False))
    await rig.settle()
    assert rig.media.attended[line.port] == rig.media.attended[agent.port] == (True, False)


async def test_a_conference_shows_who_speaks(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    guest = await confer(rig, line)
    assert {rig.media.attended[each.port] for each in (line, agent, guest)} == {(False, True)}
    assert await speakers(rig) == [()]
    await speak(rig, line, on=True)
    await speak(rig, guest, on=True)
    assert await speakers(rig) == [("caller", "2002")]
    await speak(rig, line, on=False)
    assert await speakers(rig) == [("2002",)]
    await rig.hang_up(guest)
    assert await speakers(rig) == [()]
    assert rig.media.attended[line.port] == (False, False)
    await rig.hang_up(agent)
    await rig.hang_up(line)
    assert rig.controller.speaking == {}


async def test_all_conversations_are_shown_where_the_site_wants_it(rig: ControlRig) -> None:
    rig.controller.audio = AudioOptions(speakers="all")
    line, agent = await rig.connect()
    await speak(rig, agent, on=True)
    assert await speakers(rig) == [("agent",)]
    await rig.hang_up(line)
    assert await speakers(rig) == []


async def test_nobody_is_told_that_a_supervisor_speaks(rig: ControlRig) -> None:
    rig.controller.audio = AudioOptions(speakers="all", automatic_level="all")
    line, agent = await rig.connect()
    asked = SuperviseRequest(login="sue", station="2002", part=Part.BARGE)
    rig.controller.request(rig.call_on(line).id, asked)
    await rig.settle()
    supervisor = await rig.answer("2002")
    assert set(rig.media.attended) == {line.port, agent.port}
    assert supervisor.port not in rig.media.attended


async def test_speaking_writes_nothing_into_the_journal(rig: ControlRig) -> None:
    rig.controller.audio = AudioOptions(speakers="all")
    line, _ = await rig.connect()
    before = rig.controller._kept.copy()
    await speak(rig, line, on=True)
    assert rig.controller._kept == before


@pytest.mark.parametrize("who", [0, 1])
async def test_nothing_is_asked_of_ports_that_are_gone(rig: ControlRig, who: int) -> None:
    rig.controller.audio = AudioOptions(automatic_level="all", speakers="all")
    both = await rig.connect()
    asked: list[int] = []
    attend = rig.media.attend

    async def listen(port: PortId, *, level: bool, speaker: bool = False) -> None:
        asked.append(port)
        assert port in rig.media.ports
        await attend(port, level=level, speaker=speaker)

    rig.media.attend = listen  # type: ignore[method-assign]
    await rig.hang_up(both[who])
    assert asked == ([] if who == 0 else [both[0].port])
    await rig.hang_up(both[0])


async def test_media_that_cannot_attend_costs_nobody_anything(rig: ControlRig) -> None:
    rig.controller.audio = AudioOptions(automatic_level="all")
    rig.media.faults["attend"] = MediaRefused("unknown-port", "no such port")
    line, _ = await rig.connect()
    assert rig.call_on(line).connected
    await rig.hang_up(line)


async def test_a_new_control_process_asks_again(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    guest = await confer(rig, line)
    rig.media.attended.clear()
    await rig.again()
    await rig.hang_up(agent)
    assert rig.call_on(line).onward is not None
    assert guest.port not in rig.media.attended  # two talk, and nobody is shown
    assert rig.phase(line).value == "outside"
