"""The disk of the recordings: what raises an alarm, what ends it, and who sees it."""

import os
from pathlib import Path

import pytest

from daemon.control.alarms.disk import PROBE, QUIET_S, DiskWatch, probe
from daemon.control.alarms.standing import TEXTS, AlarmKind, Alarms
from daemon.link.errors import MediaAway, MediaRefused
from daemon.link.messages import RecordFinished
from drivers.api import PortId
from tests.fakes.full_disk import full_disk

NO_DISK_HAS_THIS_MUCH_MB = 1 << 40
LITTLE = 1000


class Bench:
    """A watch whose clock a test moves."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.changes = 0
        self.alarms = Alarms(lambda: self.now)
        self.alarms.changed = self._changed
        self.watch = DiskWatch(self.alarms, folder, lambda: self.now)

    def _changed(self) -> None:
        self.changes += 1

    @property
    def kinds(self) -> list[str]:
        return [alarm.kind for alarm in self.alarms.standing()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def ended(reason: str, gap_ms: int = 0) -> RecordFinished:
    return RecordFinished(
        recording=7,
        port=PortId(1),
        path="recordings/a.wav",
        duration_ms=10,
        reason=reason,
        gap_ms=gap_ms,
    )


@pytest.mark.parametrize(
    ("event", "kinds"),
    [
        (ended("stopped"), []),
        (ended("closed"), []),
        (ended("disk-full"), ["disk-full"]),
        (ended("error"), ["disk-failed"]),
        (ended("stopped", 1500), ["disk-slow"]),
        (ended("disk-full", 20), ["disk-full", "disk-slow"]),
    ],
)
def test_what_the_engine_tells_of_the_disk_is_an_alarm(
    bench: Bench, event: RecordFinished, kinds: list[str]
) -> None:
    bench.watch.recorded(event)
    bench.watch.recorded(event)
    assert bench.kinds == kinds
    assert bench.changes == len(kinds)


def test_a_recording_that_the_disk_refuses_is_an_alarm(bench: Bench) -> None:
    bench.watch.refused(MediaAway("no answer"))
    bench.watch.refused(MediaRefused("unknown-port", "no such port"))
    assert bench.kinds == []
    bench.watch.refused(MediaRefused("disk", "the folder cannot be made"))
    assert bench.kinds == ["disk-failed"]


async def test_an_alarm_ends_after_a_while_without_trouble(bench: Bench, tmp_path: Path) -> None:
    bench.watch.recorded(ended("disk-full"))
    bench.now += QUIET_S - 1
    await bench.watch.look()
    assert bench.kinds == ["disk-full"]
    bench.watch.recorded(ended("disk-full"))
    bench.now += 2
    await bench.watch.look()
    assert bench.kinds == ["disk-full"]
    bench.now += QUIET_S
    await bench.watch.look()
    assert (bench.kinds, bench.changes) == ([], 2)
    assert list(tmp_path.iterdir()) == []  # the probe is gone


async def test_too_little_room_is_an_alarm_until_there_is_more(bench: Bench) -> None:
    bench.watch.least_mb = NO_DISK_HAS_THIS_MUCH_MB
    await bench.watch.look()
    assert bench.kinds == ["disk-full"]
    bench.now += 10 * QUIET_S
    await bench.watch.look()
    assert bench.kinds == ["disk-full"]
    bench.watch.least_mb = 0
    bench.now += QUIET_S
    await bench.watch.look()
    assert bench.kinds == []


async def test_room_that_is_scarce_does_not_end_the_alarm(bench: Bench, tmp_path: Path) -> None:
    bench.watch.recorded(ended("disk-full"))
    found = os.statvfs(tmp_path)
    free_mb = found.f_bavail * found.f_frsize >> 20
    bench.watch.least_mb = int(free_mb / 1.05)  # there is more, but not a tenth more
    bench.now += QUIET_S
    await bench.watch.look()
    assert bench.kinds == ["disk-full"]


async def test_a_disk_that_cannot_be_written_keeps_its_alarm(
    bench: Bench,
) -> None:
    bench.watch.recorded(ended("error"))
    bench.now += QUIET_S
    with full_disk(LITTLE):
        await bench.watch.look()
        bench.now += 1
        await bench.watch.look()
    assert bench.kinds == ["disk-failed"]


def test_a_probe_meets_the_limit_that_recordings_meet(tmp_path: Path) -> None:
    with full_disk(LITTLE):
        assert probe(tmp_path) is AlarmKind.DISK_FAILED


async def test_a_disk_that_does_not_answer_is_slow_and_asked_once(
    bench: Bench, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / PROBE)  # to open it waits for a reader, as a hung mount for its server
    bench.watch.recorded(ended("error"))
    bench.now += QUIET_S
    for _ in range(3):
        await bench.watch.look(patience_s=0.01)
    assert bench.kinds == ["disk-failed", "disk-slow"]
    with (tmp_path / PROBE).open("rb") as reader:
        os.set_blocking(reader.fileno(), False)
        await bench.watch.look(patience_s=5)  # it answers: a FIFO cannot be synced
    bench.now += QUIET_S
    (tmp_path / PROBE).unlink(missing_ok=True)
    await bench.watch.look()
    assert bench.kinds == []


@pytest.mark.parametrize("kind", AlarmKind)
def test_every_alarm_says_in_two_languages_what_to_do(kind: AlarmKind) -> None:
    alarms = Alarms(lambda: 5.0)
    alarms.sound(kind, why="a test")
    [alarm] = alarms.standing()
    assert (alarm.since, alarm.text("en"), alarm.text("zh")) == (5.0, *TEXTS[kind])
    assert alarms.stands(kind)
    alarms.clear(kind)
    alarms.clear(kind)
    assert alarms.standing() == ()
