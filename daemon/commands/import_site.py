"""``hookflash import FILE... --into SITE``: queues and agents of another system."""

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.command_line import WRONG_USAGE, add_json, command
from daemon.errors import CommandError, StoreEmptyError
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.site_files.site_tables import SiteTables
    from daemon.site_import.draft import SitePart, Source
    from daemon.site_import.into_site import Joined

READ_LIMIT: Final = 4 * 1024 * 1024 + 1  # bytes; one more than the readers accept
FORMER: Final = ".before-import"
SECRET_MODE: Final = 0o600


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help=pick(
            "queues.conf of Asterisk, or callcenter.conf.xml of FreeSWITCH (its name ends in .xml)",
            "Asterisk 的 queues.conf，或 FreeSWITCH 的 callcenter.conf.xml（以 .xml 结尾）",
        ),
    )
    parser.add_argument(
        "--into", metavar="SITE", help=pick("the site to add to", "要加入的站点目录")
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help=pick("replace queues that are there already", "替换已存在的队列"),
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help=pick("write nothing, show what would be written", "不写入，只显示将写入的内容"),
    )
    add_json(parser)


@command(
    "import",
    "Take queues and agents over from Asterisk or FreeSWITCH",
    "从 Asterisk 或 FreeSWITCH 导入队列和坐席",
    site="none",
    arguments=_arguments,
)
def import_site(arguments: argparse.Namespace) -> int:
    """Write the site's files and an account of every option; the former files are kept."""
    from acd_core.routing.registry import strategies
    from daemon.site_files import people, queues
    from daemon.site_files.site_tables import SiteTables
    from daemon.site_files.toml_writing import write_toml
    from daemon.site_import.draft import assemble
    from daemon.site_import.into_site import join

    if not arguments.into and not arguments.dry_run:
        raise CommandError(
            pick("no site given", "没有指定站点"),
            todo=pick("add --into SITE, or --dry-run", "请加 --into 站点，或 --dry-run"),
            exit_code=WRONG_USAGE,
        )
    sources = [_read(Path(name)) for name in arguments.files]
    part = assemble(sources, rules=strategies(), make_secret=lambda: secrets.token_urlsafe(12))
    if not part.queues.queues:
        raise CommandError(
            pick("there is no queue in these files", "这些文件中没有队列"), exit_code=WRONG_USAGE
        )
    site = Path(arguments.into).resolve() if arguments.into else None
    present = _present(site) if site else SiteTables()
    joined = join(present.people, present.queues, part, replace=arguments.replace)
    texts = {people.FILE: write_toml(joined.people), queues.FILE: write_toml(joined.queues)}
    if site:
        _check(site, texts)
    if site and not arguments.dry_run:
        _write(site, texts)
    if arguments.json:
        _show_json(part, joined, site, texts, dry_run=arguments.dry_run)
    else:
        _show_text(part, joined, site, texts, dry_run=arguments.dry_run)
    return 0


def _read(path: Path) -> "Source":
    from daemon.site_import.asterisk import read_asterisk
    from daemon.site_import.freeswitch import read_freeswitch

    try:
        with path.open("rb") as file:
            content = file.read(READ_LIMIT)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", exit_code=WRONG_USAGE) from error
    xml = path.suffix.lower() == ".xml" or content.lstrip()[:1] == b"<"
    return (read_freeswitch if xml else read_asterisk)(str(path), content)


def _present(site: Path) -> "SiteTables":
    """The site's own files; CommandError when they are read no more."""
    from daemon.config import load_config
    from daemon.site_files.site_tables import read_tables

    if not (site / "hookflash.toml").is_file():
        raise CommandError(
            pick(f"{site} is not a site", f"{site} 不是站点"),
            todo=pick(f"make one with: hookflash init {site}", f"新建站点：hookflash init {site}"),
            exit_code=WRONG_USAGE,
        )
    database = load_config(site).records.database or site / "hookflash.db"
    if asyncio.run(_filled(database)):
        raise CommandError(
            pick(
                f"{site} has been started: its database counts, the files are read no more",
                f"{site} 已启动过：以数据库为准，文件不再读取",
            ),
            todo=pick(
                "import into a new site (hookflash init), or see the values with --dry-run",
                "请导入到新站点（hookflash init），或用 --dry-run 查看内容",
            ),
        )
    return read_tables(site)


