import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tortoise import connections

from daemon.__main__ import main
from daemon.queue_log import reading
from daemon.queue_log.lines import Event, LogLine, parse_line
from daemon.queue_log.reading import queue_log
from daemon.site_directory import SiteDirectory
from daemon.store.connection import Store, open_database, opened_store
from daemon.store.history_writer import HistoryWriter
from daemon.store.identity import check_identity
from daemon.store.postgresql.copying import copy_records
from daemon.store.rows import AgentStateRow, CallRow, HistoryRow, QueueVisitRow, SegmentRow
from tests.fakes.postgresql_cluster import PostgresqlCluster

DAY_MS = 1_800_000_000_000
CALLS = 300
SITE_FILES = {
    "people.toml": """\
[[people]]
login = "admin"
roles = ["administrator"]

[[people]]
login = "anna"
skills = { sales = 8 }

[[people]]
login = "ben"
skills = { sales = 4, support = 9 }
""",
    "queues.toml": """\
[[queues]]
slug = "sales"
skills = { sales = 1 }

[[queues]]
slug = "support"
skills = { support = 1 }
""",
}


def history() -> list[HistoryRow]:
    """A day of calls one after another at each agent, every outcome among them."""
    dice = random.Random(3)
    rows: list[HistoryRow] = []
    free = {1: DAY_MS, 2: DAY_MS}
    ids = iter(range(1, 1_000_000))
    for number in range(CALLS):
        call, visit = next(ids), next(ids)
        queue, agent = dice.choice([(1, 1), (1, 2), (2, 2)])
        start = DAY_MS + number * 40_000 + dice.randrange(30_000)
        entered = start + dice.randrange(3_000)
        outcome = dice.choice(
            ["answered"] * 6 + ["abandoned", "abandoned", "timed_out", "refused", "overflowed"]
        )
        if outcome != "answered":
            left = entered + (0 if outcome == "refused" else dice.randrange(90_000))
            rows += [
                CallRow(
                    id=call, ani=f"55{number}", started_ms=start, ended_ms=left, outcome=outcome
                ),
                QueueVisitRow(
                    id=visit,
                    call_id=call,
                    queue_id=queue,
                    entered_ms=entered,
                    left_ms=left,
                    outcome=outcome,
                    detail="no_agents" if outcome == "timed_out" and number % 2 else "",
                ),
            ]
            continue
        ringing = max(entered, free[agent])
        answered = ringing + dice.randrange(500, 9_000)
        hold = answered + dice.randrange(1_000, 50_000)
        talk = hold + dice.randrange(1_000, 20_000)
        ended = talk + dice.randrange(1_000, 60_000)
        free[agent] = ended
        by = dice.choice(["caller", "agent"])
        shared = {"call_id": call, "visit_id": visit, "queue_id": queue, "agent_id": agent}
        if number % 3 == 0:
            # A first offer that nobody took, in the time before the agent was free.
            rows.append(
                SegmentRow(
                    id=next(ids),
                    kind="ring",
                    started_ms=entered,
                    ended_ms=entered + 1,
                    result="no_answer",
                    **shared,
                )
            )
        rows += [
            CallRow(
                id=call,
                ani=f"55{number}",
                started_ms=start,
                answered_ms=answered,
                ended_ms=ended,
                outcome="answered",
                agent_id=agent,
                ended_by=by,
            ),
            QueueVisitRow(
                id=visit,
                call_id=call,
                queue_id=queue,
                entered_ms=entered,
                first_offer_ms=ringing,
                left_ms=answered,
                outcome="answered",
                agent_id=agent,
                talk_ms=hold - answered + ended - talk,
                hold_ms=talk - hold,
            ),
            *(
                SegmentRow(
                    id=next(ids),
                    leg_id=call,
                    kind=kind,
                    started_ms=begin,
                    ended_ms=end,
                    result="answered" if kind == "ring" else "",
                    **shared,
                )
                for kind, begin, end in (
                    ("ring", ringing, answered),
                    ("talk", answered, hold),
                    ("hold", hold, talk),
                    ("talk", talk, ended),
                )
            ),
        ]
    states = (
        (1, "ready", "", 0, 9_000_000),
        (2, "paused", "lunch", 5_000, 65_000),
        (2, "ready", "", 65_000, None),
        (1, "logged_out", "", 9_000_000, None),
    )
    rows += [
        AgentStateRow(
            id=next(ids),
            agent_id=agent,
            state=state,
            reason=reason,
            started_ms=DAY_MS + begin,
            ended_ms=None if end is None else DAY_MS + end,
        )
        for agent, state, reason, begin, end in states
    ]
    return rows


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site")
    run_dir = tmp_path_factory.mktemp("run")
    (path / "hookflash.toml").write_text(
        f'[site]\nname = "x"\ntimezone = "UTC"\nrun_dir = "{run_dir}"\n'
    )
    for name, text in SITE_FILES.items():
        (path / name).write_text(text)

    async def fill() -> None:
        await (await open_database(SiteDirectory.open(path))).close()
        async with opened_store(path / "hookflash.db") as store:
            writer = HistoryWriter(store, path / "spill")
            await writer.start()
            for sequence, row in enumerate(history(), 1):
                writer.write(row, sequence)
            await writer.close()
            assert [str(fault) for fault in (await check_identity(path)).faults] == []

    asyncio.run(fill())
    return path


