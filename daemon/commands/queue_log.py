"""``hookflash queue-log``: history in the line format of Asterisk's queue_log."""

import argparse
import asyncio
import datetime as dt
import sys
import zoneinfo
from pathlib import Path
from typing import Final

from daemon.command_line import WRONG_USAGE, command, site_path
from daemon.errors import CommandError
from daemon.language import pick

BATCH: Final = 1000  # lines a write


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="begin",
        metavar="TIME",
        help=pick(
            "first moment, 2027-01-31 or 2027-01-31T08:00, in the site's time zone",
            "起始时刻，如 2027-01-31 或 2027-01-31T08:00，按站点时区",
        ),
    )
    parser.add_argument(
        "--to",
        dest="end",
        metavar="TIME",
        help=pick("moment to stop before, written the same way", "结束时刻（不含），写法相同"),
    )


@command(
    "queue-log",
    "Write history in the format of Asterisk's queue_log",
    "以 Asterisk queue_log 的格式输出历史",
    arguments=_arguments,
)
def queue_log(arguments: argparse.Namespace) -> int:
    """Write the lines to stdout as they are read; also while the hotline runs."""
    from daemon.config import load_config
    from daemon.queue_log.reading import FOR_EVER

    site = site_path(arguments)
    config = load_config(site)
    zone = zoneinfo.ZoneInfo(config.site.timezone)
    begin = _moment(arguments.begin, zone, 0)
    end = _moment(arguments.end, zone, FOR_EVER)
    database = config.records.database or site / "hookflash.db"
    asyncio.run(_write(database, begin, end))
    return 0


async def _write(database: Path | str, begin_ms: int, end_ms: int) -> None:
    from daemon.queue_log.reading import queue_log as lines_of
    from daemon.store.connection import opened_store

    async with opened_store(database, read_only=True):
        waiting = []
        async for line in lines_of(begin_ms, end_ms):
            waiting.append(f"{line.text()}\n")
            if len(waiting) == BATCH:
                sys.stdout.write("".join(waiting))
                waiting.clear()
        sys.stdout.write("".join(waiting))
        sys.stdout.flush()


def _moment(text: str | None, zone: zoneinfo.ZoneInfo, default: int) -> int:
    """UTC milliseconds of a date or time as a person writes it."""
    if text is None:
        return default
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return max(round(moment.timestamp() * 1000), 0)
    except (ValueError, OverflowError) as error:
        raise CommandError(
            pick(f"{text!r} is not a time", f"{text!r} 不是时间"),
            todo=pick(
                "write 2027-01-31 or 2027-01-31T08:00", "请写 2027-01-31 或 2027-01-31T08:00"
            ),
            exit_code=WRONG_USAGE,
        ) from error