async def _filled(database: Path | str) -> bool:
    from daemon.store.connection import opened_store
    from daemon.store.people import User

    if isinstance(database, Path) and not await asyncio.to_thread(database.is_file):
        return False
    try:
        async with opened_store(database, read_only=True):
            return await User.exists()
    except StoreEmptyError:
        return False


def _check(site: Path, texts: Mapping[str, bytes]) -> None:
    """Read what is about to be written as a start of the site would; ConfigError else."""
    from daemon.site_files.site_tables import FILES, flow_names, parse_tables

    present = {name: (site / name).read_bytes() for name in FILES if (site / name).is_file()}
    parse_tables({**present, **texts}, flow_names(site))


def _write(site: Path, texts: Mapping[str, bytes]) -> None:
    """Replace the files as a whole; what was there before stays beside them."""
    from daemon.site_files.fresh_site import HEADERS

    for name, text in texts.items():
        path = site / name
        if path.is_file():
            number, former = 2, path.with_name(name + FORMER)
            while former.exists():
                former = path.with_name(f"{name}{FORMER}-{number}")
                number += 1
            _write_private(former, path.read_bytes())
        header = "".join(f"# {line}\n" for line in HEADERS[name].splitlines())
        fresh = path.with_name(f".{name}.new")
        _write_private(fresh, header.encode() + b"\n" + text)
        fresh.replace(path)


def _write_private(path: Path, content: bytes) -> None:
    """Readable by the site's owner only: the files hold secrets of phones."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _show_json(
    part: "SitePart",
    joined: "Joined",
    site: Path | None,
    texts: Mapping[str, bytes],
    *,
    dry_run: bool,
) -> None:
    from daemon.site_import.report import count

    found: dict[str, object] = {
        "site": str(site) if site else None,
        "written": not dry_run,
        "queues": [queue.slug for queue in part.queues.queues],
        "people": [person.login for person in part.people.people],
        "stations": joined.new_stations,
        "counts": count(part.findings),
        "findings": part.findings,
        "notes": (*part.notes, *joined.notes),
    }
    if dry_run:
        found["files"] = {name: text.decode() for name, text in texts.items()}
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def _show_text(
    part: "SitePart",
    joined: "Joined",
    site: Path | None,
    texts: Mapping[str, bytes],
    *,
    dry_run: bool,
) -> None:
    from daemon.site_import.report import report_text

    sys.stdout.write(report_text(part.findings))
    for note in (*part.notes, *joined.notes):
        sys.stdout.write(pick(f"note: {note.en}\n", f"提示：{note.zh}\n"))
    for line in _next_steps(joined, site, dry_run=dry_run):
        sys.stdout.write(f"{line}\n")
    if dry_run:
        for name, text in texts.items():
            sys.stdout.write(f"\n# {name}\n{text.decode()}")


def _next_steps(joined: "Joined", site: Path | None, *, dry_run: bool) -> list[str]:
    lines = []
    if joined.new_stations:
        names = ", ".join(joined.new_stations)
        lines.append(
            pick(
                f"new telephones, with new passwords in people.toml: {names}",
                f"新话机，新密码在 people.toml 中：{names}",
            )
        )
    lines += [
        pick(
            "people can log in to the console once an administrator gives them a password",
            "管理员设置密码后，人员才能登录控制台",
        ),
        pick(
            "called numbers are not imported: lead them to the queues in numbers.toml",
            "不导入被叫号码：请在 numbers.toml 中指向这些队列",
        ),
    ]
    if site and not dry_run:
        lines.append(
            pick(
                f"written; the former files are kept as *{FORMER}; now: hookflash check {site}",
                f"已写入；原文件保留为 *{FORMER}；接着：hookflash check {site}",
            )
        )
    return lines
