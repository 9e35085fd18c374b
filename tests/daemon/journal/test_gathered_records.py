"""Records of one turn of the loop go to the kernel together, before anything leaves."""

import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.control.journal import Journal
from daemon.control.journaled.files import read_journal, segments
from daemon.errors import JournalError

NOON = 1_790_000_000.0


class Loop:
    """What is to happen at the end of the turn."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_soon(self, due: Callable[[], None]) -> None:
        self.due.append(due)

    def end_turn(self) -> None:
        due, self.due = self.due, []
        for each in due:
            each()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def journal(tmp_path: Path, loop: Loop) -> Journal:
    opened = Journal.open(tmp_path, clock=lambda: NOON, segment_bytes=1000)
    opened.gather(loop.call_soon)
    return opened


def written(folder: Path) -> list[int]:
    """Numbers that another process finds."""
    return [record.sequence for record in read_journal(folder)]


def test_records_wait_for_the_flush_and_have_their_numbers_before(
    journal: Journal, tmp_path: Path
) -> None:
    assert journal.append("acd", b"one") == 1
    assert [journal.append("row", b"two"), journal.append("row", b"three")] == [2, 3]
    assert written(tmp_path) == []
    journal.flush()
    assert written(tmp_path) == [1, 2, 3]
    journal.flush()
    assert written(tmp_path) == [1, 2, 3]


def test_the_turn_of_the_loop_flushes_once(journal: Journal, tmp_path: Path, loop: Loop) -> None:
    for number in range(5):
        journal.append("acd", b"%d" % number)
    assert len(loop.due) == 1
    loop.end_turn()
    assert written(tmp_path) == [1, 2, 3, 4, 5]
    journal.append("acd", b"next turn")
    assert len(loop.due) == 1


def test_reading_and_closing_flush(journal: Journal, tmp_path: Path) -> None:
    journal.append("acd", b"one")
    assert [record.sequence for record in journal.read()] == [1]
    journal.append("acd", b"two")
    journal.close()
    assert written(tmp_path) == [1, 2]


def test_a_kill_takes_what_was_not_flushed(journal: Journal, tmp_path: Path) -> None:
    journal.append("acd", b"one")
    journal.flush()
    journal.append("acd", b"two")
    journal.close(lose=True)
    assert written(tmp_path) == [1]
    assert Journal.open(tmp_path, clock=lambda: NOON).append("acd", b"again") == 2


def test_very_many_records_do_not_wait(journal: Journal, tmp_path: Path) -> None:
    for _ in range(400):
        journal.append("row", bytes(1000))
    assert 200 < len(written(tmp_path)) < 400


def test_records_of_a_turn_lie_in_one_file(journal: Journal, tmp_path: Path) -> None:
    for _ in range(4):
        for _ in range(5):
            journal.append("row", bytes(150))
        journal.flush()
    firsts = [next(iter(read_journal(tmp_path, 5 * number))).sequence for number in range(4)]
    assert firsts == [1, 6, 11, 16]
    assert len(segments(tmp_path)) == 4


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Lets files of this process grow no more, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_told_to_whoever_has_the_next_record_and_loses_no_number(
    tmp_path: Path, loop: Loop, small_files: Callable[[int], None]
) -> None:
    journal = Journal.open(tmp_path, clock=lambda: NOON)
    journal.gather(loop.call_soon)
    journal.append("acd", bytes(100))
    journal.flush()
    with capture_logs() as told:
        small_files(200)
        assert journal.append("acd", bytes(100)) == 2
        with pytest.raises(JournalError):
            journal.flush()
        loop.end_turn()
        journal.settle()  # what leaves then leaves all the same
        assert written(tmp_path) == [1]
        with pytest.raises(JournalError):
            journal.append("acd", b"refused")
        assert written(tmp_path) == [1]
        small_files(resource.RLIM_INFINITY)
        assert journal.append("acd", b"there is room again") == 3
    events = [line["event"] for line in told]
    assert events == ["journal cannot be written", "journal is written again"]
    journal.close()
    assert written(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("room", [0, 2])
def test_a_disk_without_room_for_a_new_file_leaves_none_that_nobody_can_read(
    room: int, tmp_path: Path, small_files: Callable[[int], None]
) -> None:
    journal = Journal.open(tmp_path, clock=lambda: NOON)
    journal.append("acd", b"one")
    assert journal.begin_file() == 1
    small_files(room)
    with pytest.raises(JournalError):
        journal.append("acd", b"refused")
    small_files(resource.RLIM_INFINITY)
    assert journal.append("acd", b"there is room again") == 2
    journal.close()
    assert written(tmp_path) == [1, 2]
    assert len(segments(tmp_path)) == 2
