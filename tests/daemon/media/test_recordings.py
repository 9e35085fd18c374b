"""Recordings: coding, pause, the chain, repair after a stop, over the link."""

import asyncio
import os
import signal
import struct
import subprocess
import sys
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cython_ext import dsp
from daemon.control.alarms.disk import DiskWatch
from daemon.control.alarms.standing import Alarms
from daemon.link import messages as told
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from daemon.media.files import SiteFiles
from daemon.media.recordings import DiskTrouble, repair, repair_all
from daemon.recordings.audio_file import NotARecording, layout
from daemon.recordings.proof import verify
from drivers.api import PortId
from tests.daemon.media.conftest import needs_engine
from tests.fakes.full_disk import full_disk
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
TONE = dsp.ToneGenerator([1000.0], -10.0).generate(40_000)


async def finished(link: MediaLink) -> told.RecordFinished:
    async with asyncio.timeout(10):
        async for event in link.events():
            if isinstance(event, told.RecordFinished):
                return event
    raise AssertionError("the link was closed")


def side(path: Path, law: str) -> bytes:
    """What the caller said in a stereo recording of A-law or mu-law, as samples."""
    decode = dsp.alaw_decode if law == "alaw" else dsp.ulaw_decode
    return decode(path.read_bytes()[58::2])


