import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cython_ext.journal import Gathered
from daemon.control.journal import Journal
from daemon.control.journaled.files import (
    MAGIC,
    SNAPSHOT,
    Record,
    read_file,
    read_journal,
    segments,
    unpack,
)
from daemon.errors import JournalError

NOON = 1_790_000_000.0
records = st.builds(
    Record,
    st.integers(1, 2**64 - 1),
    st.text("abc.é", min_size=1, max_size=40),
    st.binary(max_size=300),
    st.floats(allow_nan=False),
)


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def pack(record: Record) -> bytes:
    gathered = Gathered(record.sequence - 1)
    gathered.add(record.kind, record.payload, record.at)
    return gathered.held()


def filled(directory: Path, count: int, *, segment_bytes: int = 1000) -> Journal:
    journal = Journal.open(directory, clock=Clock(), segment_bytes=segment_bytes)
    for number in range(count):
        journal.append("acd", b"payload %d" % number)
    return journal


def test_records_come_back_in_order_over_many_files(tmp_path: Path) -> None:
    journal = filled(tmp_path, 100)
    journal.close()
    assert len(segments(tmp_path)) > 3
    found = list(read_journal(tmp_path))
    assert [record.sequence for record in found] == list(range(1, 101))
    assert found[41].payload == b"payload 41"
    assert found[41].at == NOON


def test_reading_can_begin_after_a_sequence_number(tmp_path: Path) -> None:
    filled(tmp_path, 100).close()
    for after in (0, 1, 50, 99, 100, 200):
        assert [r.sequence for r in read_journal(tmp_path, after)] == list(range(after + 1, 101))


def test_a_second_process_sees_each_record_at_once(tmp_path: Path) -> None:
    journal = filled(tmp_path, 3)
    assert len(list(read_journal(tmp_path))) == 3
    journal.close()


