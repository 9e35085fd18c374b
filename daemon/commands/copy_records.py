"""``hookflash copy-records``: everything a site kept in SQLite into its PostgreSQL database."""

import argparse
import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from daemon.command_line import WRONG_USAGE, add_json, command, site_path
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.site_directory import SiteDirectory
    from daemon.store.postgresql.copying import Copied


@command(
    "copy-records",
    "Copy a site's records from SQLite to PostgreSQL",
    "把站点记录从 SQLite 复制到 PostgreSQL",
    site="argument",
    arguments=add_json,
)
def copy_records(arguments: argparse.Namespace) -> int:
    """From hookflash.db to what ``[records] database`` names; again after an interruption."""
    import msgspec

    from daemon.site_directory import SiteDirectory

    site = SiteDirectory.open(site_path(arguments))
    source, url = site.path / "hookflash.db", site.database
    if isinstance(url, Path):
        raise CommandError(
            pick("[records] database names no PostgreSQL", "[records] database 没有写 PostgreSQL"),
            todo=pick(
                'set it in hookflash.toml first: database = "postgres:///hookflash"',
                '请先在 hookflash.toml 中设置：database = "postgres:///hookflash"',
            ),
            exit_code=WRONG_USAGE,
        )
    if not source.is_file():
        raise CommandError(
            pick(f"{source}: there is nothing to copy", f"{source}：没有可复制的内容"),
            exit_code=WRONG_USAGE,
        )
    _stopped(site)
    done = asyncio.run(_copy(source, url))
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
    else:
        _write_text(done, source)
    return 0


async def _copy(source: Path, url: str) -> "Copied":
    from daemon.store.postgresql.copying import copy_records as copy_all

    progress = _Progress(sys.stderr)
    try:
        return await copy_all(source, url, progress.told)
    finally:
        progress.end()


def _stopped(site: "SiteDirectory") -> None:
    """CommandError while the hotline runs: it would write on where nobody reads any more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        try:
            asked.connect(str(site.socket("control")))
        except OSError:
            return
    raise CommandError(
        pick("the hotline is running", "热线正在运行"),
        todo=pick("stop it first, copy, and start it again", "请先停止，复制后再启动"),
    )


def _write_text(done: "Copied", source: Path) -> None:
    for table, rows in done.rows.items():
        sys.stdout.write(f"{rows:>12,}  {table}\n")
    if done.cut:
        sys.stdout.write(
            pick(
                f"{done.cut} rows held a text longer than its column, or a NUL: it was cut\n",
                f"{done.cut} 行的文本超过列宽或含 NUL：已截断\n",
            )
        )
    total = sum(done.rows.values())
    sys.stdout.write(
        pick(
            f"all {total:,} rows are in {done.database}; the hotline may start. "
            f"{source} stays as it is: move it away when all is well\n",
            f"全部 {total:,} 行已在 {done.database} 中，可以启动热线。"
            f"{source} 保持不变：确认无误后可移走\n",
        )
    )


class _Progress:
    """A line on a terminal, and nothing in a file."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shows = out.isatty()

    def told(self, table: str, there: int, total: int) -> None:
        """So many rows of a table are there."""
        if self._shows:
            self._out.write(f"\r{table}: {there:,}/{total:,}\033[K")
            self._out.flush()

    def end(self) -> None:
        """Nothing more comes."""
        if self._shows:
            self._out.write("\r\033[K")
