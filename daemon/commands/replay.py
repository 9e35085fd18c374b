"""``hookflash replay``: a recorded day again, under its own rules or under changed ones."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from daemon.command_line import FAILURE, WRONG_USAGE, add_json, command
from daemon.errors import CommandError
from daemon.language import pick

if TYPE_CHECKING:
    from acd_core.simulation.comparison import Comparison, QueueComparison
    from acd_core.simulation.recorded_day import RecordedDay
    from acd_core.simulation.replay import Verdict
    from acd_core.stats.service_level import Tally

SHOWN_CHANGES: Final = 20


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "journal",
        metavar="JOURNAL",
        help=pick(
            "a site, its journal folder, or one .hfj file", "站点、其日志目录或单个 .hfj 文件"
        ),
    )
    parser.add_argument(
        "--config",
        metavar="NEW",
        help=pick(
            "changed rules: a queues.toml, or a directory with queues.toml and people.toml",
            "更改后的规则：queues.toml，或含 queues.toml 与 people.toml 的目录",
        ),
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="N",
        help=pick("for what the record cannot know; 1", "用于记录中没有的内容，默认 1"),
    )
    add_json(parser)


@command(
    "replay",
    "Rerun a recorded day, also under changed rules",
    "重演一天的记录，也可套用更改后的规则",
    arguments=_arguments,
)
def replay(arguments: argparse.Namespace) -> int:
    """Exit 1 when the same rules no longer decide the same, else 0."""
    from acd_core.simulation.comparison import compare
    from acd_core.simulation.recorded_day import RecordedDay
    from acd_core.simulation.replay import Replay
    from daemon.commands._changed_rules import load_rules
    from daemon.commands._recorded_day import entries, read_records

    journal = Path(arguments.journal)
    day = RecordedDay()
    verdict = Replay(day.watch).run(entries(read_records(journal)))
    if not verdict.events:
        raise CommandError(
            pick(f"{journal} holds no distribution events", f"{journal} 中没有分配事件"),
            exit_code=WRONG_USAGE,
        )
    comparison = None
    if arguments.config:
        rules = load_rules(Path(arguments.config), day, _site(arguments.site, journal))
        comparison = compare(day, rules, seed=arguments.seed)
    if arguments.json:
        _write_json(verdict, comparison, day)
    else:
        _write_text(verdict, comparison, day)
    return 0 if verdict.identical else FAILURE


def _site(named: str | None, journal: Path) -> Path | None:
    """The site whose database knows the skills' names; a journal usually lies in one."""
    if named:
        return Path(named)
    resolved = journal.resolve()
    for folder in (resolved, *list(resolved.parents)[:2]):
        if (folder / "hookflash.toml").is_file():
            return folder
    return None


def _write_json(verdict: "Verdict", comparison: "Comparison | None", day: "RecordedDay") -> None:
    answer: dict[str, Any] = {
        "identical": verdict.identical,
        **msgspec.to_builtins(verdict),
    }
    if comparison is not None:
        answer["queues"] = [_queue(queue, day) for queue in comparison.queues]
        answer["changed"] = sum(len(queue.changes) for queue in comparison.queues)
        answer["drift"] = comparison.drift
        answer["not_possible"] = comparison.refused
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


def _queue(queue: "QueueComparison", day: "RecordedDay") -> dict[str, Any]:
    from acd_core.ids import to_text

    return {
        "queue": queue.name,
        "before": _figures(queue.before),
        "after": _figures(queue.after),
        "changes": [
            {
                "call": to_text(change.call),
                "entered": change.entered,
                "before": _name(change.before, day),
                "after": _name(change.after, day),
            }
            for change in queue.changes
        ],
    }


def _figures(tally: "Tally") -> dict[str, Any]:
    return {
        "offered": tally.offered,
        "answered": tally.answered,
        "abandoned": tally.abandoned,
        "others": tally.others,
        "service_level": tally.sl_6.value,
        "asa_s": tally.asa.value,
        "queue_time_s": tally.queue_time.value,
        "aht_s": tally.aht.value,
    }


def _write_text(verdict: "Verdict", comparison: "Comparison | None", day: "RecordedDay") -> None:
    same, events = verdict.compared - verdict.different, verdict.events
    if verdict.identical:
        said = pick(
            f"identical: {same} decisions after {events} events, byte for byte",
            f"一致：{events} 个事件后的 {same} 次决定逐字节相同",
        )
    else:
        first = ", ".join(str(number) for number in verdict.first_different)
        said = pick(
            f"different: {verdict.different} of {verdict.compared} decisions; "
            f"first in the journal after records {first}",
            f"不一致：{verdict.compared} 次决定中有 {verdict.different} 次不同；"
            f"最先出现在日志记录 {first} 之后",
        )
    sys.stdout.write(said + "\n")
    if verdict.unrecorded:
        sys.stdout.write(
            pick(
                f"{verdict.unrecorded} decisions have nothing in the journal to compare with\n",
                f"{verdict.unrecorded} 次决定在日志中没有可比较的记录\n",
            )
        )
    if comparison is not None:
        _write_comparison(comparison, day)


def _write_comparison(comparison: "Comparison", day: "RecordedDay") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(padding=(0, 0))
    for heading in (
        pick("queue", "队列"),
        pick("calls", "来电"),
        pick("service level", "服务水平"),
        "ASA",
        pick("abandoned", "放弃"),
        pick("to others", "改由他人"),
    ):
        table.add_column(heading, no_wrap=True)
    for queue in comparison.queues:
        before, after = queue.before, queue.after
        table.add_row(
            queue.name,
            _arrow(before.offered, after.offered),
            _arrow(before.sl_6.percent(), after.sl_6.percent()),
            _arrow(before.asa.seconds(), after.asa.seconds()),
            _arrow(before.abandoned, after.abandoned),
            str(len(queue.changes)),
        )
    Console(file=sys.stdout, highlight=False).print(table)
    _write_changes(comparison, day)


def _write_changes(comparison: "Comparison", day: "RecordedDay") -> None:
    from acd_core.ids import to_text

    changes = [(queue.name, change) for queue in comparison.queues for change in queue.changes]
    for name, change in changes[:SHOWN_CHANGES]:
        before, after = _name(change.before, day) or "—", _name(change.after, day) or "—"
        sys.stdout.write(f"{to_text(change.call)}  {name}: {before} → {after}\n")
    rest = len(changes) - SHOWN_CHANGES
    if rest > 0:
        sys.stdout.write(
            pick(f"and {rest} more; --json lists all\n", f"另有 {rest} 个；--json 列出全部\n")
        )
    if comparison.drift:
        sys.stdout.write(
            pick(
                f"with unchanged rules {comparison.drift} calls would differ as well: "
                "take smaller differences for noise\n",
                f"规则不变时也有 {comparison.drift} 个来电不同：更小的差异请视为噪声\n",
            )
        )


def _arrow(before: object, after: object) -> str:
    return str(before) if before == after else f"{before} → {after}"


def _name(agent: int | None, day: "RecordedDay") -> str:
    return "" if agent is None else day.agents.get(agent, "") or str(agent)  # type: ignore[call-overload]
