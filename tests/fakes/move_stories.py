"""Stories of calls that are handed on, parked, picked up, and begun inside."""

from daemon.config import TelephoneOptions
from daemon.control.calls.moves.asking import ConsultRequest, ConsultStepRequest, ParkRequest
from daemon.control.calls.moves.tables import ConsultStep
from drivers.events import Transferred
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine

OUTSIDE = "5559000"
TELEPHONES = TelephoneOptions(allowed=("555",))


async def talk(rig: ControlRig) -> tuple[FakeLine, FakeLine]:
    """A caller and Ann."""
    await rig.seat("ann")
    line = await rig.call_sales()
    return line, await rig.answer("2001")


async def step(rig: ControlRig, line: FakeLine, step: ConsultStep) -> None:
    rig.controller.request(rig.call_on(line).id, ConsultStepRequest(step=step))
    await rig.later(1)


async def consulted(rig: ControlRig) -> None:
    """Ann asks a colleague, goes to and fro, and hands the caller over."""
    line, _ = await talk(rig)
    rig.controller.request(rig.call_on(line).id, ConsultRequest(to="2002", by="ann"))
    await rig.later(2)
    await rig.answer("2002")
    for each in (ConsultStep.SWAP, ConsultStep.SWAP, ConsultStep.COMPLETE):
        await step(rig, line, each)
    await rig.hang_up(line)
    await rig.later(20)


async def conferred(rig: ControlRig) -> None:
    """Ann asks a colleague in, leaves, and the two talk on."""
    line, agent = await talk(rig)
    rig.controller.request(rig.call_on(line).id, ConsultRequest(to="2002", by="ann"))
    await rig.settle()
    await rig.answer("2002")
    await step(rig, line, ConsultStep.JOIN)
    await rig.hang_up(agent)
    await rig.later(3)
    await rig.hang_up(line)
    await rig.later(20)


async def placed_in_queue(rig: ControlRig) -> None:
    """The agent asks the queue by a second line, and hands the caller on to the colleague there."""
    line, agent = await rig.connect()
    rig.driver.hold(agent, on=True)
    second = await rig.dial("2001", "200", second=True)
    await rig.seat("bob")
    await rig.answer("2002")
    rig.driver.emit(Transferred(line=agent.id, to="x", transfer="t1", other=second.id))
    await rig.settle()
    await rig.later(5)
    await rig.hang_up(line)
    await rig.later(20)


async def placed_in_menu(rig: ControlRig) -> None:
    """The agent asks a menu by a second line, and hands the caller on to it."""
    line, agent = await rig.connect()
    second = await rig.dial("2001", "100", second=True)
    await rig.press(second, "3")
    rig.driver.emit(Transferred(line=agent.id, to="x", transfer="t1", other=second.id))
    await rig.settle()
    await rig.press(line, "4711#")
    await rig.later(5)
    await rig.hang_up(line)
    await rig.later(20)


async def joined_by_telephone(rig: ControlRig) -> None:
    """Ann calls a colleague on her second line and lets the telephone join the two."""
    line, agent = await talk(rig)
    rig.driver.hold(agent, on=True)
    second = await rig.dial("2001", "2002", second=True)
    await rig.answer("2002")
    await rig.later(2)
    rig.driver.emit(Transferred(line=agent.id, to="x", transfer="t", other=second.id))
    await rig.later(2)
    await rig.hang_up(line)
    await rig.later(20)


async def parked(rig: ControlRig) -> None:
    """Ann parks the caller, nobody comes, her telephone rings, then a colleague takes him."""
    line, _ = await talk(rig)
    rig.controller.request(rig.call_on(line).id, ParkRequest(slot="", by="2001"))
    await rig.later(121)
    phone = await rig.dial("2002", "*51")
    await rig.later(3)
    await rig.hang_up(phone)
    await rig.hear_out(line)
    await rig.later(20)


async def picked_up(rig: ControlRig) -> None:
    """Ann's telephone rings and a colleague takes the call."""
    await rig.seat("ann", "bob")
    line = await rig.call_sales()
    rung = rig.driver.dialled[-1].number
    await rig.later(2)
    phone = await rig.dial("2002" if rung == "2001" else "2001", "*8")
    await rig.later(3)
    await rig.hang_up(phone)
    await rig.hear_out(line)
    await rig.later(20)


async def called_inside(rig: ControlRig) -> None:
    """Ann calls outside and joins whom she reached with a colleague."""
    await rig.seat("ann", "bob")
    first = await rig.dial("2001", OUTSIDE)
    await rig.driver.line(rig.driver.dialled[-1].line).talk()
    await rig.settle()
    second = await rig.dial("2001", "2002", second=True)
    await rig.answer("2002")
    rig.driver.emit(Transferred(line=first.id, to="x", transfer="t", other=second.id))
    await rig.later(3)
    await rig.hang_up(rig.driver.telephone("2002"))
    await rig.later(20)


async def handed_on_twice(rig: ControlRig) -> None:
    """Ann hands the caller to a colleague, who hands him on to somebody outside."""
    line, agent = await talk(rig)
    rig.driver.emit(Transferred(line=agent.id, to="2002", transfer="t"))
    await rig.settle()
    colleague = await rig.answer("2002")
    rig.driver.emit(Transferred(line=colleague.id, to=OUTSIDE, transfer="t2"))
    await rig.later(2)
    await rig.driver.line(rig.driver.dialled[-1].line).talk()
    await rig.later(2)
    await rig.hang_up(line)
    await rig.later(20)
