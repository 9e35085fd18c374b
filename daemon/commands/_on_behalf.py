"""Actions of a command that ask the running hotline, and in whose name they do."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from daemon.command_line import WRONG_USAGE, add_json, site_path
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.service.api import Service
    from daemon.service.messages import Actor


def add_actor(
    parser: argparse.ArgumentParser,
    en: str = "who asks; else the first administrator",
    zh: str = "以谁的名义；否则为第一位管理员",
) -> None:
    """Let a command be run in somebody's name: ``--as LOGIN``."""
    parser.add_argument("--as", dest="actor", metavar="LOGIN", help=pick(en, zh))


def add_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, en: str, zh: str
) -> argparse.ArgumentParser:
    """An action that asks the running hotline."""
    action = actions.add_parser(name, help=pick(en, zh), description=pick(en, zh))
    # --site may stand before or after the action.
    action.add_argument(
        "--site",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help=pick("the site directory", "站点目录"),
    )
    add_actor(action)
    add_json(action)
    return action


@asynccontextmanager
async def asked(
    arguments: argparse.Namespace, login: str = ""
) -> "AsyncIterator[tuple[Service, Actor]]":
    """The running hotline's service, and who asks: ``--as``, ``login``, or an administrator."""
    from daemon.service.errors import ServiceUnreachableError
    from daemon.service.messages import Actor
    from daemon.service.socket_client import ServiceClient
    from daemon.site_directory import SiteDirectory

    site = site_path(arguments)
    client = ServiceClient(SiteDirectory.open(site).socket("control"))
    try:
        for named in (arguments.actor, login):
            if named:
                await _known(client.service, named)
        asks = arguments.actor or login or await _first_administrator(client.service)
        yield client.service, Actor(login=asks, via="command")
    except ServiceUnreachableError as error:
        raise CommandError(
            pick(error.en, error.zh),
            todo=pick(
                f"does the hotline run? start it with: hookflash run {site}",
                f"热线在运行吗？启动：hookflash run {site}",
            ),
        ) from error
    finally:
        await client.close()


async def _known(service: "Service", login: str) -> None:
    """Nobody is refused as lacking a role who does not exist."""
    if login not in {one.login for one in await service.list_people()}:
        raise CommandError(
            pick(f"the site has no person {login}", f"站点没有人员 {login}"),
            todo=pick("logins are in the console under Agents", "用户名见控制台的“座席”页"),
            exit_code=WRONG_USAGE,
        )


async def _first_administrator(service: "Service") -> str:
    people = await service.list_people()
    found = [one.login for one in people if one.enabled and "administrator" in one.roles]
    if not found:
        raise CommandError(
            pick("the site has no administrator", "站点没有管理员"),
            todo=pick("name somebody with --as LOGIN", "请用 --as LOGIN 指定"),
        )
    return found[0]
