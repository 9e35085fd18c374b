"""Supervisors ask to listen, whisper or barge in: who may, what is refused, what is noted."""

import pytest

from acd_core.ids import to_text
from daemon.service.live import LiveCall
from tests.fakes.facade_rig import ANN, BOB, ROOT, SUE, TINA, FacadeRig
from tests.fakes.line import State
from tests.fakes.refusals import refused

HIS = "2002"


async def talking(hotline: FacadeRig) -> str:
    """A call that Ann has."""
    line, _ = await hotline.talk(ANN)
    return to_text(hotline.rig.call_on(line).id)


async def shown(hotline: FacadeRig) -> LiveCall:
    """The only call as the live picture has it."""
    (call,) = (await hotline.service.live()).calls
    return call


async def test_supervisor_comes_changes_part_and_leaves(hotline: FacadeRig) -> None:
    call = await talking(hotline)
    await hotline.service.supervise(SUE, call, HIS, "listen")
    await hotline.settle()
    his = await hotline.rig.answer(HIS)
    assert ((await shown(hotline)).supervisor, (await shown(hotline)).part) == ("sue", "listen")
    await hotline.service.supervise(SUE, call, HIS, "whisper")
    await hotline.settle()
    assert (await shown(hotline)).part == "whisper"
    await hotline.service.stop_supervising(SUE, call)
    await hotline.settle()
    assert his.state is State.IDLE
    assert ((await shown(hotline)).supervisor, (await shown(hotline)).part) == ("", "")
    assert (await refused(hotline.service.stop_supervising(SUE, call))).code == "not-found"
    assert [act for act in await hotline.acts() if act[0] == "sue"][:3] == [
        ("sue", "call.supervise", f"{call} listen {HIS}"),
        ("sue", "call.supervise", f"{call} whisper {HIS}"),
        ("sue", "call.supervise-stop", call),
    ]


async def test_agents_and_technicians_may_not(hotline: FacadeRig) -> None:
    call = await talking(hotline)
    noted = await hotline.acts()
    for who in (ANN, BOB, TINA):
        assert (await refused(hotline.service.supervise(who, call, HIS, "barge"))).code == (
            "forbidden"
        )
        assert (await refused(hotline.service.stop_supervising(who, call))).code == "forbidden"
    assert await hotline.acts() == noted
    await hotline.service.supervise(ROOT, call, HIS, "listen")


@pytest.mark.parametrize(
    ("station", "part", "code"),
    [
        (HIS, "dance", "invalid"),
        ("9999", "listen", "invalid"),
        ("", "listen", "invalid"),
        ("2001", "listen", "conflict"),  # Ann sits there
    ],
)
async def test_what_cannot_be(hotline: FacadeRig, station: str, part: str, code: str) -> None:
    call = await talking(hotline)
    assert (await refused(hotline.service.supervise(SUE, call, station, part))).code == code


async def test_no_conversation(hotline: FacadeRig) -> None:
    line = await hotline.rig.call_sales()
    call = to_text(hotline.rig.call_on(line).id)
    refusal = await refused(hotline.service.supervise(SUE, call, HIS, "listen"))
    assert refusal.code == "wrong-state"
    assert (await refused(hotline.service.supervise(SUE, "no call", HIS, "listen"))).code == (
        "not-found"
    )


async def test_second_supervisor_and_telephone_in_use(hotline: FacadeRig) -> None:
    call = await talking(hotline)
    await hotline.service.supervise(SUE, call, HIS, "listen")
    await hotline.settle()
    refusal = await refused(hotline.service.supervise(ROOT, call, HIS, "listen"))
    assert (refusal.code, "sue" in refusal.en) == ("conflict", True)
    await hotline.service.stop_supervising(ROOT, call)
    await hotline.settle()
    await hotline.driver.telephone(HIS).dial("5550000")
    assert (await refused(hotline.service.supervise(ROOT, call, HIS, "listen"))).code == "conflict"
    hotline.driver.unregister(HIS)
    assert (await refused(hotline.service.supervise(ROOT, call, HIS, "listen"))).code == "conflict"
