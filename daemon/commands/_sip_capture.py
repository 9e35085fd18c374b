"""``hookflash sip capture``: the messages and packets of a call or a peer in a pcapng file."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from daemon.command_line import FAILURE
from daemon.commands._on_behalf import asked
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from daemon.service.api import Service
    from daemon.service.messages import Actor, CaptureWish


def capture_arguments(parser: argparse.ArgumentParser) -> None:
    """What is captured, for how long, and into which file."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--call",
        metavar="ID",
        default="",
        help=pick("a running call's 13 characters", "正在进行的通话的 13 位编号"),
    )
    what.add_argument(
        "--peer",
        metavar="ADDRESS",
        default="",
        help=pick("an IP address, of a carrier or a telephone", "运营商或话机的 IP 地址"),
    )
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=float,
        default=60.0,
        help=pick("how long, 60 at first, 3600 at most", "时长（秒），默认 60，最长 3600"),
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        required=True,
        help=pick("a new file, for Wireshark or tshark", "新文件，供 Wireshark 或 tshark 打开"),
    )
    parser.add_argument(
        "--no-audio",
        action="store_true",
        help=pick(
            "messages alone; the audio is to listen to people, and for administrators",
            "仅信令；抓取语音等同监听，仅限管理员",
        ),
    )


async def run_capture(arguments: argparse.Namespace) -> int:
    """Write the file until it is whole, or until Ctrl+C."""
    from daemon.service.messages import CaptureWish

    wish = CaptureWish(
        call=arguments.call,
        peer=arguments.peer,
        seconds=arguments.seconds,
        media=not arguments.no_audio,
    )
    path = Path(arguments.output)
    try:
        # What people say is in it: for nobody else's eyes, and never over another file.
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        todo = pick("name a new file in a folder of yours", "请给出可写目录中的新文件名")
        raise CommandError(f"{path}: {error.strerror}", todo=todo, exit_code=FAILURE) from error
    size = 0
    try:
        with os.fdopen(file, "wb") as out:
            async with asked(arguments) as (service, actor):
                size = await _write(out, service, actor, wish)
    finally:
        if not size:
            _discard(path)
    if arguments.json:
        sys.stdout.write(msgspec.json.encode({"file": str(path), "octets": size}).decode() + "\n")
    else:
        sys.stdout.write(pick(f"{path}: {size} octets\n", f"{path}：{size} 字节\n"))
    return 0


async def _write(out: BinaryIO, service: "Service", actor: "Actor", wish: "CaptureWish") -> int:
    size = 0
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        async for data in service.capture(actor, wish):
            out.write(data)
            size += len(data)
    except asyncio.CancelledError:
        if not size:
            raise
        if task is not None:
            task.uncancel()  # Ctrl+C: what there is, is a whole file
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return size


def _discard(path: Path) -> None:
    path.unlink(missing_ok=True)