def test_opening_again_goes_on_counting_in_the_same_file(tmp_path: Path) -> None:
    filled(tmp_path, 5).close()
    journal = Journal.open(tmp_path, clock=Clock(), segment_bytes=1000)
    assert journal.append("acd", b"") == 6
    journal.close()
    assert len(segments(tmp_path)) == 1
    assert [record.sequence for record in read_journal(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_cut_at_every_place_gives_a_prefix_and_goes_on(tmp_path: Path) -> None:
    filled(tmp_path / "whole", 8).close()
    (path,) = segments(tmp_path / "whole")
    whole = path.read_bytes()
    for cut in range(len(whole)):
        directory = tmp_path / str(cut)
        directory.mkdir()
        (directory / path.name).write_bytes(whole[:cut])
        before = [record.sequence for record in read_journal(directory)]
        assert before == list(range(1, len(before) + 1))
        journal = Journal.open(directory, clock=Clock())
        next_sequence = journal.append("acd", b"after")
        journal.close()
        assert next_sequence == len(before) + 1
        assert [record.payload for record in read_journal(directory)][-1] == b"after"


def test_a_torn_record_is_counted(tmp_path: Path) -> None:
    filled(tmp_path, 2).close()
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    journal = Journal.open(tmp_path, clock=Clock())
    assert journal.torn_bytes == len(pack(Record(2, "acd", b"payload 1", NOON))) - 3
    journal.close()


def test_a_gap_between_files_is_an_error(tmp_path: Path) -> None:
    filled(tmp_path, 100).close()
    segments(tmp_path)[1].unlink()
    with pytest.raises(JournalError, match="should be"):
        list(read_journal(tmp_path))


def test_pruning_keeps_what_is_young_unstored_or_after_the_snapshot(tmp_path: Path) -> None:
    journal = filled(tmp_path, 50)
    snapshot = journal.append("snapshot", b"state")
    for number in range(30):
        journal.append("acd", b"%d" % number)
    count = len(segments(tmp_path))
    late = NOON + 1000.0
    assert journal.prune(stored=200, keep_s=2000.0, now=late) == []
    assert journal.prune(stored=0, keep_s=10.0, now=late) == []
    removed = journal.prune(stored=200, keep_s=10.0, now=late)
    assert 0 < len(removed) < count
    assert [r.sequence for r in journal.read(snapshot - 1)] == list(range(snapshot, 82))
    last = journal.last_snapshot()
    assert last is not None
    assert last.payload == b"state"
    journal.close()


def test_names_rise_when_the_clock_is_set_back(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal.open(tmp_path, clock=clock, segment_bytes=100)
    for step in range(6):
        clock.now = NOON - step * 86_400.0
        journal.append("acd", b"x" * 60)
    journal.close()
    assert [record.sequence for record in read_journal(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "20260101-0001.hfj").write_bytes(b"something else")
    with pytest.raises(JournalError, match="not a journal"):
        Journal.open(tmp_path, clock=Clock())


@given(records)
def test_what_is_packed_is_unpacked(record: Record) -> None:
    data = pack(record)
    assert unpack(b"##" + data + b"##", 2) == (record, 2 + len(data))


@given(records, st.data())
def test_a_flipped_bit_is_noticed(record: Record, data: st.DataObject) -> None:
    packed = bytearray(pack(record))
    place = data.draw(st.integers(0, len(packed) * 8 - 1))
    packed[place // 8] ^= 1 << place % 8
    assert unpack(bytes(packed)) is None


@settings(max_examples=60)
@given(content=st.binary(max_size=400), magic=st.booleans())
def test_any_bytes_give_records_or_a_journal_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, magic: bool
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    (directory / "20260101-0001.hfj").write_bytes((MAGIC if magic else b"") + content)
    try:
        for record in read_journal(directory):
            assert isinstance(record, Record)
        journal = Journal.open(directory, clock=Clock())
    except JournalError:
        return
    journal.append("acd", b"")
    journal.close()


def test_last_snapshot_is_found_and_read_from_whatever_stands_before_it(tmp_path: Path) -> None:
    journal = filled(tmp_path, 20, segment_bytes=10_000)
    older = journal.append(SNAPSHOT, b"older")
    newest = journal.append(SNAPSHOT, b"newest")
    journal.append("acd", b"snapshot")
    journal.close()
    (path,) = segments(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"payload 7")] ^= 1
    path.write_bytes(data)
    found = journal.last_snapshot()
    assert found is not None
    assert (found.sequence, found.payload) == (newest, b"newest")
    # Nobody needs what is before a snapshot, so that it is damaged hides nothing.
    assert [r.payload for r in read_journal(tmp_path, newest - 1)] == [b"newest", b"snapshot"]
    assert next(r.sequence for r in read_journal(tmp_path, older - 1)) == older
    assert len(list(read_journal(tmp_path))) == 7


@settings(max_examples=200)
@given(st.lists(records, max_size=6), st.integers(0, 2**64 - 1), st.binary(max_size=30))
def test_last_snapshot_is_what_reading_all_records_finds(
    tmp_path_factory: pytest.TempPathFactory, some: list[Record], chosen: int, tail: bytes
) -> None:
    if some:
        some[chosen % len(some)] = Record(1, SNAPSHOT, b"x", NOON)
    folder = tmp_path_factory.mktemp("journal")
    path = folder / "20260922-0001.hfj"
    path.write_bytes(MAGIC + b"".join(map(pack, some)) + tail)
    among = [record for record in read_file(path) if record.kind == SNAPSHOT]
    assert Journal(folder, clock=Clock()).last_snapshot() == (among[-1] if among else None)


def test_a_disk_that_fails_is_told_of_until_it_takes_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = filled(tmp_path, 1)
    journal.begin_file()
    journal.append("acd", b"in the next file")
    synced: list[int] = []

    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    for _ in range(2):
        monkeypatch.setattr(os, "fdatasync", failing)
        with pytest.raises(JournalError, match="Input/output error"):
            journal.sync()
        monkeypatch.setattr(os, "fdatasync", synced.append)
        journal.sync()
        journal.append("acd", b"more")
    assert len(synced) == 3  # the one that ended, and twice the one that goes on
    journal.close()
    assert [record.sequence for record in read_journal(tmp_path)] == [1, 2, 3, 4]
