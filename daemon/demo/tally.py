"""What the demo proves: the callers' own count, and whether the database says the same."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from daemon.demo.script import AgentResult, CallResult, Wish
from daemon.demo.tones import AGENTS, CALLERS
from daemon.language import pick

MOST_ERRORS: Final = 50  # told in one tally
_CALLS: Final = (
    "SELECT id, ani_verbatim AS ani, line, outcome, ended_ms, agent_id FROM call ORDER BY id"
)
_RECORDINGS: Final = "SELECT call_id, kind, path, duration_ms, ended_ms FROM recording"
_VISITS: Final = "SELECT call_id, entered_ms, left_ms, outcome FROM queue_visit"


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a demo; these are the fields of its JSON."""

    calls: int = 0
    answered: int = 0
    abandoned: int = 0
    voicemail: int = 0
    by_line: dict[str, int] = {}
    ivr_keys: int = 0
    ivr_speech: int = 0
    records: int = 0
    """Calls that the database holds as finished."""
    recordings: int = 0
    """Recordings that the database holds and whose file is there."""
    audio_ok: int = 0
    """Calls in which both ends heard the other's tone."""
    wait_p50_s: float = 0.0
    wait_p95_s: float = 0.0
    errors: list[str] = []


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """What the database holds."""

    calls: list[dict[str, Any]]
    recordings: dict[int, list[dict[str, Any]]]
    visits: dict[int, list[dict[str, Any]]]

    def complete(self, count: int) -> bool:
        """Whether that many calls and all they left behind are finished."""
        rows = [row for rows in (*self.recordings.values(), *self.visits.values()) for row in rows]
        unfinished = [row for row in self.calls if row["ended_ms"] is None]
        unfinished += [row for row in rows if row.get("ended_ms", row.get("left_ms")) is None]
        return len(self.calls) >= count and not unfinished


def read_records(database: Path) -> Records:
    """Read the demo's database, without a chance to change it."""
    uri = f"file:{database}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
        connection.row_factory = sqlite3.Row
        calls, recordings, visits = (
            [dict(row) for row in connection.execute(query)]
            for query in (_CALLS, _RECORDINGS, _VISITS)
        )
    return Records(calls=calls, recordings=_by_call(recordings), visits=_by_call(visits))


def tally(
    results: Sequence[CallResult],
    heard: Iterable[AgentResult],
    records: Records,
    *,
    site: Path,
    problems: Iterable[str] = (),
) -> Tally:
    """Count what callers and agents report and hold it against the records."""
    by_ani: dict[str, list[AgentResult]] = defaultdict(list)
    errors = list(problems)
    for report in heard:
        by_ani[report.ani].append(report)
        if report.error:
            errors.append(pick("agent", "坐席") + f" {report.agent}: {report.error}")
    audio_ok = 0
    for result in results:
        errors += _against_script(result)
        if result.outcome == "answered":
            fault = _audio_fault(result, by_ani[result.plan.ani])
            audio_ok += not fault
            errors += [f"{_name(result)}: {fault}"] if fault else []
    errors += _against_records(results, records, site)
    outcomes = [result.outcome for result in results]
    chosen = [result.chosen_by for result in results if result.outcome != "failed"]
    lines = [result.plan.line for result in results]
    waits = sorted(_waits(records))
    return Tally(
        calls=len(results),
        answered=outcomes.count("answered"),
        abandoned=outcomes.count("abandoned"),
        voicemail=outcomes.count("voicemail"),
        by_line={"sip": lines.count("sip"), "board": lines.count("board")},
        ivr_keys=chosen.count("key"),
        ivr_speech=chosen.count("speech"),
        records=sum(row["ended_ms"] is not None for row in records.calls),
        recordings=sum(
            (site / row["path"]).is_file() for rows in records.recordings.values() for row in rows
        ),
        audio_ok=audio_ok,
        wait_p50_s=_percentile(waits, 0.50),
        wait_p95_s=_percentile(waits, 0.95),
        errors=errors[:MOST_ERRORS],
    )


