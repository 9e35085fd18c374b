"""Checkpoints while control goes on: when they are due, and what becomes of those that fail."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acd_core import events as told
from acd_core.agent import AgentConfig
from acd_core.call_queue import QueueConfig
from acd_core.ids import AgentId, CallId, QueueId
from acd_core.state.image import save
from daemon.config import Config, JournalOptions
from daemon.control.checkpoint import rolling
from daemon.control.checkpoint.reading import read_back
from daemon.control.checkpoint.rolling import RollingCheckpoint
from daemon.control.checkpoint.store import checkpoints, recover
from daemon.control.journal import Journal
from daemon.control.journaled.files import read_journal
from daemon.site_directory import SiteDirectory

NOON = 1_790_000_000.0


class Control:
    """A journal, a clock that the test turns, and the checkpoints of both."""

    def __init__(self, folder: Path, **options: int) -> None:
        self.now = NOON
        config = Config(journal=JournalOptions(**options))
        self.site = SiteDirectory(folder, config, folder / "run")
        self.journal = Journal.open(self.site.journal, clock=lambda: self.now)
        self.calls = 0
        self.rolling = self.again()

    def again(self) -> RollingCheckpoint:
        """As the next start has it."""
        found = recover(self.site.journal, self.journal, 0)
        return RollingCheckpoint(self.journal, self.site, lambda: self.now, found)

    def tell(self, event: told.AcdEvent) -> None:
        self.journal.append("acd", told.encode(event))

    def call(self) -> None:
        """A caller comes and leaves."""
        if not self.calls:
            self.tell(told.QueueConfigured(config=QueueConfig(queue=QueueId(1)), version=1))
            self.tell(told.AgentConfigured(config=AgentConfig(agent=AgentId(1)), version=1))
        self.calls += 1
        self.tell(told.CallOffered(call=CallId(self.calls), queue=QueueId(1)))
        if self.calls % 3:
            self.tell(told.CallAbandoned(call=CallId(self.calls)))


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path, checkpoint_records=2000, checkpoint_minutes=10)
    yield made
    made.journal.close()


def test_one_is_due_after_so_many_records_or_minutes(control: Control) -> None:
    while control.journal.last_sequence < 999:
        control.call()
    control.now += 3600.0
    assert not control.rolling.is_due()
    while control.journal.last_sequence < 1000:
        control.call()
    assert control.rolling.is_due()
    control.now -= 3600.0 - 599.0
    assert not control.rolling.is_due()
    while control.journal.last_sequence < 2000:
        control.call()
    assert control.rolling.is_due()


def test_none_is_due_where_nobody_wants_any(tmp_path: Path) -> None:
    control = Control(tmp_path, checkpoint_records=0)
    for _ in range(1000):
        control.call()
    control.now += 1e6
    assert not control.rolling.is_due()
    assert "checkpoint_min" not in control.rolling.figures()
    control.journal.close()


async def test_calls_go_on_while_it_is_written(control: Control) -> None:
    control.journal.gather(asyncio.get_running_loop().call_soon)
    for _ in range(300):
        control.call()
    before = control.journal.last_sequence
    writing = asyncio.create_task(control.rolling.write())
    await asyncio.sleep(0)  # the new file has begun
    while not writing.done():
        control.call()
        await asyncio.sleep(0.001)
    assert await writing
    control.now += 125.0
    last = control.journal.last_sequence
    assert last > before + 10
    assert control.rolling.figures() == {
        "checkpoint_min": 2,
        "checkpoint_records": last - before,
        "checkpoints": 1,
        "checkpoints_failed": 0,
        "checkpoints_refused": 0,
    }
    whole = read_back(control.journal.read(), 0)
    found = recover(control.site.journal, control.journal, 0)
    assert (found.checkpoint, found.records) == (before, last - before)
    assert save(found.engine) == save(whole.engine)
    # The files together are still the whole day.
    assert [r.sequence for r in read_journal(control.site.journal)] == list(range(1, last + 1))
    assert control.again().records == last - before


async def test_one_that_fails_is_counted_and_tried_again_later(control: Control) -> None:
    for _ in range(1500):
        control.call()
    control.journal.begin_file()
    control.call()
    control.journal.sync()
    (first, _) = sorted(control.site.journal.glob("*.hfj"))
    kept = first.read_bytes()
    first.write_bytes(kept[:-5])
    assert not await control.rolling.write()
    assert control.rolling.figures()["checkpoints_failed"] == 1
    assert checkpoints(control.site.journal) == []
    assert not control.rolling.is_due()
    first.write_bytes(kept)
    control.now += rolling.RETRY_S
    assert control.rolling.is_due()
    assert await control.rolling.write()
    assert len(checkpoints(control.site.journal)) == 1


async def test_a_worker_ends_with_who_waits_for_it(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import sys, time; open(sys.argv[1] + '/began', 'w').close(); time.sleep(600)"
    monkeypatch.setattr(rolling, "_COMMAND", (sys.executable, "-c", script))
    control.call()
    writing = asyncio.create_task(control.rolling.write())
    async with asyncio.timeout(60):
        while not (control.site.journal / "began").exists():
            await asyncio.sleep(0.01)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    assert control.rolling.figures()["checkpoints"] == 0


async def test_one_that_takes_too_long_is_given_up(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling, "_COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))
    monkeypatch.setattr(rolling, "PATIENCE_S", 0.05)
    control.call()
    assert not await control.rolling.write()
    assert control.rolling.figures()["checkpoints_failed"] == 1