@pytest.fixture
def written(site: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[LogLine]]:
    def run(*words: str) -> list[LogLine]:
        assert main(("queue-log", "--site", str(site), *words)) == 0
        return [parse_line(line) for line in capsys.readouterr().out.splitlines()]

    return run


def figures(site: Path, sql: str) -> dict[object, dict[str, int]]:
    async def ask() -> list[dict[str, int]]:
        async with opened_store(site / "hookflash.db", read_only=True):
            found: list[dict[str, int]] = await connections.get("default").execute_query_dict(sql)
            return found

    return {row["key"]: row for row in asyncio.run(ask())}


def test_lines_are_in_the_order_of_time(written: Callable[..., list[LogLine]]) -> None:
    times = [line.at_s for line in written()]
    assert times == sorted(times)
    assert times[0] == DAY_MS // 1000


def test_counts_agree_with_the_database(written: Callable[..., list[LogLine]], site: Path) -> None:
    counted = Counter(line.event for line in written())
    outcomes = figures(
        site,
        "SELECT outcome AS key, COUNT(*) AS visits, SUM(CASE WHEN detail = 'no_agents' "
        "THEN 1 ELSE 0 END) AS empty FROM queue_visit GROUP BY outcome",
    )
    visits = {key: row["visits"] for key, row in outcomes.items()}
    empty = outcomes["timed_out"]["empty"]
    assert empty > 0
    assert counted[Event.CONNECT] == visits["answered"]
    assert counted[Event.COMPLETECALLER] + counted[Event.COMPLETEAGENT] == visits["answered"]
    assert counted[Event.ABANDON] == visits["abandoned"]
    assert counted[Event.EXITEMPTY] == empty
    assert counted[Event.EXITWITHTIMEOUT] == visits["timed_out"] - empty
    assert counted[Event.EXITWITHKEY] == visits["overflowed"]
    assert counted[Event.ENTERQUEUE] == CALLS - visits["refused"]
    rings = figures(site, "SELECT result AS key, COUNT(*) AS n FROM segment GROUP BY result")
    assert counted[Event.RINGNOANSWER] == rings["no_answer"]["n"] > 0
    by = figures(site, "SELECT ended_by AS key, COUNT(*) AS n FROM call GROUP BY ended_by")
    assert counted[Event.COMPLETECALLER] == by["caller"]["n"]


def test_sums_of_waiting_and_talking_agree_with_the_database(
    written: Callable[..., list[LogLine]], site: Path
) -> None:
    """Each line is rounded to whole seconds; the sums are those of the rounded rows."""
    waits: Counter[str] = Counter()
    talks: Counter[str] = Counter()
    for line in written():
        match line.event:
            case Event.COMPLETECALLER | Event.COMPLETEAGENT:
                waits[f"{line.queue} answered"] += int(line.data[0])
                talks[f"{line.queue} answered"] += int(line.data[1])
            case Event.ABANDON:
                waits[f"{line.queue} abandoned"] += int(line.data[2])
            case _:
                pass
    rows = figures(
        site,
        "SELECT q.slug || ' ' || v.outcome AS key, COUNT(*) AS visits, "
        "SUM(v.left_ms - v.entered_ms) AS wait_ms, "
        "SUM((v.left_ms - v.entered_ms + 500) / 1000) AS wait_s, "
        "SUM((v.talk_ms + v.hold_ms + 500) / 1000) AS talk_s "
        "FROM queue_visit v JOIN queue q ON q.id = v.queue_id "
        "WHERE v.outcome IN ('answered', 'abandoned') GROUP BY 1",
    )
    assert set(waits) == set(rows)
    for key, row in rows.items():
        assert waits[str(key)] == row["wait_s"]
        assert abs(waits[str(key)] - row["wait_ms"] / 1000) <= row["visits"] / 2
        assert talks[str(key)] == (row["talk_s"] if "answered" in str(key) else 0)


