"""Consulting, parking and dialling from the desk: what is refused, and what is written down."""

import msgspec
import pytest

from daemon.config import TelephoneOptions
from daemon.control.calls.call import Phase
from tests.fakes.facade_rig import ANN, BOB, SUE, FacadeRig
from tests.fakes.line import State
from tests.fakes.refusals import refused


async def test_agent_asks_a_colleague_and_hands_over(hotline: FacadeRig) -> None:
    line, phone = await hotline.talk(ANN)
    await hotline.seat(BOB)
    for nobody in ("", "sip:x@y", "2001"):
        assert (await refused(hotline.service.consult(ANN, nobody))).code == "conflict"
    assert (await refused(hotline.service.consult_step(ANN, "swap"))).code == "wrong-state"
    await hotline.service.consult(ANN, "bob")
    await hotline.settle()
    desk = await hotline.service.my_desk(ANN)
    assert desk.consultation is not None
    assert (desk.consultation.to, desk.consultation.state) == ("2002", "rings")
    assert (await refused(hotline.service.consult_step(ANN, "swap"))).code == "wrong-state"
    assert (await refused(hotline.service.consult_step(ANN, "dance"))).code == "invalid"
    assert (await refused(hotline.service.park(ANN, ""))).code == "conflict"
    colleague = await hotline.rig.answer("2002")
    assert hotline.rig.state("bob") == "busy"
    for step, state in (("swap", "with_caller"), ("swap", "with_target")):
        await hotline.service.consult_step(ANN, step)
        await hotline.settle()
        desk = await hotline.service.my_desk(ANN)
        assert desk.consultation is not None
        assert desk.consultation.state == state
    await hotline.service.consult_step(ANN, "complete")
    await hotline.settle()
    assert (phone.state, colleague.state) == (State.IDLE, State.TALKING)
    await hotline.rig.hang_up(line)
    assert [act for act in await hotline.acts() if "consult" in act[1]][-4:] == [
        ("ann", "agent.consult-step", "dance"),
        ("ann", "agent.consult-step", "swap"),
        ("ann", "agent.consult-step", "swap"),
        ("ann", "agent.consult-step", "complete"),
    ]


