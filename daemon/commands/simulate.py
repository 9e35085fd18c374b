"""``hookflash simulate``: synthetic callers on the real engine, with figures of the day."""

import argparse
import sys
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from daemon.command_line import WRONG_USAGE, add_json, command, site_path
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from acd_core.call_queue import QueueConfig
    from acd_core.forecast.erlang import Forecast
    from acd_core.simulation.synthetic import Callers, Simulated


def _arguments(parser: argparse.ArgumentParser) -> None:
    def number(name: str, kind: type, default: object, metavar: str, en: str, zh: str) -> None:
        told = "" if default is None else f"; {default}"
        parser.add_argument(
            name, type=kind, default=default, metavar=metavar, help=pick(en, zh) + told
        )

    parser.add_argument(
        "--queue",
        metavar="SLUG",
        help=pick(
            "take the rules of this queue of the site; else a plain queue",
            "采用站点中该队列的规则；否则用普通队列",
        ),
    )
    number("--agents", int, 10, "N", "agents at work", "在岗坐席数")
    number("--calls-per-hour", float, 120.0, "X", "calls in an hour on average", "平均每小时来电")
    number("--aht", float, 180.0, "S", "average handling time in seconds", "平均处理时长（秒）")
    number(
        "--patience",
        float,
        None,
        "S",
        "mean patience in seconds; left out: nobody gives up",
        "平均耐心（秒）；省略则无人放弃",
    )
    number("--hours", float, 8.0, "H", "length of the day", "时长（小时）")
    number("--warm-up", float, 0.0, "H", "first hours that do not count", "不计入的起始小时数")
    number("--seed", int, 1, "N", "another one is another day", "不同的种子是不同的一天")
    number("--ring", float, 0.0, "S", "seconds until an agent answers", "坐席应答所需秒数")
    number("--redial", float, 0.0, "P", "share of those who gave up and redial", "放弃后重拨的比例")
    number("--redial-after", float, 300.0, "S", "mean time until then", "重拨前的平均秒数")
    number(
        "--callback",
        float,
        0.0,
        "P",
        "share of those whose patience ends who want to be called back",
        "耐心耗尽者中希望回电的比例",
    )
    number("--reached", float, 0.8, "P", "share of call-backs that are answered", "回电接通的比例")
    number("--threshold", float, None, "S", "of the service level", "服务水平阈值（秒）")
    parser.add_argument(
        "--handling",
        choices=("exponential", "log-normal", "fixed"),
        default="exponential",
        help=pick("how handling times spread", "处理时长的分布"),
    )
    number("--variation", float, 1.0, "X", "of log-normal times", "对数正态分布的变异系数")
    parser.add_argument(
        "--arrival",
        metavar="CURVE",
        default="flat",
        help=pick(
            "flat, office, morning, or numbers such as 1,3,2 for equal parts of the day",
            "flat、office、morning，或如 1,3,2 的数字，表示一天中各等分的相对来电量",
        ),
    )
    add_json(parser)