@pytest.mark.parametrize(("coding", "tag"), [("alaw", 6), ("ulaw", 7)])
async def test_a_call_is_recorded_in_its_law_with_a_chain(
    link: MediaLink, dial: Dial, site: Path, coding: str, tag: int
) -> None:
    port, phone = await dial()
    phone.say(TONE)
    await link.record(4, port, "recordings/a.wav", stereo=True, coding=coding, chain=True)
    await phone.hear(120)
    await link.stop_record(4)
    ended = await finished(link)
    path = site / "recordings/a.wav"
    head = path.read_bytes()[:58]
    assert struct.unpack_from("<HH", head, 20) == (tag, 2)
    assert struct.unpack_from("<I", head, 54)[0] == path.stat().st_size - 58
    assert ended.duration_ms == (path.stat().st_size - 58) // 16
    assert -12 < dsp.goertzel(side(path, coding)[8000:16000], 8000, 1000.0) < -8
    verdict = verify(path)
    assert (verdict.whole, verdict.head) == (True, ended.chain)
    assert verdict.seconds == -(-ended.duration_ms // 1000) >= 2
    changed = bytearray(path.read_bytes())
    changed[58 + 16_000 + 5] ^= 1
    path.write_bytes(changed)
    assert (verify(path).whole, verify(path).seconds) == (False, 1)
    path.write_bytes(bytes(changed[: 58 + 16_000]))
    assert not verify(path).whole


async def test_a_pause_is_silent_counted_and_marked(
    link: MediaLink, dial: Dial, site: Path
) -> None:
    port, phone = await dial()
    phone.say(TONE)
    await phone.hear(5)
    await link.record(4, port, "recordings/a.wav", stereo=False, chain=True)
    await phone.hear(60)
    await link.pause_record(4, on=True)
    await phone.hear(30)
    await link.pause_record(4, on=False)
    await phone.hear(30)
    await link.stop_record(4)
    await link.pause_record(4, on=True)  # too late is harmless
    ended = await finished(link)
    assert 500 <= ended.paused_ms <= 700
    with wave.open(str(site / "recordings/a.wav")) as file:
        pcm = file.readframes(file.getnframes())
    frames = [dsp.level(pcm[at : at + 320]) for at in range(0, len(pcm) - 320, 320)]
    assert sum(level < -90 for level in frames) * 20 == pytest.approx(ended.paused_ms, abs=40)
    assert frames[10] > -12
    assert frames[-10] > -12
    marks = (site / "recordings/a.wav.chain").read_text().split("\n")
    assert marks[0].endswith(" 0")
    assert marks[-3].endswith(f" {ended.paused_ms}")
    assert marks[-2:] == ["end", ""]


async def test_both_sides_hear_that_they_are_recorded(link: MediaLink, dial: Dial) -> None:
    (a, caller), (b, agent) = await dial(), await dial("PCMU")
    await link.bridge(1, a, b)
    await link.record(4, a, "recordings/a.wav", stereo=True, tone_s=1)
    heard = await asyncio.gather(caller.hear(90), agent.hear(90))
    for pcm in heard:
        frames = [dsp.goertzel(pcm[at : at + 320], 8000, 1400.0) for at in range(0, 28_000, 320)]
        sounding = [at for at, level in enumerate(frames) if level > -30]
        assert 15 <= len(sounding) <= 24  # 200 ms, twice
        assert sounding[-1] - sounding[0] in range(55, 66)
    await link.pause_record(4, on=True)
    await caller.hear(5)
    assert dsp.goertzel(await caller.hear(70), 8000, 1400.0) < -60
    with pytest.raises(MediaRefused):
        await link.record(5, a, "recordings/b.wav", stereo=True, tone_s=-1)


async def test_a_full_disk_ends_the_recording_and_not_the_call(
    link: MediaLink, dial: Dial, site: Path
) -> None:
    (a, caller), (b, agent) = await dial(), await dial()
    await link.bridge(1, a, b)
    caller.say(TONE)
    with full_disk(8_000):
        await link.record(4, a, "recordings/a.wav", stereo=True)
        heard = await agent.hear(60)
        ended = await finished(link)
    assert ended.reason == "error"  # the system says EFBIG; of a full disk it says ENOSPC
    assert dsp.goertzel(heard[-9_600:], 8000, 1000.0) > -20
    alarms = Alarms(lambda: 5.0)
    DiskWatch(alarms, site, lambda: 5.0).recorded(ended)
    assert [alarm.kind for alarm in alarms.standing()] == ["disk-failed"]
    found = await link.counters()
    assert (found["recordings_failed"], found["recordings_disk_full"]) == (1, 0)
    assert layout((site / "recordings/a.wav").read_bytes()[:58]).start == 44
    await link.record(5, a, "recordings/b.wav", stereo=True)  # with room again all is well
    await caller.hear(10)
    await link.stop_record(5)
    assert (await finished(link)).reason == "stopped"


def test_what_the_disk_did_not_take_is_counted() -> None:
    trouble = DiskTrouble()
    trouble.finished(1, 0, "stopped")
    assert set(trouble.counters().values()) == {0}
    trouble.finished(2, 0, "disk-full")
    trouble.finished(3, 1500, "closed")
    assert trouble.counters() == {
        "recordings_disk_full": 1,
        "recordings_failed": 0,
        "recordings_with_gap": 1,
        "recordings_gap_ms": 1500,
    }


async def test_a_coding_that_is_none_is_refused(link: MediaLink, dial: Dial, site: Path) -> None:
    port, _ = await dial()
    with pytest.raises(MediaRefused) as refused:
        await link.record(4, port, "recordings/a.wav", stereo=False, coding="mp3")
    assert refused.value.code == "codec"
    assert not list(site.glob("recordings/*"))


KILLED = """
import sys, time
from cython_ext.media import Engine
from daemon.media.files import SiteFiles
from pathlib import Path
site = Path(sys.argv[1])
files, engine = SiteFiles(site), Engine(realtime=False)
engine.start()
engine.open_rtp(1, "127.0.0.1")
engine.connect_rtp(1, "127.0.0.1", 9, payload_type=8, law="A")
engine.play_tone(1, 1, [(440.0, 0.0)], [])
path = files.recording("recordings/lost.wav")
engine.record(1, 1, path, stereo=True, law=sys.argv[2], chain=True)
files.started(1, path)
while Path(path + ".chain").read_text().count("\\n") < 2:
    time.sleep(0.02)
print("two seconds", flush=True)
time.sleep(60)
"""


@needs_engine
@pytest.mark.parametrize("law", ["s16", "A"])
def test_a_killed_process_loses_at_most_the_last_second(tmp_path: Path, law: str) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path), law]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"two seconds\n"
        child.send_signal(signal.SIGKILL)
    path = tmp_path / "recordings/lost.wav"
    files = SiteFiles(tmp_path)
    assert files.unfinished() == [path]
    assert files.unfinished() == []
    with path.open("ab") as file:
        file.write(b"x")  # half a sample
    assert repair_all([path, tmp_path / "none.wav"]) == 1
    head = path.read_bytes()[:58]
    found = layout(head)
    size = path.stat().st_size - found.start
    assert struct.unpack_from("<I", head, found.start - 4)[0] == size
    assert size % (found.second // 8000) == 0
    assert size >= 2 * found.second
    verdict = verify(path)
    assert verdict.seconds >= 2
    assert not verdict.whole


def test_what_is_no_recording_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    for content in (b"", b"RIFF" + bytes(60), b"RIFF....WAVEfmt " + bytes(60), os.urandom(300)):
        path.write_bytes(content)
        with pytest.raises(NotARecording):
            repair(path)
        assert path.read_bytes() == content
