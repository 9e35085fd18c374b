"""``hookflash bench``: what decisions, calls and audio cost on this machine.

Costs are processor seconds as the operating system counts them (user and system), never
time on the clock: a busy neighbour makes a run longer, not dearer.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from daemon.command_line import FAILURE, WRONG_USAGE, add_json, command
from daemon.errors import CommandError
from daemon.language import pick

DEFAULT_SECONDS: Final = 5.0
LONGEST: Final = 600.0  # s
DEFAULT_CHANNELS: Final = 200
PARSED_EACH: Final = 5  # passes of the parser's benchmark, see cython_ext/sip_wire/bench.py
GUESSED_PARSE_US: Final = 2.0  # only to choose how many messages fill the time

Result = dict[str, Any]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subject",
        choices=tuple(sorted(_SUBJECTS)),
        help=pick(
            "acd: assignments of calls to agents; media: bridged channels; "
            "parser: SIP messages; sip: SIP calls, alone and through a whole hotline; needs SIPp",
            "acd：来电分配；media：桥接通道；parser：SIP 消息解析；sip：SIP 呼叫，单独及经过整套热线，需要 SIPp",
        ),
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help=pick(
            f"how long to measure; {DEFAULT_SECONDS:g} if left out, sip: chosen for each figure",
            f"测量时长（秒），默认 {DEFAULT_SECONDS:g}；sip 按各项自定",
        ),
    )
    parser.add_argument(
        "--rate",
        type=int,
        metavar="N",
        help=pick(
            "sip: calls begun in a second; if left out 200 where the driver is alone, 100 through "
            "a queue, 50 through a menu",
            "sip：每秒发起的呼叫数；默认单独测驱动时 200，经队列 100，经菜单 50",
        ),
    )
    parser.add_argument(
        "--talk",
        type=float,
        metavar="SECONDS",
        help=pick("sip: how long an agent talks; 0.2 if left out", "sip：坐席通话秒数，默认 0.2"),
    )
    parser.add_argument(
        "--agents",
        type=int,
        metavar="N",
        help=pick(
            "sip: agents who are ready for the calls through a queue; 50 if left out",
            "sip：为队列来电就绪的坐席数，默认 50",
        ),
    )
    parser.add_argument(
        "--recording",
        action=argparse.BooleanOptionalAction,
        default=False,
        help=pick(
            "sip: record the calls through a queue; they are not if left out",
            "sip：是否对经队列的呼叫录音，默认不录",
        ),
    )
    parser.add_argument(
        "--watched",
        action="store_true",
        help=pick(
            "sip: somebody looks at the live picture while hand-overs are measured",
            "sip：测量接手时有人在看实时画面",
        ),
    )
    parser.add_argument(
        "--channels",
        type=int,
        default=DEFAULT_CHANNELS,
        metavar="N",
        help=pick(
            f"media: channels bridged in pairs; {DEFAULT_CHANNELS} if left out",
            f"media：两两桥接的通道数，默认 {DEFAULT_CHANNELS}",
        ),
    )
    parser.add_argument(
        "--only",
        metavar="KEY",
        help=pick("sip: measure this figure alone", "sip：只测量此项"),
    )
    add_json(parser)


def cpu_seconds() -> float:
    """Processor seconds of this process so far, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _acd(arguments: argparse.Namespace) -> Result:
    from acd_core.simulation.kernel_load import measure
    from cython_ext.implementation import PURE_PYTHON

    if PURE_PYTHON:
        raise ImportError("HOOKFLASH_PURE_PYTHON is set")
    # The clock is processor time itself, so that the load lasts until that much is used.
    return measure(arguments.seconds or DEFAULT_SECONDS, cpu_seconds, time.perf_counter_ns)


def _media(arguments: argparse.Namespace) -> Result:
    from cython_ext import media
    from daemon.media.benchmark.rounds import ROUNDS, run

    if not media.available():
        raise ImportError(media.reason())
    # Five rounds, so that each load is measured for so long together.
    return run(arguments.channels, (arguments.seconds or DEFAULT_SECONDS) / ROUNDS)


