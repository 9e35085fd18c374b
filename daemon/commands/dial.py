"""``hookflash dial``: ring an agent's telephone and call somebody for him."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

import msgspec

from daemon.command_line import FAILURE, add_json, command
from daemon.commands._on_behalf import asked
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.service.messages import Desk


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "agent",
        metavar="LOGIN",
        help=pick("whose telephone rings first", "先振谁的话机"),
    )
    parser.add_argument(
        "to",
        metavar="TO",
        help=pick(
            "number, telephone, colleague's login or code (*51: the caller parked there)",
            "号码、话机、同事用户名或功能码（*51：取回该位驻留的来电者）",
        ),
    )
    add_json(parser)


@command(
    "dial",
    "Ring an agent's telephone, and call somebody when it is answered",
    "先振座席话机，接听后再呼叫对方",
    arguments=_arguments,
)
def dial(arguments: argparse.Namespace) -> int:
    """Exit 0 when the telephone is rung, 1 when the hotline refuses."""
    from daemon.service.errors import ServiceError

    try:
        desk = asyncio.run(_dial(arguments))
    except ServiceError as error:
        raise CommandError(pick(error.en, error.zh), exit_code=FAILURE) from error
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(desk).decode() + "\n")
    else:
        said = pick(f"{desk.station} rings first\n", f"先振 {desk.station}\n")
        sys.stdout.write(said)
    return 0


async def _dial(arguments: argparse.Namespace) -> "Desk":
    # It is his telephone and his name: nobody dials as somebody else.
    arguments.actor = ""
    async with asked(arguments, arguments.agent) as (service, agent):
        return await service.dial(agent, arguments.to)