@command(
    "simulate",
    "Let synthetic callers call, and see what becomes of them",
    "用模拟来电推演一天",
    arguments=_arguments,
)
def simulate(arguments: argparse.Namespace) -> int:
    """Exit 2 for a demand that cannot be, else 0; the same seed gives the same day."""
    from acd_core.errors import AcdError
    from acd_core.forecast.erlang import Demand
    from acd_core.simulation.synthetic import Callers, Handling, Simulation

    _check(arguments)
    try:
        callers = Callers(
            demand=Demand(
                calls_per_hour=arguments.calls_per_hour,
                aht_s=arguments.aht,
                patience_s=inf if arguments.patience is None else arguments.patience,
            ),
            handling=Handling(arguments.handling),
            variation=arguments.variation,
            curve=_curve(arguments.arrival),
            redial=arguments.redial,
            redial_after_s=arguments.redial_after,
            callback=arguments.callback,
            reached=arguments.reached,
        )
        queue = _queue(arguments)
        simulation = Simulation(
            callers,
            agents=arguments.agents,
            hours=arguments.hours,
            seed=arguments.seed,
            queue=queue,
            ring_s=arguments.ring,
            warm_up_s=arguments.warm_up * 3600,
        )
        found = simulation.run()
        expected = _expected(callers, arguments, queue)
    except AcdError as error:
        raise CommandError(str(error), exit_code=WRONG_USAGE) from error
    if arguments.json:
        _write_json(found, expected, arguments.seed)
    else:
        _write_text(found, expected)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse a figure that cannot be, by the name of its option."""
    above_0 = ("agents", "aht", "hours", "patience", "redial_after")
    shares = ("redial", "callback", "reached")
    for name in (*above_0, *shares, "calls_per_hour", "variation", "warm_up", "ring", "threshold"):
        given = getattr(arguments, name)
        if given is None or (
            isfinite(given) and (given > 0 or (given == 0 and name not in above_0))
        ):
            continue
        option = f"--{name.replace('_', '-')}"
        raise CommandError(
            pick(f"{option} {given:g} cannot be simulated", f"{option} {given:g} 无法模拟"),
            todo=pick("name a number above 0", "请给出大于 0 的数")
            if name in above_0
            else pick("name 0 or more", "请给出 0 或更大的数"),
            exit_code=WRONG_USAGE,
        )
    if arguments.callback and arguments.patience is None:
        raise CommandError(
            pick("--callback is for callers who give up", "--callback 用于会放弃的来电者"),
            todo=pick("name their --patience", "请给出 --patience"),
            exit_code=WRONG_USAGE,
        )


def _curve(text: str) -> tuple[float, ...]:
    from acd_core.simulation.synthetic import CURVES

    if text in CURVES:
        return CURVES[text]
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise CommandError(
            pick(f"{text!r} is no arrival curve", f"{text!r} 不是来电曲线"),
            todo=pick(
                f"known are {', '.join(CURVES)}, or write numbers: 1,3,2",
                f"可用 {', '.join(CURVES)}，或写数字：1,3,2",
            ),
            exit_code=WRONG_USAGE,
        ) from error


def _queue(arguments: argparse.Namespace) -> "QueueConfig":
    from acd_core.call_queue import QueueConfig
    from acd_core.ids import QueueId
    from acd_core.queue_life.options import CallbackRules

    found = QueueConfig(queue=QueueId(1), callback=CallbackRules())
    if arguments.queue:
        found = _site_queue(site_path(arguments), arguments.queue)
        if arguments.callback and found.callback is None:
            raise CommandError(
                pick(
                    f"queue {arguments.queue} offers no call-back",
                    f"队列 {arguments.queue} 不提供回电",
                ),
                todo=pick(
                    "let it offer one, or leave --callback out", "请启用回电，或省略 --callback"
                ),
                exit_code=WRONG_USAGE,
            )
    if arguments.threshold is not None:
        found = msgspec.structs.replace(found, service_level_s=arguments.threshold)
    return found


def _site_queue(site: Path, slug: str) -> "QueueConfig":
    from daemon.commands._changed_rules import site_queues

    queues = site_queues(site)
    if slug not in queues:
        raise CommandError(
            pick(f"the site has no queue {slug}", f"站点没有队列 {slug}"),
            todo=pick(f"it has: {', '.join(queues)}", f"已有：{'、'.join(queues)}"),
            exit_code=WRONG_USAGE,
        )
    return queues[slug]


def _expected(
    callers: "Callers", arguments: argparse.Namespace, queue: "QueueConfig"
) -> "Forecast | None":
    """What the Erlang formula says, where it applies: a steady rate, and nobody comes twice."""
    from acd_core.forecast.erlang import impatient

    twice = callers.redial or callers.callback
    if len(set(callers.curve)) > 1 or twice or arguments.agents < 1:
        return None
    return impatient(
        callers.demand, arguments.agents, max(queue.service_level_s - arguments.ring, 0.0)
    )


def _write_json(found: "Simulated", expected: "Forecast | None", seed: int) -> None:
    tally = found.tally
    answer: dict[str, Any] = {
        "seed": seed,
        "offered": tally.offered,
        "answered": tally.answered,
        "abandoned": tally.abandoned,
        "others": tally.others,
        "redials": found.redials,
        "callbacks": tally.callbacks,
        "called_back": found.called_back,
        "delayed": found.delayed.value,
        "queue_length": found.queue_length,
        "mean_wait_s": found.mean_wait.value,
        "asa_s": tally.asa.value,
        "time_to_abandon_s": tally.time_to_abandon.value,
        "queue_time_s": tally.queue_time.value,
        "aht_s": tally.aht.value,
        "abandon_rate": tally.abandon_rate.value,
        "occupancy": found.occupancy.value,
        "service_level": {
            name: getattr(tally, name).value
            for name in ("sl_1", "sl_2", "sl_3", "sl_4", "sl_5", "sl_6")
        },
        "erlang": None if expected is None else msgspec.to_builtins(expected),
    }
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


def _write_text(found: "Simulated", expected: "Forecast | None") -> None:
    tally = found.tally
    rows = [
        (pick("calls", "来电"), str(tally.offered)),
        (pick("answered", "接听"), str(tally.answered)),
        (pick("abandoned", "放弃"), f"{tally.abandoned} ({tally.abandon_rate.percent()})"),
        (pick("otherwise ended", "其他结局"), str(tally.others)),
        (pick("redials", "重拨"), str(found.redials)),
        (
            pick("call-backs taken, and reached", "登记回电，其中接通"),
            f"{tally.callbacks}, {found.called_back}",
        ),
        (pick("service level (SL-6)", "服务水平 (SL-6)"), tally.sl_6.percent()),
        (pick("had to wait", "需等待"), found.delayed.percent()),
        (pick("ASA", "平均应答速度"), tally.asa.seconds()),
        (pick("time to abandon", "平均放弃时间"), tally.time_to_abandon.seconds()),
        (pick("mean queue length", "平均队长"), f"{found.queue_length:.2f}"),
        (pick("AHT", "平均处理时长"), tally.aht.seconds()),
        (pick("occupancy", "坐席负荷率"), found.occupancy.percent()),
    ]
    if expected is not None:
        level, wait = f"{expected.service_level:.1%}", f"{expected.mean_wait_s:.1f} s"
        if not isfinite(expected.mean_wait_s):
            wait = pick(
                "without end (more calls than the agents can handle)", "无限（来电超过坐席能力）"
            )
        said = pick(
            f"service level {level}, mean wait {wait}, abandoned {expected.abandoned:.1%}",
            f"服务水平 {level}，平均等待 {wait}，放弃 {expected.abandoned:.1%}",
        )
        rows.append((pick("Erlang says", "Erlang 公式"), said))
    for name, value in rows:
        sys.stdout.write(pick(f"{name}: {value}\n", f"{name}：{value}\n"))
