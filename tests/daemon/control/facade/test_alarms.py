"""Alarms on their way from a recording that the disk did not take to those who look."""

from daemon.control.alarms.standing import AlarmKind
from daemon.link.errors import MediaRefused
from daemon.readiness import announce
from tests.fakes.facade_rig import ANN, FacadeRig


async def test_a_full_disk_is_a_warning_and_the_call_goes_on(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    [recorder] = hotline.rig.media.recorders.values()
    hotline.rig.media._end_record(recorder, "disk-full")
    await hotline.settle()
    assert hotline.rig.call_on(line).connected
    [warning] = (await hotline.service.status()).warnings
    assert "full" in warning.en
    hotline.rig.controller.disk.alarms.clear(AlarmKind.DISK_FULL)
    assert (await hotline.service.status()).warnings == ()


async def test_a_recording_that_cannot_begin_is_an_alarm(hotline: FacadeRig) -> None:
    hotline.rig.media.faults["record"] = MediaRefused("disk", "the folder cannot be made")
    line, _ = await hotline.talk(ANN)
    assert hotline.rig.call_on(line).connected
    [alarm] = hotline.rig.controller.disk.alarms.standing()
    assert alarm.kind == "disk-failed"


async def test_rights_that_media_lacks_are_warnings(hotline: FacadeRig) -> None:
    announce(hotline.site.run_dir, "media", missing=["realtime"], scheduling="nice -11")
    status = await hotline.service.status()
    assert ["priority" in warning.en for warning in status.warnings] == [True]
    [media] = [process for process in status.processes if process.name == "media"]
    assert media.detail == "nice -11"


async def test_a_library_that_options_ask_for_in_vain_is_a_warning(hotline: FacadeRig) -> None:
    announce(hotline.site.run_dir, "media", missing=["libopus", "something new"])
    [warning] = (await hotline.service.status()).warnings
    assert "libopus0" in warning.en
    assert "libopus0" in warning.zh
