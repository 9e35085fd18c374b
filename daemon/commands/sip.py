"""``hookflash sip ladder``: the signalling of one call, message by message."""

import argparse
import asyncio
import datetime as dt
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.command_line import FAILURE, add_json, command
from daemon.commands._on_behalf import add_actor, asked
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.service.messages import LadderRow

COLUMN: Final = 34  # characters between two life lines of the drawing


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subject", choices=("ladder",), help=pick("what to show", "显示内容"))
    parser.add_argument(
        "call",
        metavar="CALL",
        help=pick(
            "a running call's 13 characters, a Call-ID, or the number of a party",
            "正在进行的通话的 13 位编号、Call-ID，或某一方的号码",
        ),
    )
    add_actor(parser)
    add_json(parser)


@command(
    "sip",
    "Draw the SIP messages of one call as a ladder",
    "以梯形图显示某个通话的 SIP 消息",
    arguments=_arguments,
)
def sip(arguments: argparse.Namespace) -> int:
    """Ask the running hotline; exit 1 when it knows nothing of the call."""
    from daemon.service.errors import ServiceError

    try:
        rows = asyncio.run(_ask(arguments))
    except ServiceError as error:
        raise CommandError(pick(error.en, error.zh), exit_code=FAILURE) from error
    if arguments.json:
        sys.stdout.write(msgspec.json.encode({"ladder": rows}).decode() + "\n")
    else:
        sys.stdout.write(draw(rows))
    return 0


async def _ask(arguments: argparse.Namespace) -> "Sequence[LadderRow]":
    async with asked(arguments) as (service, actor):
        return await service.ladder(actor, arguments.call)


def draw(rows: "Sequence[LadderRow]") -> str:
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
    return "\n".join(lines) + "\n"
