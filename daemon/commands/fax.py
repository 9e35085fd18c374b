"""``hookflash fax``: send a file as a fax, see how faxes go, give one up."""

import argparse
import asyncio
import datetime as dt
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.command_line import FAILURE, WRONG_USAGE, command, site_path
from daemon.commands._on_behalf import add_action, asked
from daemon.errors import CommandError
from daemon.language import current_language, pick

if TYPE_CHECKING:
    from daemon.service.api import Service
    from daemon.service.fax.faxes import Fax
    from daemon.service.messages import Actor

ENDINGS: Final = (".pdf", ".tif", ".tiff")
LOOK_S: Final = 1.0
LISTED: Final = 50


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, prog=parser.prog
    )
    send = add_action(actions, "send", "send a PDF or TIFF file", "发送 PDF 或 TIFF 文件")
    send.add_argument("number", metavar="NUMBER", help=pick("whom to call", "要呼叫的号码"))
    send.add_argument("file", metavar="FILE", help=pick(".pdf or .tif", ".pdf 或 .tif 文件"))
    send.add_argument(
        "--no-wait",
        action="store_true",
        help=pick("return when it is queued", "加入队列后立即返回"),
    )
    listed = add_action(actions, "list", "faxes sent and received", "已发送和收到的传真")
    listed.add_argument(
        "--limit", type=int, default=LISTED, help=pick("how many at most", "最多显示多少条")
    )
    listed.add_argument(
        "--offset",
        type=int,
        default=0,
        help=pick("how many newer ones to leave out", "跳过最新的多少条"),
    )
    cancel = add_action(actions, "cancel", "give a fax up", "取消传真")
    cancel.add_argument("fax", metavar="FAX", help=pick("its 13 characters", "13 位编号"))


@command("fax", "Send faxes, and see how they go", "发送传真并查看进度", arguments=_arguments)
def fax(arguments: argparse.Namespace) -> int:
    """Exit 0 when the fax is sent (queued, cancelled), 1 when it fails or is refused."""
    from daemon.service.errors import ServiceError

    run = {"send": _send, "list": _list, "cancel": _cancel}[arguments.action]
    try:
        return asyncio.run(run(arguments))
    except ServiceError as error:
        raise CommandError(pick(error.en, error.zh), exit_code=FAILURE) from error


async def _send(arguments: argparse.Namespace) -> int:
    from daemon.service.fax.faxes import FaxState

    source = Path(arguments.file)
    ending = source.suffix.lower()
    if ending not in ENDINGS or not await asyncio.to_thread(source.is_file):
        raise CommandError(
            pick(f"{source} is no PDF or TIFF file", f"{source} 不是 PDF 或 TIFF 文件"),
            exit_code=WRONG_USAGE,
        )
    name = f"fax-{secrets.token_hex(8)}{ending}"
    incoming = site_path(arguments) / "incoming"
    async with asked(arguments) as (service, actor):
        await asyncio.to_thread(_copy, source, incoming / name)
        try:
            made = await service.send_fax(actor, f"incoming/{name}", source.name, arguments.number)
        except BaseException:
            await asyncio.to_thread((incoming / name).unlink, missing_ok=True)
            raise
        if not arguments.no_wait:
            made = await _follow(service, actor, made, quiet=arguments.json)
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(made).decode() + "\n")
    elif arguments.no_wait:
        sys.stdout.write(f"{made.fax}\n")
    return 0 if arguments.no_wait or made.state is FaxState.SENT else FAILURE


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, target)


async def _follow(service: "Service", actor: "Actor", made: "Fax", *, quiet: bool) -> "Fax":
    """Show how a fax goes until it is over; it goes on when the command is interrupted."""
    from daemon.service.fax.faxes import FaxState

    shown = ""
    while True:
        line = progress(made)
        if line != shown and not quiet:
            sys.stdout.write(f"{made.fax}  {line}\n")
            sys.stdout.flush()
        shown = line
        if made.state in (FaxState.SENT, FaxState.FAILED, FaxState.CANCELLED):
            return made
        await asyncio.sleep(LOOK_S)
        made = await service.fax(actor, made.fax)


def progress(fax: "Fax") -> str:
    """How a fax goes, in one line."""
    from daemon.service.fax.words import page_words, state_words, way_words

    language = current_language()
    words = [state_words(fax.state, language), page_words(fax, language)]
    words += way_words(fax, language)
    if fax.station:
        words.append(pick(f"with {fax.station}", f"对方 {fax.station}"))
    if fax.attempts > 1:
        words.append(pick(f"attempt {fax.attempts}", f"第 {fax.attempts} 次"))
    if fax.why_en and fax.state in ("waiting", "failed"):
        words.append(pick(fax.why_en, fax.why_zh))
    if fax.next_try:
        at = dt.datetime.fromtimestamp(fax.next_try, dt.UTC).astimezone()
        words.append(pick(f"again at {at:%H:%M:%S}", f"{at:%H:%M:%S} 重试"))
    return ", ".join(filter(None, words))


async def _list(arguments: argparse.Namespace) -> int:
    async with asked(arguments) as (service, actor):
        found = await service.list_faxes(actor, arguments.limit, arguments.offset)
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.write(table(found.faxes))
    return 0


def table(found: "Sequence[Fax]") -> str:
    """Faxes as text, the newest first."""
    if not found:
        return pick("no faxes", "没有传真") + "\n"
    lines = []
    for each in found:
        at = dt.datetime.fromtimestamp(each.created, dt.UTC).astimezone()
        way = {"in": pick("from", "来自"), "out": pick("to", "发往")}[each.direction]
        number = each.number or "-"
        lines.append(
            f"{each.fax}  {at:%Y-%m-%d %H:%M}  {way} {number}  {each.name}  {progress(each)}"
        )
    return "\n".join(lines) + "\n"


async def _cancel(arguments: argparse.Namespace) -> int:
    async with asked(arguments) as (service, actor):
        over = await service.cancel_fax(actor, arguments.fax)
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(over).decode() + "\n")
    else:
        sys.stdout.write(f"{over.fax}  {progress(over)}\n")
    return 0
