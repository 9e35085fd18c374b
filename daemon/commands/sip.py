"""``hookflash sip``: the ladder of a call, captures, bans, the firewall."""

import argparse
import asyncio
import datetime as dt
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.command_line import FAILURE, command
from daemon.commands._on_behalf import add_action, asked
from daemon.commands._sip_bans import run_bans, run_firewall
from daemon.commands._sip_capture import capture_arguments, run_capture
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.service.messages import LadderRow

COLUMN: Final = 34  # characters between two life lines of the drawing


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, prog=parser.prog
    )
    _ladder_arguments(add_action(actions, "ladder", "draw one call", "画出某个通话"))
    captures = add_action(actions, "capture", "capture a call or a peer", "抓取通话或对端的数据包")
    capture_arguments(captures)
    what = "who is not listened to", "查看被封禁的来源和账号"
    bans = add_action(actions, "bans", *what)
    bans.add_argument(
        "--release",
        metavar="NAME",
        default="",
        help=pick("listen to this source or account again", "解除此来源或账号的封禁"),
    )
    said = pick("load a site's bans into nftables", "将站点的封禁载入 nftables")
    firewall = actions.add_parser("firewall", help=said, description=said)
    firewall.add_argument(
        "file", metavar="FILE", help=pick("the driver's bans_file", "驱动的 bans_file 文件")
    )


def _ladder_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "call",
        metavar="CALL",
        help=pick(
            "a call's 13 characters, a Call-ID, or the number of a party",
            "通话的 13 位编号、Call-ID，或某一方的号码",
        ),
    )
    parser.add_argument(
        "--messages",
        action="store_true",
        help=pick(
            "write each message as well, secrets starred", "同时输出每条消息，机密以星号代替"
        ),
    )


@command(
    "sip",
    "Draw or capture the SIP messages of a call; see and end bans",
    "显示或抓取通话的 SIP 消息；查看和解除封禁",
    arguments=_arguments,
)
def sip(arguments: argparse.Namespace) -> int:
    """Ask the running hotline; exit 1 when it knows nothing of the call."""
    from daemon.service.errors import ServiceError

    if arguments.action == "firewall":
        return run_firewall(arguments)
    run = {"ladder": _ladder, "bans": run_bans, "capture": run_capture}[arguments.action]
    try:
        return asyncio.run(run(arguments))
    except ServiceError as error:
        raise CommandError(pick(error.en, error.zh), exit_code=FAILURE) from error


async def _ladder(arguments: argparse.Namespace) -> int:
    async with asked(arguments) as (service, actor):
        rows = await service.ladder(actor, arguments.call)
    if arguments.json:
        sys.stdout.write(msgspec.json.encode({"ladder": rows}).decode() + "\n")
    else:
        sys.stdout.write(draw(rows, messages=arguments.messages))
    return 0


def draw(rows: "Sequence[LadderRow]", *, messages: bool = False) -> str:
    """The ladder as text: we are the left line, each peer is one further to the right."""
    peers = list(dict.fromkeys(row.peer for row in rows))
    head = " " * 13 + pick("hotline", "热线").ljust(8)
    lines = [head + "".join(peer.rjust(COLUMN) for peer in peers)]
    for row in rows:
        width = COLUMN * (peers.index(row.peer) + 1) - 2
        title = f" {row.title} "[: width - 2]
        arrow = f"{title:-^{width - 1}}>" if row.out else f"<{title:-^{width - 1}}"
        when = dt.datetime.fromtimestamp(row.at, dt.UTC).astimezone()
        lines.append(f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}    |{arrow}|  {row.notes}")
        if messages:
            lines += [f"    {line}" for line in row.text.rstrip().splitlines()] + [""]
    return "\n".join(lines) + "\n"