def test_agents_and_their_pauses_are_there(written: Callable[..., list[LogLine]]) -> None:
    found = [line for line in written() if line.call == "NONE"]
    assert [(line.at_s - DAY_MS // 1000, line.agent, line.event, line.queue) for line in found] == [
        (0, "anna", Event.AGENTLOGIN, "NONE"),
        (5, "ben", Event.AGENTLOGIN, "NONE"),
        (5, "ben", Event.PAUSEALL, "NONE"),
        (5, "ben", Event.PAUSE, "sales"),
        (5, "ben", Event.PAUSE, "support"),
        (65, "ben", Event.UNPAUSEALL, "NONE"),
        (65, "ben", Event.UNPAUSE, "sales"),
        (65, "ben", Event.UNPAUSE, "support"),
        (9000, "anna", Event.AGENTLOGOFF, "NONE"),
    ]
    assert found[-1].data == ("", "9000")


def test_parts_make_the_whole(written: Callable[..., list[LogLine]]) -> None:
    """Positions, too: whoever waits at a border is still known behind it."""
    whole = written()
    borders = ["2027-01-15T08:30", "2027-01-15T09:17:03", "2027-01-15T10:00"]
    parts = [
        *written("--to", borders[0]),
        *written("--from", borders[0], "--to", borders[1]),
        *written("--from", borders[1], "--to", borders[2]),
        *written("--from", borders[2]),
    ]
    assert parts == whole
    assert written("--from", "2027-01-17") == []


def test_lines_are_the_same_from_postgresql(
    site: Path,
    written: Callable[..., list[LogLine]],
    postgresql: PostgresqlCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = written()
    monkeypatch.setattr(reading, "PAGE", 37)
    toml = site / "hookflash.toml"
    before = toml.read_text()
    with postgresql.database(filled=True) as url:
        asyncio.run(copy_records(site / "hookflash.db", url, lambda *_: None))
        toml.write_text(f'{before}[records]\ndatabase = "{url}"\n')
        try:
            assert written() == there
        finally:
            toml.write_text(before)


async def test_pages_do_not_show(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened_store(site / "hookflash.db", read_only=True):
        whole = [line async for line in queue_log()]
        monkeypatch.setattr(reading, "PAGE", 7)
        assert [line async for line in queue_log()] == whole


async def test_an_open_conversation_and_a_removed_agent(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "hookflash.db") as store:
        await _write_open_call(store, tmp_path)
        found = [line async for line in queue_log()]
    assert [(line.event, line.queue, line.agent) for line in found] == [
        (Event.ENTERQUEUE, "queue-9", "NONE"),
        (Event.CONNECT, "queue-9", "agent-8"),
    ]


async def _write_open_call(store: Store, path: Path) -> None:
    writer = HistoryWriter(store, path / "spill")
    await writer.start()
    rows: tuple[HistoryRow, ...] = (
        CallRow(id=1, started_ms=DAY_MS, answered_ms=DAY_MS + 5),
        QueueVisitRow(
            id=2,
            call_id=1,
            queue_id=9,
            entered_ms=DAY_MS,
            left_ms=DAY_MS + 5,
            outcome="answered",
            agent_id=8,
        ),
        SegmentRow(
            id=3, call_id=1, visit_id=2, kind="talk", started_ms=DAY_MS, ended_ms=DAY_MS + 90
        ),
        SegmentRow(id=4, call_id=1, visit_id=2, kind="hold", started_ms=DAY_MS + 90),
    )
    for sequence, row in enumerate(rows, 1):
        writer.write(row, sequence)
    await writer.close()


def test_a_wrong_time_says_how_to_write_it(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("queue-log", "--site", str(site), "--from", "yesterday")) == 2
    assert "2027-01-31" in capsys.readouterr().err
