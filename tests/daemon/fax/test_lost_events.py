"""Events of media that control has lost: recordings and faxes that ended with them are found.

Media, its fax host, the link and control's part of it are real; so are the files.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cython_ext.implementation import PURE_PYTHON
from daemon.control.calls.call import Call, Leg, OpenRecording
from daemon.control.calls.life import CallLife
from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded
from daemon.link import channel as link_channel
from daemon.link.lasting import LastingMediaLink
from daemon.recordings.proof import verify
from daemon.store.rows import RecordingRow, SegmentRow
from drivers.api import LineId, PortId, RtpFormat
from ivr.actions import ReceiveFax
from tests.fakes.control_rig import ControlRig
from tests.fakes.fax_bench import FaxBench
from tests.fakes.rtp_phone import RtpPhone

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

TALK = "recordings/{}.wav"


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not found():
            await asyncio.sleep(0.01)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[ControlRig]:
    """Control with a link to a real media process; it does not read events before it is started."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "recordings").mkdir()
    bench = FaxBench(site, tmp_path / "media.sock")
    await bench.media.open()
    made = ControlRig(site)
    link = await LastingMediaLink.connect(tmp_path / "media.sock", made.ids)
    made.controller.media = link
    yield made
    await made.crash()
    await link.disconnect()
    await bench.media.close()


def open_call(rig: ControlRig, port: PortId) -> Call:
    """A call that stands on a port of media."""
    leg = Leg(id=rig.ids(), line=LineId("fake/1"), port=port, answered=rig.clock())
    call = Call(id=rig.ids(), started=rig.clock(), caller=leg)
    rig.controller.calls[call.id] = CallLife(call, rig.controller)
    return call


async def record(rig: ControlRig, call: Call, phone: RtpPhone, *, frames: int) -> OpenRecording:
    """Record a call as its conversation is, and stop."""
    number = rig.ids()
    made = OpenRecording(id=number, path=TALK.format(number), kind="call", started=rig.clock())
    rig.records.recording(call, made)
    assert call.caller.port is not None
    media = rig.controller.media
    await media.record(number, call.caller.port, made.path, stereo=True, chain=True)
    await phone.hear(frames)
    await media.stop_record(number)
    return made


async def test_what_ended_with_lost_events_is_on_record(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_channel, "MOST_EVENTS", 1)
    link = rig.controller.media
    assert isinstance(link, LastingMediaLink)
    with RtpPhone() as phone, RtpPhone() as other:
        legs = []
        for each in (phone, other):
            port, address = await link.open_rtp()
            each.call(address)
            await link.connect_rtp(port, each.address, RtpFormat())
            legs.append(open_call(rig, port))
        call, faxing = legs
        first = await record(rig, call, phone, frames=5)  # its end is the one that is heard
        second = await record(rig, call, phone, frames=60)
        told: list[FaxEnded] = []
        faxes = rig.controller.faxes
        number, _ = await faxes.receive(faxing, ReceiveFax(node="fax", mailbox=""), told.append)
        assert number in faxes.running()
        await link.host(fax.HOST, fax.encode(fax.StopFax(fax=number)))
        await other.hear(5)
        host = fax.encode(fax.AskFax(fax=number))
        async with asyncio.timeout(30):
            while fax.decode_reply(await link.host(fax.HOST, host)) != fax.FaxStopped():
                await other.hear(2)
        assert (link.events_dropped, told) == (0, [])
        monkeypatch.undo()
        await rig.start()
        await until(lambda: bool(told) and not rig.records.open_recordings())
        assert link.events_dropped > 0
        assert told[0].code == fax.DROPPED
        rows = {row.id: row for row in rig.book.newest(RecordingRow)}
        assert rows[first.id].duration_ms < rows[second.id].duration_ms
        for made in (first, second):
            verdict = verify(rig.site / made.path)
            assert (verdict.whole, verdict.head) == (True, rows[made.id].chain)
        [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
        assert (segment.result, segment.detail["en"]) == (
            "fax_failed",
            "somebody hung up in the middle",
        )
        for each in legs:
            assert each.caller.port is not None
            await link.close(each.caller.port)
