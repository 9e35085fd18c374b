"""``hookflash why``: why a call went where it went, or why an agent gets no calls."""

import argparse
import asyncio
import datetime as dt
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from daemon.command_line import FAILURE, WRONG_USAGE, add_json, command
from daemon.commands._on_behalf import add_actor, asked
from daemon.errors import CommandError
from daemon.language import current_language, pick

if TYPE_CHECKING:
    from daemon.service.messages import Decision, Text


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "call",
        metavar="CALL",
        nargs="?",
        help=pick("the call's 13 characters, as pages show it", "页面上显示的 13 位来电编号"),
    )
    parser.add_argument(
        "--agent",
        metavar="LOGIN",
        help=pick("why this agent gets no calls", "该坐席为什么没有来电"),
    )
    add_actor(
        parser,
        "who asks; else the agent himself, or the first administrator",
        "以谁的名义查询；否则为坐席本人或第一位管理员",
    )
    add_json(parser)


@command(
    "why",
    "Say why a call went to an agent, or why an agent gets none",
    "说明来电为何分给某坐席，或坐席为何没有来电",
    arguments=_arguments,
)
def why(arguments: argparse.Namespace) -> int:
    """Ask the running hotline; exit 1 when it refuses, 2 for wrong usage."""
    from daemon.service.errors import ServiceError

    if bool(arguments.call) == bool(arguments.agent):
        raise CommandError(
            pick("name a call or an agent", "请给出来电编号或坐席"),
            todo=pick(
                "hookflash why CALL, or hookflash why --agent LOGIN",
                "hookflash why CALL，或 hookflash why --agent LOGIN",
            ),
            exit_code=WRONG_USAGE,
        )
    try:
        return asyncio.run(_ask(arguments))
    except ServiceError as error:
        said = pick(error.en, error.zh)
        raise CommandError(said, exit_code=FAILURE) from error


async def _ask(arguments: argparse.Namespace) -> int:
    async with asked(arguments, arguments.agent or "") as (service, actor):
        if arguments.agent:
            _write_reasons(await service.why_agent(actor, arguments.agent), as_json=arguments.json)
        else:
            _write_decisions(await service.why(actor, arguments.call), as_json=arguments.json)
    return 0


def _write_reasons(texts: "Sequence[Text]", *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode({"reasons": texts}).decode() + "\n")
        return
    for text in texts:
        sys.stdout.write(text.of(current_language()) + "\n")


def _write_decisions(decisions: "Sequence[Decision]", *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode({"decisions": decisions}).decode() + "\n")
        return
    if not decisions:
        sys.stdout.write(pick("the call was offered to nobody\n", "该来电没有派送给任何坐席\n"))
    for decision in decisions:
        at = dt.datetime.fromtimestamp(decision.at, dt.UTC).astimezone()
        agent = decision.agent or "—"
        sys.stdout.write(f"{at:%Y-%m-%d %H:%M:%S}  {decision.queue} → {agent}\n")
        for text in decision.words:
            sys.stdout.write(f"  {text.of(current_language())}\n")
