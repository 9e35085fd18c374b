"""``hookflash check SITE``: every fault with file, section, key and what to do."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from daemon.command_line import WRONG_USAGE, add_json, command, site_path
from daemon.language import pick

if TYPE_CHECKING:
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
    add_json(parser)


@command(
    "check",
    "Find every fault in a site",
    "检查站点的全部错误",
    site="argument",
    arguments=_arguments,
)
def check(arguments: argparse.Namespace) -> int:
    """Exit 2 when the site has faults, 1 when only its records disagree, else 0."""
    from daemon.self_check import check_site

    site = site_path(arguments)
    result = check_site(site)
    checked = arguments.records and not result.faults
    report = asyncio.run(_records(site)) if checked else None
    if arguments.json:
        _write_json(result, report)
    else:
        _write_text(result, report)
    if result.faults:
        return WRONG_USAGE
    return 1 if report is not None and report.faults else 0


async def _records(site: Path) -> "RecordsReport":
    from daemon.config import load_config
    from daemon.store.connection import opened_store
    from daemon.store.identity import check_identity

    config = await asyncio.to_thread(load_config, site)
    database = config.records.database or site / "hookflash.db"
    async with opened_store(database, read_only=True):
        return await check_identity(site)


def _write_json(result: "CheckResult", report: "RecordsReport | None") -> None:
    found: dict[str, object] = {
        "ok": not result.faults and not (report and report.faults),
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
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def _write_text(result: "CheckResult", report: "RecordsReport | None") -> None:
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
    if not result.faults and report is not None and report.faults:
        sys.stdout.write(pick("the site's files are without fault\n", "站点文件没有错误\n"))
    elif not result.faults:
        sys.stdout.write(pick("no fault found\n", "没有发现错误\n"))