def _against_script(result: CallResult) -> list[str]:
    if result.error:
        return [f"{_name(result)}: {result.error}"]
    if result.outcome != result.plan.outcome:
        got, wanted = result.outcome, result.plan.outcome
        fault = pick(f"{got} instead of {wanted}", f"是 {got}，应为 {wanted}")
        return [f"{_name(result)}: {fault}"]
    return []


def _audio_fault(result: CallResult, reports: Sequence[AgentResult]) -> str:
    """Why the audio of an answered call is not proven, empty when it is."""
    wanted = result.plan.number % CALLERS.count
    for report in reports:
        if report.heard == wanted and report.agent % AGENTS.count == result.heard:
            return ""
    agents = ", ".join(
        pick(f"agent {r.agent} heard {r.heard}", f"坐席 {r.agent} 听到 {r.heard}") for r in reports
    ) or pick("no agent reports", "没有坐席报告")
    return pick(
        f"audio not proven: caller {wanted} heard {result.heard}, {agents}",
        f"未能证明音频相通：来电 {wanted} 听到 {result.heard}，{agents}",
    )


def _against_records(results: Sequence[CallResult], records: Records, site: Path) -> list[str]:
    errors = []
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in records.calls:
        rows[row["ani"]].append(row)
    if len(records.calls) != len(results):
        kept, made = len(records.calls), len(results)
        errors.append(
            pick(
                f"the database has {kept} calls, the callers {made}",
                f"数据库有 {kept} 个呼叫，来电方有 {made} 个",
            )
        )
    for result in results:
        found = rows[result.plan.ani]
        if len(found) != 1:
            fault = pick(f"the database has {len(found)} records", f"数据库有 {len(found)} 条记录")
            errors.append(f"{_name(result)}: {fault}")
            continue
        faults = _record_faults(result, found[0], records, site)
        errors += [f"{_name(result)}: {fault}" for fault in faults]
    return errors


def _record_faults(
    result: CallResult, row: Mapping[str, Any], records: Records, site: Path
) -> Iterable[str]:
    if row["ended_ms"] is None:
        yield pick("the database says that it has not ended", "数据库显示尚未结束")
    if row["outcome"] != result.plan.outcome:
        yield pick(
            f"the database says {row['outcome']!r}, not {result.plan.outcome!r}",
            f"数据库为 {row['outcome']!r}，应为 {result.plan.outcome!r}",
        )
    visits = [visit["outcome"] for visit in records.visits.get(row["id"], [])]
    entered = [] if result.plan.wish is Wish.MESSAGE else [result.plan.outcome]
    if visits != entered:
        yield pick(
            f"its queue visits are {visits}, not {entered}", f"排队结果为 {visits}，应为 {entered}"
        )
    kind = {Wish.TALK: "call", Wish.MESSAGE: "message"}.get(result.plan.wish)
    kept = [item for item in records.recordings.get(row["id"], []) if item["kind"] == kind]
    if kind and not any(item["duration_ms"] > 0 for item in kept):
        yield pick("it has no recording", "没有录音")
    for item in kept:
        if not (site / item["path"]).is_file():
            yield pick(
                f"the file of its recording is missing: {item['path']}",
                f"录音文件缺失：{item['path']}",
            )


def _waits(records: Records) -> Iterable[float]:
    for visits in records.visits.values():
        for visit in visits:
            if visit["outcome"] == "answered" and visit["left_ms"] is not None:
                yield (visit["left_ms"] - visit["entered_ms"]) / 1000


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank; 0 without values."""
    if not ordered:
        return 0.0
    rank = max(1, -(-len(ordered) * share // 1))
    return round(ordered[int(rank) - 1], 3)


def _by_call(rows: Iterable[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["call_id"], []).append(row)
    return found


def _name(result: CallResult) -> str:
    plan = result.plan
    return pick("call", "呼叫") + f" {plan.number} ({plan.line}, {plan.wish})"
