"""``hookflash check SITE``: every fault with file, section, key and what to do."""

import argparse
import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from daemon.command_line import WRONG_USAGE, add_json, command, site_path
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.control.checkpoint.store import JournalState
    from daemon.recordings.audit import RecordingsReport
    from daemon.self_check import CheckResult
    from daemon.store.identity import RecordsReport


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--records",
        action="store_true",
        help=pick(
            "check the call records too: every visit to a queue ends in exactly one outcome",
            "同时检查通话记录：每次排队只有一种结果",
        ),
    )
    parser.add_argument(
        "--recordings",
        action="store_true",
        help=pick(
            "compare every recording with the database: is it what was recorded?",
            "逐一将录音与数据库比对：是否仍为原始录音",
        ),
    )
    add_json(parser)


@command(
    "check",
    "Find every fault in a site",
    "检查站点的全部错误",
    site="argument",
    arguments=_arguments,
)
def check(arguments: argparse.Namespace) -> int:
    """Exit 2 when the site has faults, 1 when only records or recordings disagree, else 0."""
    from daemon.control.checkpoint.store import look
    from daemon.self_check import check_site

    site = site_path(arguments)
    result = check_site(site)
    journal = look(site / "journal")
    sound = not result.faults
    report = asyncio.run(_records(site)) if arguments.records and sound else None
    audio = asyncio.run(_recordings(site)) if arguments.recordings and sound else None
    if arguments.json:
        _write_json(result, report, audio, journal)
    else:
        _write_text(result, report, audio)
        _write_journal(journal)
    if result.faults:
        return WRONG_USAGE
    return int(_disagree(report, audio))


def _disagree(report: "RecordsReport | None", audio: "RecordingsReport | None") -> bool:
    return bool((report and report.faults) or (audio and audio.faults))


async def _records(site: Path) -> "RecordsReport":
    from daemon.store.connection import opened_store
    from daemon.store.identity import check_identity

    async with opened_store(await _database(site), read_only=True):
        return await check_identity(site)


async def _recordings(site: Path) -> "RecordingsReport":
    from daemon.recordings.audit import check_recordings
    from daemon.store.connection import opened_store

    async with opened_store(await _database(site), read_only=True):
        return await check_recordings(site)


async def _database(site: Path) -> Path | str:
    from daemon.config import load_config

    config = await asyncio.to_thread(load_config, site)
    return config.records.database or site / "hookflash.db"


def _write_json(
    result: "CheckResult",
    report: "RecordsReport | None",
    audio: "RecordingsReport | None",
    journal: "JournalState",
) -> None:
    found: dict[str, object] = {
        "journal": journal,
        "ok": not result.faults and not _disagree(report, audio),
        "faults": result.faults,
        "notes": result.notes,
    }
    if report is not None:
        found["records"] = {
            "calls": report.calls,
            "visits": report.visits,
            "queues": report.tallies,
            "faults": [fault.text() for fault in report.faults],
        }
    if audio is not None:
        found["recordings"] = audio
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def _write_text(
    result: "CheckResult", report: "RecordsReport | None", audio: "RecordingsReport | None"
) -> None:
    for fault in result.faults:
        sys.stderr.write(f"{fault}\n")
    for note in result.notes:
        sys.stderr.write(pick(f"note: {note}\n", f"提示：{note}\n"))
    if report is not None:
        for record_fault in report.faults:
            sys.stderr.write(f"{record_fault}\n")
        sys.stdout.write(
            pick(
                f"calls: {report.calls}, visits: {report.visits}, faults: {len(report.faults)}\n",
                f"{report.calls} 个通话，{report.visits} 次排队，{len(report.faults)} 个错误\n",
            )
        )
    if audio is not None:
        _write_recordings(audio)
    if not result.faults and _disagree(report, audio):
        sys.stdout.write(pick("the site's files are without fault\n", "站点文件没有错误\n"))
    elif not result.faults:
        sys.stdout.write(pick("no fault found\n", "没有发现错误\n"))


def _write_journal(journal: "JournalState") -> None:
    """Say how much control reads when it starts, where there is a journal."""
    size = journal.bytes_after / 1e6
    if journal.damaged:
        sys.stderr.write(
            pick(
                f"note: {journal.damaged} checkpoints of the journal are damaged and not used\n",
                f"提示：{journal.damaged} 个日志检查点已损坏，不会使用\n",
            )
        )
    if journal.checkpoint:
        at = datetime.fromtimestamp(journal.checkpoint_at).astimezone()
        sys.stdout.write(
            pick(
                f"newest checkpoint of the journal: {at:%Y-%m-%d %H:%M}, "
                f"a start reads {size:.1f} MB besides it\n",
                f"最新的日志检查点：{at:%Y-%m-%d %H:%M}，启动时还需读取 {size:.1f} MB\n",
            )
        )
    elif journal.bytes_after:
        sys.stdout.write(
            pick(
                f"no checkpoint of the journal yet, a start reads {size:.1f} MB\n",
                f"尚无日志检查点，启动时需读取 {size:.1f} MB\n",
            )
        )


def _write_recordings(audio: "RecordingsReport") -> None:
    for wrong in audio.faults:
        sys.stderr.write(f"{wrong}\n")
    unchanged, stopped, unproven = (
        audio.states.get(state, 0) for state in ("unchanged", "stopped", "unproven")
    )
    sys.stdout.write(
        pick(
            f"recordings: {audio.checked}, unchanged: {unchanged}, "
            f"stopped by a crash, unchanged up to its last second: {stopped}, "
            f"without a link (messages, older ones): {unproven}, "
            f"deleted by age: {audio.deleted}, faults: {len(audio.faults)}\n",
            f"{audio.checked} 个录音，{unchanged} 个未改动，{stopped} 个因故障中止（末秒之前未改动），"
            f"{unproven} 个无校验链（留言、旧录音），{audio.deleted} 个到期已删除，"
            f"{len(audio.faults)} 个错误\n",
        )
    )
