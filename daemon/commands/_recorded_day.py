"""A journal on the disk as the entries that a replay takes in."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from acd_core.errors import AcdError
from acd_core.events import decode
from acd_core.simulation.replay import Began, Checkpoint, Decided, Entry, Told
from daemon.command_line import WRONG_USAGE
from daemon.control.acd_runner import BEGAN_KIND, DECIDED_KIND, JOURNAL_KIND
from daemon.control.checkpoint.quiet import read_checkpoint
from daemon.control.journaled.files import SNAPSHOT, Record, read_file, read_journal, segments
from daemon.errors import CommandError
from daemon.language import pick


def read_records(path: Path) -> Iterator[Record]:
    """Records of a journal folder, of a site, or of one ``.hfj`` file; CommandError else."""
    if path.is_file():
        return read_file(path)
    folder = path if segments(path) else path / "journal"
    if not segments(folder):
        raise CommandError(
            pick(f"{path} holds no journal (*.hfj)", f"{path} 中没有日志（*.hfj）"),
            todo=pick(
                "name a site, its journal folder or one file", "请给出站点、日志目录或单个文件"
            ),
            exit_code=WRONG_USAGE,
        )
    return read_journal(folder)


def entries(records: Iterable[Record]) -> Iterator[Entry]:
    """What concerns distribution; CommandError for events that this version cannot read."""
    for record in records:
        if record.kind == JOURNAL_KIND:
            yield _told(record.sequence, record.payload, record.at)
        elif record.kind == DECIDED_KIND:
            yield Decided(record.payload)
        elif record.kind == BEGAN_KIND:
            yield Began()
        elif record.kind == SNAPSHOT:
            yield _checkpoint(record)


def _checkpoint(record: Record) -> Checkpoint:
    try:
        inside = read_checkpoint(record.payload)
    except msgspec.DecodeError as error:
        raise _unreadable(record.sequence, error) from error
    told = (one for one in inside if one.kind == JOURNAL_KIND)
    return Checkpoint(tuple(_told(record.sequence, one.payload, one.at) for one in told))


def _told(sequence: int, payload: bytes, at: float) -> Told:
    try:
        return Told(sequence, decode(payload), at)
    except AcdError as error:
        raise _unreadable(sequence, error) from error


def _unreadable(sequence: int, error: Exception) -> CommandError:
    return CommandError(
        pick(
            f"record {sequence} of the journal cannot be read: {error}",
            f"日志第 {sequence} 条记录无法读取：{error}",
        ),
        todo=pick("another version wrote it; use that one", "它由其他版本写入，请用那个版本"),
    )
