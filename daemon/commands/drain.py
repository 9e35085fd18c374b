"""``hookflash drain``: take no new calls and wait until those in progress are over."""

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.command_line import FAILURE, WRONG_USAGE, add_json, command
from daemon.commands._on_behalf import add_actor, asked
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.service.messages import Draining

LOOK_S: Final = 0.5  # s between two looks at what is left


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--undo", action="store_true", help=pick("take calls again", "恢复接听新来电")
    )
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=3600.0,
        help=pick("longest wait for calls to end (3600)", "等待通话结束的最长时间（3600 秒）"),
    )
    add_actor(parser)
    add_json(parser)


@command(
    "drain",
    "Take no new calls and wait until those in progress are over",
    "不再接听新来电，并等待现有通话结束",
    arguments=_arguments,
)
def drain(arguments: argparse.Namespace) -> int:
    """Exit 0 when the hotline is empty (or takes calls again), 1 when calls are left."""
    from daemon.service.errors import ServiceError

    if not arguments.wait >= 0:
        raise CommandError(
            pick(f"--wait {arguments.wait:g} is no time", f"--wait {arguments.wait:g} 不是时间"),
            todo=pick("name seconds, 0 or more", "请给出秒数，0 或更大"),
            exit_code=WRONG_USAGE,
        )
    try:
        left = asyncio.run(_drain(arguments))
    except ServiceError as error:
        raise CommandError(pick(error.en, error.zh), exit_code=FAILURE) from error
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(left).decode() + "\n")
    elif not left.on:
        sys.stdout.write(pick("the hotline takes calls again\n", "热线恢复接听\n"))
    elif not left.calls:
        sys.stdout.write(pick("no call is left; restart when you like\n", "已无通话，可以重启\n"))
    else:
        told = pick(
            f"calls left: {left.calls}; no new ones are taken",
            f"还有 {left.calls} 个通话；不接新来电",
        )
        sys.stderr.write(told + "\n")
    return FAILURE if left.on and left.calls else 0


async def _drain(arguments: argparse.Namespace) -> "Draining":
    async with asked(arguments) as (service, actor):
        left = await service.set_draining(actor, on=not arguments.undo)
        give_up = time.monotonic() + arguments.wait
        shown = -1
        while left.on and left.calls and time.monotonic() < give_up:
            if left.calls != shown and not arguments.json:
                shown = left.calls
                sys.stderr.write(pick(f"calls in progress: {shown}\n", f"{shown} 个通话\n"))
            await asyncio.sleep(LOOK_S)
            left = await service.draining()
        return left
