"""``hookflash init SITE``: write a site directory that works as it is."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from daemon.command_line import WRONG_USAGE, add_json, command
from daemon.errors import CommandError
from daemon.language import current_language, pick

if TYPE_CHECKING:
    from daemon.site_files.fresh_site import NewSite, Wishes


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--demo",
        action="store_true",
        help=pick(
            "add a simulated voice board, an exchange's serial link and more agents",
            "加上模拟语音板卡、交换机串口链路和更多坐席",
        ),
    )
    parser.add_argument("--name", help=pick("name of the hotline", "热线名称"))
    parser.add_argument("--timezone", help=pick("IANA time zone", "IANA 时区"))
    parser.add_argument(
        "--port-base",
        type=int,
        metavar="N",
        help=pick(
            "SIP at N, console at N+1, audio from N+2 to N+401",
            "SIP 用 N，控制台用 N+1，音频用 N+2 到 N+401",
        ),
    )
    parser.add_argument("--sip-port", type=int, help=pick("UDP port of SIP", "SIP 的 UDP 端口"))
    parser.add_argument("--web-port", type=int, help=pick("port of the console", "控制台端口"))
    add_json(parser)


@command(
    "init",
    "Write a new site that works as it is",
    "新建可直接运行的站点",
    site="argument",
    arguments=_arguments,
)
def init(arguments: argparse.Namespace) -> int:
    """Write the site and say what to do next; the passwords are shown this once."""
    from daemon.service.credentials import PasswordKeeper
    from daemon.site_files.fresh_site import write_site

    named = arguments.site_argument or arguments.site
    if not named:
        raise CommandError(
            pick("no directory given", "没有指定目录"),
            todo=pick("write: hookflash init SITE", "请写：hookflash init 站点"),
            exit_code=WRONG_USAGE,
        )
    path = Path(named)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise CommandError(
            pick(f"{path} is not empty", f"{path} 不是空目录"),
            todo=pick("name a new directory", "请给出新目录"),
            exit_code=WRONG_USAGE,
        )
    wishes = _wishes(arguments, path)
    try:
        site = write_site(path, wishes, hash_password=PasswordKeeper().hash)
    except OSError as error:
        raise CommandError(
            pick(
                f"{path} cannot be written: {error.strerror}", f"无法写入 {path}：{error.strerror}"
            ),
        ) from error
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(site).decode() + "\n")
    else:
        sys.stdout.write(_report(site, wishes))
    return 0


def _wishes(arguments: argparse.Namespace, path: Path) -> "Wishes":
    from daemon.site_directory import choose_run_dir
    from daemon.site_files.fresh_site import Wishes
    from daemon.site_files.zones import known_zone

    base = arguments.port_base
    sip, web, rtp_min, rtp_max = (5060, 8080, 0, 0)
    if base is not None:
        even = base + 2 + base % 2
        sip, web, rtp_min, rtp_max = base, base + 1, even, even + 399
    timezone = arguments.timezone or _local_zone()
    sip = sip if arguments.sip_port is None else arguments.sip_port
    web = web if arguments.web_port is None else arguments.web_port
    if not all(0 <= port <= 65535 for port in (sip, web, rtp_min, rtp_max)):
        raise CommandError(
            pick("ports lie between 0 and 65535", "端口范围为 0 到 65535"), exit_code=WRONG_USAGE
        )
    if not known_zone(timezone):
        raise CommandError(
            pick(f"there is no time zone {timezone!r}", f"没有时区 {timezone!r}"),
            todo=pick("write one like Europe/Berlin", "请写如 Asia/Shanghai"),
            exit_code=WRONG_USAGE,
        )
    device = choose_run_dir(path.resolve()) / "exchange.tty" if arguments.demo else ""
    return Wishes(
        name=arguments.name or path.resolve().name,
        language=current_language(),
        timezone=timezone,
        sip_port=sip,
        web_port=web,
        rtp_port_min=rtp_min,
        rtp_port_max=rtp_max,
        demo=arguments.demo,
        exchange_device=str(device),
    )


def _local_zone() -> str:
    """The machine's zone, UTC when it cannot be told."""
    from daemon.site_files.zones import known_zone

    target = os.path.realpath("/etc/localtime")
    name = os.environ.get("TZ", "") or target.partition("/zoneinfo/")[2]
    return name if known_zone(name) else "UTC"


def _report(site: "NewSite", wishes: "Wishes") -> str:
    lines = [
        pick(f"new site in {site.path}", f"新站点：{site.path}"),
        pick("passwords, shown only this once:", "密码只显示这一次："),
        f"  {site.login}  {site.password}",
    ]
    for agent in site.agents:
        phone = pick(f"phone {agent.station}", f"话机 {agent.station}")
        lines.append(f"  {agent.login}  {agent.password}  {phone}  {agent.secret}")
    lines += [
        pick(f"start it: hookflash run {site.path}", f"启动：hookflash run {site.path}"),
        pick(
            f"then open: http://127.0.0.1:{wishes.web_port}/",
            f"然后打开：http://127.0.0.1:{wishes.web_port}/",
        ),
    ]
    return "\n".join(lines) + "\n"
