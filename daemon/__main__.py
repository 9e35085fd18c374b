"""The hookflash command: finds the subcommand, runs it, turns faults into exit codes.

0 done, 1 it failed, 2 wrong usage or wrong configuration, 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import metadata

from daemon.command_line import (
    WRONG_USAGE,
    Command,
    Parser,
    all_commands,
    broken_commands,
    build_parser,
    find_command,
)
from daemon.errors import CommandError, ConfigError, DaemonError
from daemon.language import pick

INTERRUPTED = 130  # 128 + SIGINT, what a shell reports


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``hookflash`` with these arguments and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except ConfigError as error:
        for fault in error.faults:
            sys.stderr.write(f"{fault}\n")
        return WRONG_USAGE
    except CommandError as error:
        _complain(error.what, error.todo)
        return error.exit_code
    except DaemonError as error:
        _complain(str(error), "")
        return 1
    except BrokenPipeError:
        # The reader of our output is gone (`| head`); stdout must not be flushed again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        _complain(str(error), "")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(words: list[str]) -> int:
    if not words or words[0].startswith("-"):
        return _top_level(words)
    found = find_command(words[0])
    if found is None:
        raise _unknown(words[0])
    arguments = build_parser(found).parse_args(words[1:])
    return found.run(arguments)


def _top_level(words: list[str]) -> int:
    commands = all_commands()
    parser = _top_parser(commands)
    if not words:
        sys.stderr.write(parser.format_help())
        return WRONG_USAGE
    parser.parse_args(words)
    raise _unknown(words[0])


def _top_parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    parser = Parser(prog="hookflash", description=pick("A hotline in a box.", "一体化热线系统。"))
    parser.add_argument(
        "--version",
        action="version",
        version=f"hookflash {_version()}",
        help=pick("show the version", "显示版本"),
    )
    group = parser.add_argument_group(pick("commands", "命令"))
    for found in commands:
        group.add_argument(
            found.name, nargs="?", metavar=found.name, help=found.summary().replace("%", "%%")
        )
    parser.usage = pick("hookflash COMMAND [--help] ...", "hookflash 命令 [--help] ...")
    broken = [
        pick(f"{name}: not available: {reason}", f"{name}：不可用：{reason}")
        for name, reason in sorted(broken_commands().items())
    ]
    parser.epilog = "; ".join(broken).replace("%", "%%") or None
    return parser


def _version() -> str:
    try:
        return metadata.version("hookflash")
    except metadata.PackageNotFoundError:
        return pick("(not installed, run from a checkout)", "（未安装，从源码目录运行）")


def _unknown(name: str) -> CommandError:
    reason = broken_commands().get(name)
    if reason:
        return CommandError(
            pick(f"{name} is not available: {reason}", f"{name} 不可用：{reason}"),
            exit_code=WRONG_USAGE,
        )
    return CommandError(
        pick(f"there is no command {name!r}", f"没有命令 {name!r}"),
        todo=pick("see: hookflash --help", "请看：hookflash --help"),
        exit_code=WRONG_USAGE,
    )


def _complain(what: str, todo: str) -> None:
    sys.stderr.write(f"hookflash: {what}\n")
    if todo:
        sys.stderr.write(f"  {todo}\n")


if __name__ == "__main__":
    sys.exit(main())
