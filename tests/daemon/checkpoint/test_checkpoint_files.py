"""Files of checkpoints: whole or not there, and never in the way of a start."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd_core import events as told
from acd_core.agent import AgentConfig
from acd_core.call_queue import QueueConfig
from acd_core.ids import AgentId, CallId, QueueId
from acd_core.state.image import save
from daemon.commands import check
from daemon.control.checkpoint import store
from daemon.control.checkpoint.quiet import make_checkpoint
from daemon.control.checkpoint.reading import Recovered, read_back
from daemon.control.checkpoint.store import checkpoints, last_record, look, read, recover
from daemon.control.checkpoint.worker import Written, advance
from daemon.control.journal import Journal
from daemon.control.journaled.files import SNAPSHOT, read_journal
from daemon.errors import JournalError

NOON = 1_790_000_000.0


def journal_of(folder: Path, calls: int = 20) -> Journal:
    """A floor with one agent, and callers who wait."""
    journal = Journal.open(folder, clock=lambda: NOON)
    events: list[told.AcdEvent] = [
        told.QueueConfigured(config=QueueConfig(queue=QueueId(1)), version=1),
        told.AgentConfigured(config=AgentConfig(agent=AgentId(1)), version=1),
        told.AgentLoggedIn(agent=AgentId(1), station="2001"),
        told.AgentReady(agent=AgentId(1)),
        *(told.CallOffered(call=CallId(number), queue=QueueId(1)) for number in range(calls)),
    ]
    for event in events:
        journal.append("acd", told.encode(event))
    return journal


def waiting(recovered: Recovered) -> int:
    return recovered.engine.snapshot(NOON).queues[0].callers


def test_a_start_goes_on_from_the_newest_checkpoint(tmp_path: Path) -> None:
    journal = journal_of(tmp_path)
    for upto in (5, 10, 15):
        advance(tmp_path, upto)
    assert [last_record(path) for path in checkpoints(tmp_path)] == [15, 10]
    found = recover(tmp_path, journal, 0)
    assert (found.checkpoint, found.records, found.events, found.refused) == (15, 9, 9, 0)
    assert waiting(found) == 20
    assert found.checkpoint_at == NOON
    journal.close()


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 1 << 20), place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_damaged_checkpoint_is_refused_and_the_one_before_counts(
    cut: int, place: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = journal_of(folder, calls=3)
    advance(folder, 5)
    advance(folder, 6)
    newest = checkpoints(folder)[0]
    whole = newest.read_bytes()
    damaged = bytearray(whole)
    damaged[place % len(whole)] ^= 1 << bit
    for content in (whole[: cut % len(whole)], bytes(damaged)):
        newest.write_bytes(content)
        found = recover(folder, journal, 0)
        assert (found.checkpoint, found.refused, found.records) == (5, 1, 2)
        assert waiting(found) == 3
    checkpoints(folder)[1].write_bytes(b"")
    found = recover(folder, journal, 0)
    assert (found.checkpoint, found.refused, found.records) == (0, 2, 7)
    assert waiting(found) == 3
    journal.close()


def test_one_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_of(tmp_path)
    advance(tmp_path, 5)
    monkeypatch.setattr("acd_core.state.image.SHAPE", "another")
    found = recover(tmp_path, journal, 0)
    assert (found.checkpoint, found.refused, waiting(found)) == (0, 1, 20)
    # The next one is made of the whole journal.
    assert advance(tmp_path, 24).records == 24
    assert recover(tmp_path, journal, 0).checkpoint == 24
    journal.close()


def test_one_that_knows_more_than_the_journal_is_refused(tmp_path: Path) -> None:
    journal_of(tmp_path).close()
    advance(tmp_path, 24)
    (path,) = tmp_path.glob("*.hfj")
    path.write_bytes(path.read_bytes()[:-10])  # a power cut
    journal = Journal.open(tmp_path, clock=lambda: NOON)
    found = recover(tmp_path, journal, 0)
    assert (found.checkpoint, found.refused, waiting(found)) == (0, 1, 19)
    journal.close()


@pytest.mark.parametrize("step", ["open", "fdopen", "fsync", "rename"])
def test_a_kill_while_one_is_written_leaves_the_one_before(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_of(tmp_path)
    advance(tmp_path, 5)

    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*((Path, step) if step == "rename" else (os, step)), kill)
        with pytest.raises(Killed):
            advance(tmp_path, 10)
    assert recover(tmp_path, journal, 0).checkpoint == 5
    advance(tmp_path, 10)
    assert recover(tmp_path, journal, 0).checkpoint == 10
    assert list(tmp_path.glob("*.new")) == []
    journal.close()


def test_a_kill_before_older_ones_are_removed_leaves_them_for_the_next(tmp_path: Path) -> None:
    journal = journal_of(tmp_path)
    for upto in (5, 6, 7):
        assert read(_at(tmp_path, upto)).sequence == upto
    assert len(checkpoints(tmp_path)) == store.KEPT
    (tmp_path / "checkpoint-000000000002.hfc").write_bytes(b"left behind")
    (tmp_path / "checkpoint-000000000009.77.new").write_bytes(b"half")
    advance(tmp_path, 9)
    assert [last_record(path) for path in checkpoints(tmp_path)] == [9, 7]
    assert list(tmp_path.glob("*.new")) == []
    journal.close()


def _at(folder: Path, upto: int) -> Path:
    advance(folder, upto)
    return checkpoints(folder)[0]


def test_a_quiet_night_after_a_checkpoint_begins_anew(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, calls=0)
    advance(tmp_path, 4)
    quiet = read_back(read_journal(tmp_path), 0).engine.snapshot(NOON)
    payload = make_checkpoint(
        quiet,
        queues=[QueueConfig(queue=QueueId(1))],
        agents=[AgentConfig(agent=AgentId(1))],
        version=2,
        rows=[],
        drivers={},
    )
    journal.append(SNAPSHOT, payload)
    after = told.CallOffered(call=CallId(7), queue=QueueId(1))
    journal.append("acd", told.encode(after))
    whole = save(read_back(journal.read(4), 0).engine)
    for upto in (None, 5, 6):
        if upto is not None:
            advance(tmp_path, upto)
        found = recover(tmp_path, journal, 0)
        assert found.checkpoint == (upto or 4)
        assert save(found.engine) == whole
    journal.close()


def test_records_that_are_missing_make_no_checkpoint(tmp_path: Path) -> None:
    journal = journal_of(tmp_path)
    advance(tmp_path, 5)
    with pytest.raises(JournalError, match="ends at record 24, before 25"):
        advance(tmp_path, 25)
    journal.begin_file()
    journal.append("acd", b"")
    journal.close()
    sorted(tmp_path.glob("*.hfj"))[0].unlink()
    with pytest.raises(JournalError, match="record 6 is missing"):
        advance(tmp_path, 25)
    assert [last_record(path) for path in checkpoints(tmp_path)] == [5]


def test_a_new_file_begins_without_waiting_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_of(tmp_path)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    assert journal.begin_file() == 24
    journal.append("acd", b"in the next file")
    assert synced == []
    journal.sync()
    assert len(synced) == 2
    assert len(list(tmp_path.glob("*.hfj"))) == 2
    assert [record.sequence for record in read_journal(tmp_path)] == list(range(1, 26))
    journal.close()


def test_the_worker_says_what_it_wrote_or_why_not(tmp_path: Path) -> None:
    journal_of(tmp_path / "journal").close()
    command = [sys.executable, "-P", "-m", "daemon.control.checkpoint.worker"]
    arguments = [str(tmp_path / "journal"), str(tmp_path)]
    done = subprocess.run([*command, *arguments, "24"], capture_output=True, check=True)
    written = msgspec.json.decode(done.stdout, type=Written)
    assert (written.sequence, written.records, written.calls, written.faults) == (24, 24, 0, 0)
    assert written.size == checkpoints(tmp_path / "journal")[0].stat().st_size
    failed = subprocess.run([*command, *arguments, "99"], capture_output=True, check=False)
    assert failed.returncode == 1
    assert b"ends at record 24, before 99" in failed.stderr


def test_who_looks_is_told_what_a_start_would_read(tmp_path: Path) -> None:
    journal = journal_of(tmp_path)
    before = look(tmp_path)
    assert (before.checkpoint, before.checkpoint_at, before.damaged) == (0, 0.0, 0)
    size = before.bytes_after
    assert size == sum(path.stat().st_size for path in tmp_path.glob("*.hfj")) > 500
    advance(tmp_path, journal.begin_file())
    journal.append("acd", b"one more")
    journal.sync()
    after = look(tmp_path)
    assert (after.checkpoint, after.checkpoint_at, after.damaged) == (24, NOON, 0)
    assert 0 < after.bytes_after < 100
    checkpoints(tmp_path)[0].write_bytes(b"HFC1")
    damaged = look(tmp_path)
    assert (damaged.checkpoint, damaged.damaged) == (0, 1)
    assert damaged.bytes_after == size + after.bytes_after
    journal.close()


@pytest.mark.parametrize(
    ("language", "says"),
    [
        (
            "en",
            (
                "no checkpoint of the journal yet",
                "newest checkpoint of the journal: 2026-09-2",
                "1 checkpoints of the journal are damaged",
            ),
        ),
        ("zh", ("尚无日志检查点", "最新的日志检查点：2026-09-2", "1 个日志检查点已损坏")),
    ],
)
def test_check_says_when_the_last_one_was(
    language: str,
    says: tuple[str, str, str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", language)
    folder = tmp_path / "journal"
    journal = journal_of(folder)
    check._write_journal(look(folder))
    assert says[0] in capfd.readouterr().out
    advance(folder, 24)
    check._write_journal(look(folder))
    assert says[1] in capfd.readouterr().out
    checkpoints(folder)[0].write_bytes(b"")
    check._write_journal(look(folder))
    assert says[2] in capfd.readouterr().err
    journal.close()