def _parser(arguments: argparse.Namespace) -> Result:
    from cython_ext import sip_wire
    from cython_ext.sip_wire import oracle
    from cython_ext.sip_wire.bench import message, microseconds

    rounds = max(
        int((arguments.seconds or DEFAULT_SECONDS) * 1e6 / GUESSED_PARSE_US / PARSED_EACH), 1
    )
    quick = microseconds(sip_wire.parse, rounds)
    plain = microseconds(oracle.parse, max(rounds // 20, 1))
    return {
        "message_bytes": len(message()),
        "cpu_us_per_message": round(quick, 3),
        "plain_python_us_per_message": round(plain, 2),
        "ratio": round(plain / quick, 1),
    }


def _sip(arguments: argparse.Namespace) -> Result:
    import uvloop

    from daemon.benchmark.sip_measures import MEASURES, Load, run

    only = arguments.only
    if only is not None and only not in MEASURES:
        known = ", ".join(MEASURES)
        raise CommandError(
            pick(f"--only {only}: no such figure", f"--only {only}：没有此项"),
            todo=pick(f"choose from {known}", f"可选：{known}"),
            exit_code=WRONG_USAGE,
        )

    def say(what: str) -> None:
        sys.stderr.write(f"bench sip: {what}\n")

    load = Load(
        seconds=arguments.seconds,
        rate=arguments.rate,
        talk_s=arguments.talk,
        agents=arguments.agents,
        recording=arguments.recording,
        watched=arguments.watched,
        say=say,
    )
    return uvloop.run(run(load, [only] if only else MEASURES))


_SUBJECTS: Final[dict[str, Callable[[argparse.Namespace], Result]]] = {
    "acd": _acd,
    "media": _media,
    "parser": _parser,
    "sip": _sip,
}


@command(
    "bench",
    "Measure what decisions, calls and audio cost here",
    "测量本机上分配、呼叫和音频的开销",
    site="none",
    arguments=_arguments,
)
def bench(arguments: argparse.Namespace) -> int:
    """Measure one subject and write its figures; exit 1 when it cannot be measured."""
    from daemon.logs import set_up_logging

    _check(arguments)
    set_up_logging("bench", level="warning")
    try:
        result = _SUBJECTS[arguments.subject](arguments)
    except ImportError as error:
        raise CommandError(
            pick(f"not compiled: {error}", f"尚未编译：{error}"),
            todo=pick("build the extensions: make build", "请先编译扩展：make build"),
            exit_code=FAILURE,
        ) from error
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
        return 0
    result = {"subject": arguments.subject, **result}
    width = max(map(len, result))
    for name, value in result.items():
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        sys.stdout.write(f"{name:{width}}  {shown}\n")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    wrong = ""
    if arguments.seconds is not None and not 0 < arguments.seconds <= LONGEST:
        wrong = pick(
            f"--seconds must lie between 0 and {LONGEST:g}", f"--seconds 须在 0 与 {LONGEST:g} 之间"
        )
    elif arguments.rate is not None and not 1 <= arguments.rate <= 5000:
        wrong = pick("--rate must lie between 1 and 5000", "--rate 须在 1 与 5000 之间")
    elif arguments.talk is not None and not 0.01 <= arguments.talk <= 60:
        wrong = pick("--talk must lie between 0.01 and 60", "--talk 须在 0.01 与 60 之间")
    elif arguments.agents is not None and not 1 <= arguments.agents <= 2000:
        wrong = pick("--agents must lie between 1 and 2000", "--agents 须在 1 与 2000 之间")
    elif not 2 <= arguments.channels <= 4000:
        wrong = pick("--channels must lie between 2 and 4000", "--channels 须在 2 与 4000 之间")
    if wrong:
        raise CommandError(wrong, exit_code=WRONG_USAGE)
