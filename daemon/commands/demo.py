"""``hookflash demo``: the whole hotline on loopback, with callers and agents that prove it."""

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cython_ext.implementation import PURE_PYTHON
from daemon.command_line import FAILURE, WRONG_USAGE, add_json, command
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from rich.console import Group

    from daemon.demo.run import Demo, Wanted
    from daemon.demo.tally import Tally

DEFAULT_CALLS: Final = 30
DEFAULT_AGENTS: Final = 6
UNATTENDED_S: Final = 46.0  # after which no call begins, so that all ends within 60 s
INTERRUPTED: Final = 130  # as a shell says it: 128 + SIGINT
FEW_CALLS: Final = 8  # results shown under the counters


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, metavar="N", help=pick("calls to make", "呼叫次数"))
    parser.add_argument(
        "--exit",
        action="store_true",
        help=pick(
            "end after the calls, with exit code 0 if all was as intended",
            "呼叫完成后退出；一切符合预期时退出码为 0",
        ),
    )
    parser.add_argument(
        "--abandon",
        type=int,
        default=0,
        metavar="N",
        help=pick("that many of the callers give up waiting", "其中放弃等待的来电数"),
    )
    parser.add_argument(
        "--agents", type=int, default=DEFAULT_AGENTS, metavar="N", help=pick("agents", "坐席数")
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        metavar="N",
        help=pick("calls begun in a second", "每秒发起的呼叫数"),
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help=pick(
            "make the demo's site in this new directory and keep it", "把演示站点建在此新目录并保留"
        ),
    )
    add_json(parser)


@command(
    "demo",
    "Run a hotline here, with callers and agents",
    "在本机运行完整热线，带模拟来电和坐席",
    site="none",
    arguments=_arguments,
)
def demo(arguments: argparse.Namespace) -> int:
    """Exit 0 only if every call ended as intended and the database agrees."""
    _check(arguments)
    if arguments.keep is not None:
        return asyncio.run(_demo(arguments, arguments.keep))
    with tempfile.TemporaryDirectory(prefix="hookflash-demo-", ignore_cleanup_errors=True) as path:
        return asyncio.run(_demo(arguments, Path(path) / "site"))


def _check(arguments: argparse.Namespace) -> None:
    calls = DEFAULT_CALLS if arguments.calls is None else arguments.calls
    wrong = ""
    if calls < 1:
        wrong = pick("--calls must be at least 1", "--calls 至少为 1")
    elif not 0 <= arguments.abandon <= calls:
        wrong = pick("--abandon must lie between 0 and --calls", "--abandon 须在 0 与 --calls 之间")
    elif not 1 <= arguments.agents <= 60:
        wrong = pick("--agents must lie between 1 and 60", "--agents 须在 1 与 60 之间")
    elif not 0 < arguments.rate <= 50:
        wrong = pick("--rate must lie between 0 and 50", "--rate 须在 0 与 50 之间")
    elif arguments.keep is not None and arguments.keep.exists():
        wrong = pick(f"{arguments.keep} exists already", f"{arguments.keep} 已存在")
    elif PURE_PYTHON:
        wrong = pick("plain-Python kernels have no audio", "纯 Python 内核没有音频")
    if wrong:
        raise CommandError(wrong, exit_code=WRONG_USAGE)


async def _demo(arguments: argparse.Namespace, path: Path) -> int:
    from daemon.demo.demo_site import make_demo_site
    from daemon.demo.run import Demo
    from daemon.service.credentials import PasswordKeeper

    attended = sys.stdout.isatty() and not arguments.exit
    site = make_demo_site(
        path,
        agents=arguments.agents,
        usual_ports=attended,
        hash_password=PasswordKeeper().hash,
    )
    screen = _Screen(live=sys.stderr.isatty() and not arguments.json)
    running = Demo(site, _wanted(arguments, attended=attended), screen.show)
    with screen:
        result = await _until_done(running)
    if result is None:
        return INTERRUPTED
    _write(result, arguments)
    return FAILURE if result.errors else 0


async def _until_done(running: "Demo") -> "Tally | None":
    """Ctrl-C lets the calls in progress end; a second one does not wait: None."""
    task = asyncio.create_task(running.run(), name="demo")

    def interrupt() -> None:
        if running.stopping:
            task.cancel()
        running.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        return None


def _wanted(arguments: argparse.Namespace, *, attended: bool) -> "Wanted":
    from daemon.demo.run import Wanted

    if arguments.exit:
        calls, seconds = arguments.calls or DEFAULT_CALLS, 0.0
    else:
        calls = arguments.calls
        seconds = 0.0 if attended or calls else UNATTENDED_S  # who names a number gets it
    return Wanted(
        calls=calls,
        abandon=arguments.abandon,
        rate=arguments.rate,
        seconds=seconds,
        stay=attended,
    )


def _write(result: "Tally", arguments: argparse.Namespace) -> None:
    import msgspec

    if arguments.json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
        return
    rows = msgspec.to_builtins(result)
    errors = rows.pop("errors")
    for name, value in rows.items():
        sys.stdout.write(f"{name:12} {value}\n")
    for error in errors:
        sys.stdout.write(f"! {error}\n")
    verdict = (
        pick("NOT as intended", "与预期不符") if errors else pick("all as intended", "一切符合预期")
    )
    sys.stdout.write(verdict + "\n")


class _Screen:
    """Progress: a table that moves in a terminal, a line for each phase elsewhere."""

    def __init__(self, *, live: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        self._phase = ""
        self._told = False
        console = Console(stderr=True)
        self._live = Live(console=console, refresh_per_second=8) if live else None

    def __enter__(self) -> "_Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, demo: "Demo") -> None:
        if self._live is not None:
            self._live.update(_picture(demo))
            return
        if demo.console and not self._told:
            self._told = True
            sys.stderr.write("\n".join(_log_in(demo)) + "\n")
        if demo.phase != self._phase:
            self._phase = demo.phase
            sys.stderr.write(f"demo: {demo.phase}\n")


def _log_in(demo: "Demo") -> list[str]:
    return [
        pick("console: ", "控制台：") + demo.console,
        pick(
            f"log in as {demo.site.login}, one-time password {demo.site.password}",
            f"登录名 {demo.site.login}，一次性密码 {demo.site.password}",
        ),
    ]


def _picture(demo: "Demo") -> "Group":
    from rich.console import Group
    from rich.table import Table

    outcomes = [result.outcome for result in demo.results]
    table = Table(caption=pick("Ctrl-C ends the demo", "按 Ctrl-C 结束"))
    table.add_column(demo.phase)
    table.add_column("", justify="right")
    for name, value in (
        (pick("calls", "呼叫"), demo.begun),
        (pick("in progress", "进行中"), demo.in_progress),
        (pick("answered", "已接听"), outcomes.count("answered")),
        (pick("messages", "留言"), outcomes.count("voicemail")),
        (pick("gave up", "放弃"), outcomes.count("abandoned")),
        (pick("failed", "失败"), outcomes.count("failed")),
    ):
        table.add_row(name, str(value))
    table.add_section()
    for result in demo.results[-FEW_CALLS:]:
        plan = result.plan
        what = result.error or f"{result.outcome} ({result.chosen_by}, {plan.line})"
        table.add_row(f"{plan.ani}  {what}", f"{result.wait_s:.1f} s")
    return Group(*(_log_in(demo) if demo.console else ()), table)
