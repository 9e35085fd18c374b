"""The agent pauses the recording at the desk: what the desk says, what is noted, what fails."""

from daemon.link.errors import MediaRefused
from daemon.store.history import Recording
from tests.fakes.facade_rig import ANN, BOB, FacadeRig
from tests.fakes.refusals import refused


async def test_agent_pauses_the_recording_and_goes_on(hotline: FacadeRig) -> None:
    service = hotline.service
    line, _ = await hotline.talk(ANN)
    desk = await service.my_desk(ANN)
    assert desk.recording == "on"
    desk = await service.pause_recording(ANN, on=True)
    assert (desk.recording, desk.state) == ("paused", "talking")
    since = desk.recording_since
    again = await service.pause_recording(ANN, on=True)
    assert again.recording_since == since
    assert (await service.pause_recording(ANN, on=False)).recording == "on"
    assert desk.call is not None
    acts = [act for act in await hotline.acts() if act[1].startswith("recording.")]
    assert acts == [
        ("ann", "recording.pause", desk.call.call),
        ("ann", "recording.pause", desk.call.call),
        ("ann", "recording.resume", desk.call.call),
    ]
    await hotline.rig.hang_up(line)
    assert (await service.my_desk(ANN)).recording == ""


async def test_chain_is_kept_in_the_database(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    await hotline.rig.hang_up(line)
    await hotline.to_database()
    [row] = await Recording.all()
    assert row.chain == f"{row.id:064x}"


async def test_a_pause_that_media_refuses_is_said_and_not_noted(hotline: FacadeRig) -> None:
    await hotline.talk(ANN)
    hotline.rig.media.faults["pause_record"] = MediaRefused("unknown", "no such recording")
    fault = await refused(hotline.service.pause_recording(ANN, on=True))
    assert fault.code == "unavailable"
    assert "do not read out" in fault.text("en")
    assert (await hotline.service.my_desk(ANN)).recording == "on"
    assert not [act for act in await hotline.acts() if act[1].startswith("recording.")]


async def test_nothing_is_paused_without_a_recording_or_a_call(hotline: FacadeRig) -> None:
    await hotline.seat(BOB)
    assert (await refused(hotline.service.pause_recording(BOB, on=True))).code == "wrong-state"
    line, _ = await hotline.talk(ANN)
    hotline.rig.media.end_record(line.port, "disk-full")
    await hotline.settle()
    assert (await hotline.service.my_desk(ANN)).recording == ""
    assert (await refused(hotline.service.pause_recording(ANN, on=True))).code == "wrong-state"
