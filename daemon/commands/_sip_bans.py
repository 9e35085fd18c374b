"""``hookflash sip bans`` and ``sip firewall``: who is not listened to, here and before us."""

import argparse
import datetime as dt
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from daemon.command_line import FAILURE
from daemon.commands._on_behalf import asked
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.service.messages import BanRow


async def run_bans(arguments: argparse.Namespace) -> int:
    """Show the bans, or end one."""
    async with asked(arguments) as (service, actor):
        if arguments.release:
            await service.release_ban(actor, arguments.release)
        rows = await service.bans(actor)
    if arguments.json:
        sys.stdout.write(msgspec.json.encode({"bans": rows}).decode() + "\n")
    else:
        sys.stdout.write(table(rows))
    return 0


def table(rows: "Sequence[BanRow]") -> str:
    """The bans as text."""
    if not rows:
        return pick("nobody is banned", "没有封禁") + "\n"
    kinds = {"source": pick("source", "来源"), "account": pick("account", "账号")}
    lines = []
    for row in rows:
        until = dt.datetime.fromtimestamp(row.until, dt.UTC).astimezone()
        times = f"{row.times}x"
        kind = kinds.get(row.kind, row.kind)
        lines.append(f"{until:%Y-%m-%d %H:%M:%S}  {times:>4}  {kind}  {row.name}  {row.reason}")
    head = pick("until                times  who", "截止时间             次数  对象")
    return "\n".join((head, *lines)) + "\n"


def run_firewall(arguments: argparse.Namespace) -> int:
    """Load the sources of a bans file into nftables, which needs CAP_NET_ADMIN."""
    from drivers.sip.transport.bans import banned_in, nftables

    file = Path(arguments.file)
    try:
        script = nftables(banned_in(file.read_text("utf-8", "replace")))
    except OSError as error:
        what = pick(f"{file}: {error.strerror}", f"{file}：{error.strerror}")
        todo = pick("set bans_file of the SIP driver", "请设置 SIP 驱动的 bans_file")
        raise CommandError(what, todo=todo, exit_code=FAILURE) from error
    try:
        done = subprocess.run(
            ["nft", "-f", "-"],
            input=script,
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        todo = pick("install Debian's package nftables", "请安装 Debian 软件包 nftables")
        raise CommandError(f"nft: {error}", todo=todo, exit_code=FAILURE) from error
    if done.returncode:
        todo = pick("it needs the right CAP_NET_ADMIN", "需要 CAP_NET_ADMIN 权限")
        raise CommandError(f"nft: {done.stderr.strip()}", todo=todo, exit_code=FAILURE)
    return 0