async def test_agent_asks_somebody_in(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    await hotline.service.consult(ANN, "2002")
    await hotline.settle()
    await hotline.rig.answer("2002")
    await hotline.service.consult_step(ANN, "join")
    await hotline.settle()
    desk = await hotline.service.my_desk(ANN)
    assert (desk.state, desk.consultation, desk.guests) == ("talking", None, ("2002",))
    await hotline.rig.hang_up(line)
    assert hotline.rig.driver.telephone("2002").state is State.IDLE


async def test_agent_parks_and_a_colleague_takes_the_caller_with_a_click(
    hotline: FacadeRig,
) -> None:
    line, _ = await hotline.talk(ANN, ani="5550100")
    await hotline.seat(BOB)
    assert (await refused(hotline.service.park(ANN, "*99"))).code == "conflict"
    await hotline.service.park(ANN, "")
    await hotline.settle()
    (parked,) = (await hotline.service.my_desk(BOB)).parked
    assert (parked.slot, parked.ani, parked.by) == ("*51", "5550100", "2001")
    await hotline.service.dial(BOB, parked.slot)
    await hotline.settle()
    colleague = await hotline.rig.answer("2002")
    assert hotline.rig.phase(line) is Phase.OUTSIDE
    assert (await hotline.service.my_desk(BOB)).parked == ()
    assert list(hotline.rig.media.bridges.values()) == [frozenset((line.port, colleague.port))]
    assert (await refused(hotline.service.dial(BOB, "*51"))).code == "wrong-state"  # he talks
    await hotline.rig.hang_up(line)
    acts = [act for act in await hotline.acts() if act[1] in ("agent.park", "agent.dial")]
    assert acts == [
        ("ann", "agent.park", "*99"),
        ("ann", "agent.park", ""),
        ("bob", "agent.dial", "*51"),
        ("bob", "agent.dial", "*51"),
    ]


@pytest.mark.parametrize(
    ("to", "code"),
    [("5559000", "conflict"), ("*51", "conflict"), ("*8", "conflict"), ("2001", "invalid"),
     ("sip:x", "invalid"), ("", "invalid")],
)  # fmt: skip
async def test_what_cannot_be_dialled_is_refused(hotline: FacadeRig, to: str, code: str) -> None:
    await hotline.seat(ANN)
    assert (await refused(hotline.service.dial(ANN, to))).code == code
    assert hotline.driver.dialled == []


async def test_click_needs_a_seat_and_a_free_telephone(hotline: FacadeRig) -> None:
    assert (await refused(hotline.service.dial(ANN, "2002"))).code == "wrong-state"
    await hotline.seat(ANN)
    hotline.driver.ring(ani="2001", dnis="100", line=hotline.driver.telephone("2001"))
    await hotline.settle()
    assert (await refused(hotline.service.dial(ANN, "2002"))).code == "conflict"


async def test_click_calls_outside_where_the_site_allows_it(hotline: FacadeRig) -> None:
    controller = hotline.rig.controller
    controller.telephones = msgspec.structs.replace(
        controller.telephones, allowed=("555",), max_per_hour=1
    )
    assert isinstance(controller.telephones, TelephoneOptions)
    await hotline.seat(ANN)
    await hotline.service.dial(ANN, "5559000")
    await hotline.settle()
    phone = await hotline.rig.answer("2001")
    assert [call.number for call in hotline.driver.dialled] == ["2001", "5559000"]
    await hotline.driver.line(hotline.driver.dialled[-1].line).talk()
    await hotline.settle()
    desk = await hotline.service.my_desk(ANN)
    assert (desk.state, desk.why_idle) == ("busy", "busy")
    await hotline.rig.hang_up(phone)
    assert (await hotline.service.my_desk(ANN)).state == "ready"
    controller.draining = True
    assert (await refused(hotline.service.dial(ANN, "2002"))).fields == {"to": "draining"}
    controller.draining = False
    fault = await refused(hotline.service.dial(ANN, "5559000"))  # once an hour
    assert (fault.code, fault.fields) == ("conflict", {"to": "not-allowed"})


@pytest.mark.parametrize("far", ["own telephone rings", "other one rings", "they talk"])
@pytest.mark.parametrize("who", ["ann", "bob"])
async def test_call_without_a_queue_is_hung_up_at_the_desk(
    hotline: FacadeRig, far: str, who: str
) -> None:
    await hotline.seat(ANN)
    await hotline.seat(BOB)
    assert (await refused(hotline.service.hang_up(ANN))).code == "wrong-state"
    assert (await hotline.service.dial(ANN, "2002")).dialled == "2002"
    if far != "own telephone rings":
        await hotline.settle()
        await hotline.rig.answer("2001")
    if far == "they talk":
        await hotline.rig.answer("2002")
        assert (await hotline.service.my_desk(BOB)).dialled == "2001"
    elif who == "bob":
        assert (await hotline.service.my_desk(BOB)).dialled == ""
        assert (await refused(hotline.service.hang_up(BOB))).code == "wrong-state"
    await hotline.service.hang_up(BOB if who == "bob" and far == "they talk" else ANN)
    await hotline.settle()
    assert hotline.rig.controller.calls == {}
    for station in ("2001", "2002"):
        assert hotline.driver.telephone(station).state is State.IDLE
    assert (await hotline.service.my_desk(ANN)).dialled == ""


async def test_only_agents_may(hotline: FacadeRig) -> None:
    for asked in (
        hotline.service.consult(SUE, "2002"),
        hotline.service.consult_step(SUE, "swap"),
        hotline.service.park(SUE, ""),
        hotline.service.dial(SUE, "2002"),
    ):
        assert (await refused(asked)).code == "forbidden"
