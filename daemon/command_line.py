"""How subcommands of ``hookflash`` register themselves and find their site.

One file in ``daemon/commands/`` is one subcommand::

    @command("check", "Find every fault in a site", "检查站点", site="argument")
    def check(arguments: argparse.Namespace) -> int:
        site = site_path(arguments)

Heavy imports belong inside the function: ``hookflash --help`` imports every command.
"""

import argparse
import importlib
import os
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NoReturn

import msgspec

import daemon.commands
from daemon.errors import CommandError
from daemon.language import pick

Run = Callable[[argparse.Namespace], int]
Configure = Callable[[argparse.ArgumentParser], None]
SiteUse = Literal["none", "option", "argument"]

WRONG_USAGE: Final = 2
_COMPLAINTS: Final = (
    (r"unrecognized arguments: (.*)", r"无法识别的参数：\1"),
    (r"the following arguments are required: (.*)", r"缺少参数：\1"),
    (r"argument (.+): expected one argument", r"参数 \1：需要一个值"),
    (r"argument (.+): expected at least one argument", r"参数 \1：至少需要一个值"),
    (r"argument (.+): invalid \S+ value: (.*)", r"参数 \1：值 \2 无效"),
    (
        r"argument (.+): invalid choice: (.+) \(choose from (.*)\)",
        r"参数 \1：没有 \2（可选：\3）",
    ),
    (r"argument (.+): not allowed with argument (.+)", r"参数 \1 不能与 \2 同时使用"),
)
FAILURE: Final = 1


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A subcommand: its name, its line in the help, its arguments and what runs it."""

    name: str
    en: str
    zh: str
    site: SiteUse
    """``option`` takes --site, ``argument`` takes SITE as well, ``none`` needs no site."""
    configure: Configure | None
    run: Run

    def summary(self) -> str:
        """The one line that ``hookflash --help`` shows."""
        return pick(self.en, self.zh)


_commands: dict[str, Command] = {}
_broken: dict[str, str] = {}


def command(
    name: str,
    en: str,
    zh: str,
    *,
    site: SiteUse = "option",
    arguments: Configure | None = None,
) -> Callable[[Run], Run]:
    """Register the decorated function as subcommand ``name``; it returns the exit code.

    ``arguments`` adds the command's own options to its parser. --site is added
    according to ``site``.
    """

    def keep(run: Run) -> Run:
        _commands[name] = Command(name=name, en=en, zh=zh, site=site, configure=arguments, run=run)
        return run

    return keep


def find_command(name: str) -> Command | None:
    """Load one subcommand without importing the others; None when there is none."""
    module = name.replace("-", "_")
    if module in _module_names():
        _load(module)
    if name not in _commands:
        all_commands()
    return _commands.get(name)


def all_commands() -> tuple[Command, ...]:
    """Load every file in ``daemon/commands`` and return the commands by name."""
    for module in _module_names():
        _load(module)
    return tuple(_commands[name] for name in sorted(_commands))


def broken_commands() -> dict[str, str]:
    """Command files that could not be imported, with the reason."""
    all_commands()
    return dict(_broken)


def build_parser(found: Command) -> argparse.ArgumentParser:
    """Build the parser of one subcommand, in the terminal's language."""
    parser = Parser(prog=f"hookflash {found.name}", description=found.summary())
    if found.site == "argument":
        parser.add_argument(
            "site_argument",
            metavar="SITE",
            nargs="?",
            help=pick("the site directory", "站点目录"),
        )
    if found.site != "none":
        parser.add_argument(
            "--site",
            metavar="DIR",
            help=pick(
                "the site directory; else HOOKFLASH_SITE, else the current directory",
                "站点目录；否则用 HOOKFLASH_SITE，再否则用当前目录",
            ),
        )
    if found.configure is not None:
        found.configure(parser)
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json, the machine-readable output."""
    parser.add_argument(
        "--json",
        action="store_true",
        help=pick("one JSON object on stdout", "在标准输出写一个 JSON 对象"),
    )


def site_path(arguments: argparse.Namespace) -> Path:
    """The site directory the command was given; CommandError with exit code 2 without one.

    In this order: SITE, --site, HOOKFLASH_SITE, the current directory if it is a site.
    """
    named = (
        getattr(arguments, "site_argument", None)
        or arguments.site
        or os.environ.get("HOOKFLASH_SITE")
    )
    path = Path(named) if named else Path.cwd()
    if (path / "hookflash.toml").is_file():
        return path.resolve()
    if named:
        raise CommandError(
            pick(
                f"{path} is not a site: it has no hookflash.toml",
                f"{path} 不是站点：没有 hookflash.toml",
            ),
            todo=pick(f"make one with: hookflash init {path}", f"新建站点：hookflash init {path}"),
            exit_code=WRONG_USAGE,
        )
    raise CommandError(
        pick("no site given", "没有指定站点"),
        todo=pick(
            "use --site DIR, set HOOKFLASH_SITE, or go to a directory with hookflash.toml",
            "用 --site DIR，或设置 HOOKFLASH_SITE，或进入有 hookflash.toml 的目录",
        ),
        exit_code=WRONG_USAGE,
    )


class Parser(argparse.ArgumentParser):
    """An argument parser with headings in the terminal's language."""

    def __init__(self, *, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            add_help=False,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        self._positionals.title = pick("arguments", "参数")
        self._optionals.title = pick("options", "选项")
        self.add_argument("-h", "--help", action="help", help=pick("show this help", "显示本帮助"))

    def error(self, message: str) -> NoReturn:
        """Report wrong usage: CommandError with exit code 2."""
        raise CommandError(
            f"{self.prog.removeprefix('hookflash ')}: {_in_our_language(message)}",
            todo=pick(f"see: {self.prog} --help", f"请看：{self.prog} --help"),
            exit_code=WRONG_USAGE,
        )


def _in_our_language(message: str) -> str:
    """What argparse complains about, in the terminal's language."""
    for pattern, zh in _COMPLAINTS:
        found = re.fullmatch(pattern, message)
        if found:
            return pick(message, found.expand(zh))
    return message


class _Formatter(argparse.HelpFormatter):
    def add_usage(self, usage, actions, groups, prefix=None):  # type: ignore[no-untyped-def]
        super().add_usage(usage, actions, groups, prefix or pick("usage: ", "用法："))


def _module_names() -> tuple[str, ...]:
    return tuple(
        sorted(
            module.name
            for module in pkgutil.iter_modules(daemon.commands.__path__)
            if not module.name.startswith("_")
        )
    )


def _load(module: str) -> None:
    try:
        importlib.import_module(f"daemon.commands.{module}")
    except ImportError as error:
        _broken[module.replace("_", "-")] = str(error)
