"""Recordings that are held whatever their age, and lamps when a message is deleted by age."""

from acd_core.ids import to_text
from daemon.control.facade.history import HistoryFacade
from daemon.store.history import Recording
from tests.fakes.facade_rig import ANN, ROOT, SUE, FacadeRig
from tests.fakes.refusals import refused


async def add(number: int, **more: object) -> str:
    row = {"kind": "message", "path": f"voicemail/{number}.wav", "started_ms": 1} | more
    await Recording.create(id=number, call_id=1, **row)
    return to_text(number)


async def test_an_administrator_holds_a_recording(hotline: FacadeRig) -> None:
    name = await add(11, ended_ms=2)
    await hotline.service.hold_recording(ROOT, name, on=True)
    assert (await Recording.get(id=11)).held_ms
    await hotline.service.hold_recording(ROOT, name, on=False)
    assert (await Recording.get(id=11)).held_ms is None
    assert [act for act in await hotline.acts() if act[1].startswith("recording.")] == [
        ("root", "recording.hold", name),
        ("root", "recording.release", name),
    ]


async def test_nobody_else_holds_one_nor_one_that_is_gone(hotline: FacadeRig) -> None:
    name = await add(11, ended_ms=2)
    for actor in (ANN, SUE):
        told = await refused(hotline.service.hold_recording(actor, name, on=True))
        assert told.code == "forbidden"
    gone, grows = await add(12, ended_ms=2, deleted_ms=3), await add(13)
    for other in (gone, grows):
        told = await refused(hotline.service.hold_recording(ROOT, other, on=True))
        assert told.code == "wrong-state"
    told = await refused(hotline.service.hold_recording(ROOT, to_text(99), on=True))
    assert told.code == "not-found"


async def test_a_lamp_goes_out_with_the_last_new_message(hotline: FacadeRig) -> None:
    history = HistoryFacade(hotline.rig.controller, hotline.site, hotline.clock)
    for number in (11, 12):
        await add(number, ended_ms=9000, duration_ms=8000, mailbox="2001")
    hotline.rig.controller.message_lamp("2001", on=True)
    await hotline.settle()
    for number, lit in ((11, True), (12, False)):
        row = await Recording.get(id=number)
        row.deleted_ms = 5
        await row.save()
        await history.recording_deleted(row)
        await hotline.settle()
        assert (hotline.driver.lamps[-1:] == [("2001", True)]) is lit
