"""``hookflash export``: people, queues, callers, numbers and calendars back into TOML files."""

import argparse
import asyncio
import sys
from pathlib import Path

from daemon.command_line import WRONG_USAGE, command, site_path
from daemon.errors import CommandError
from daemon.language import pick


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to",
        metavar="DIR",
        help=pick(
            "write the five files there; they must not exist. Else all goes to stdout",
            "把五个文件写到该目录，文件不得已存在；否则写到标准输出",
        ),
    )


@command(
    "export",
    "Write people, queues, callers, numbers and calendars as files",
    "把人员、队列、来电者、号码和日历导出为文件",
    arguments=_arguments,
)
def export(arguments: argparse.Namespace) -> int:
    """Read the database, which is in force after the first start, not the site's files."""
    texts = asyncio.run(_texts(site_path(arguments)))
    if not arguments.to:
        for file, text in texts.items():
            sys.stdout.write(f"# {file}\n{text.decode()}\n")
        return 0
    folder = Path(arguments.to)
    present = [file for file in texts if (folder / file).exists()]
    if present:
        raise CommandError(
            pick(f"{folder / present[0]} exists", f"{folder / present[0]} 已存在"),
            todo=pick("name an empty directory", "请给出空目录"),
            exit_code=WRONG_USAGE,
        )
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (folder / file).touch(mode=0o600)
        (folder / file).write_bytes(text)
        sys.stdout.write(f"{folder / file}\n")
    return 0


async def _texts(site: Path) -> dict[str, bytes]:
    from daemon.site_directory import SiteDirectory
    from daemon.site_files.site_tables import write_tables
    from daemon.store.connection import open_database
    from daemon.store.first_import import export_tables

    store = await open_database(SiteDirectory.open(site), read_only=True)
    try:
        with store.current():
            tables = await export_tables()
    finally:
        await store.close()
    return write_tables(tables)
