"""Do the records agree with each other? The identity of "offered" and what follows from it.

Per queue and at any moment: offered = answered + abandoned + overflowed + timed out +
refused + voicemail + call-back taken + transferred out + in system. Each rule below is a
query for the rows that break it, so a sound database of any size gives no rows.
"""

import asyncio
from pathlib import Path
from typing import Final

import msgspec

from acd_core.ids import to_text
from daemon.language import Language, pick
from daemon.store.history import VISIT_OUTCOMES, QueueVisit

MOST_FAULTS: Final = 50  # of one rule; more say nothing new
_OUTCOMES: Final = ", ".join(f"'{outcome}'" for outcome in VISIT_OUTCOMES)
_TALLY: Final = (
    "SELECT queue_id, CASE WHEN left_ms <= :moment THEN outcome ELSE '' END AS outcome, "
    "COUNT(*) AS visits FROM queue_visit WHERE entered_ms <= :moment GROUP BY 1, 2"
)


class Rule(msgspec.Struct, frozen=True):
    """One thing that must hold, and the query for the rows where it does not."""

    table: str
    en: str
    zh: str
    sql: str
    """Selects ids."""


class RecordFault(msgspec.Struct, frozen=True):
    """One row that disagrees with another."""

    table: str
    id: int
    en: str
    zh: str

    def text(self, language: Language | None = None) -> str:
        """The fault in a language, else in the terminal's."""
        return f"{self.table} {to_text(self.id)}: {pick(self.en, self.zh, language=language)}"

    def __str__(self) -> str:
        return self.text()


class Tally(msgspec.Struct, frozen=True):
    """The visits of one queue up to a moment."""

    queue_id: int
    offered: int
    outcomes: dict[str, int]
    in_system: int

    def balanced(self) -> bool:
        """Whether the identity of "offered" holds."""
        return self.offered == sum(self.outcomes.values()) + self.in_system


class RecordsReport(msgspec.Struct, frozen=True):
    """What was looked at and what disagrees."""

    calls: int
    visits: int
    tallies: tuple[Tally, ...]
    faults: tuple[RecordFault, ...]


RULES: Final = (
    Rule(
        "queue_visit",
        "ended without one of the nine outcomes",
        "结束时没有九种结果之一",
        f"SELECT id FROM queue_visit WHERE left_ms IS NOT NULL AND outcome NOT IN ({_OUTCOMES})",  # noqa: S608 - our own names
    ),
    Rule(
        "queue_visit",
        "has an outcome but has not left",
        "有结果但没有离开",
        "SELECT id FROM queue_visit WHERE left_ms IS NULL AND outcome <> ''",
    ),
    Rule(
        "queue_visit",
        "left before it came",
        "离开早于进入",
        "SELECT id FROM queue_visit WHERE left_ms < entered_ms OR first_offer_ms < entered_ms",
    ),
    Rule(
        "queue_visit",
        "belongs to no call",
        "不属于任何通话",
        "SELECT v.id FROM queue_visit v LEFT JOIN call c ON c.id = v.call_id WHERE c.id IS NULL",
    ),
    Rule(
        "queue_visit",
        "is still in the queue, but its call has ended",
        "仍在队列中，但通话已结束",
        "SELECT v.id FROM queue_visit v JOIN call c ON c.id = v.call_id "
        "WHERE v.left_ms IS NULL AND c.ended_ms IS NOT NULL",
    ),
    Rule(
        "queue_visit",
        "overlaps another visit of its call",
        "与同一通话的另一次排队重叠",
        "SELECT id FROM (SELECT id, entered_ms, LAG(COALESCE(left_ms, 9e15)) OVER "
        "(PARTITION BY call_id ORDER BY entered_ms, id) AS before FROM queue_visit) AS v "
        "WHERE entered_ms < before",
    ),
    Rule(
        "queue_visit",
        "was answered, but nobody talked",
        "已应答，但没有通话段",
        "SELECT v.id FROM queue_visit v WHERE v.outcome = 'answered' AND NOT EXISTS "
        "(SELECT 1 FROM segment s WHERE s.visit_id = v.id AND s.kind = 'talk' "
        "AND s.agent_id = v.agent_id)",
    ),
    Rule(
        "queue_visit",
        "was not answered, but somebody talked",
        "未应答，但有通话段",
        "SELECT DISTINCT v.id FROM queue_visit v JOIN segment s ON s.visit_id = v.id "
        "WHERE s.kind = 'talk' AND v.left_ms IS NOT NULL AND v.outcome <> 'answered'",
    ),
    Rule(
        "call",
        "ended before it began",
        "结束早于开始",
        "SELECT id FROM call WHERE ended_ms < started_ms OR answered_ms < started_ms "
        "OR ended_ms < answered_ms",
    ),
    Rule(
        "call",
        "has ended without an outcome, or has one before its end",
        "结束时没有结果，或未结束就有结果",
        "SELECT id FROM call WHERE (ended_ms IS NULL) <> (outcome = '')",
    ),
    Rule(
        "call",
        "counts as answered, but no agent answered",
        "记为已应答，但没有坐席应答",
        "SELECT id FROM call WHERE outcome = 'answered' AND answered_ms IS NULL",
    ),
    Rule(
        "segment",
        "belongs to no call",
        "不属于任何通话",
        "SELECT s.id FROM segment s LEFT JOIN call c ON c.id = s.call_id WHERE c.id IS NULL",
    ),
    Rule(
        "segment",
        "lies outside its call",
        "超出通话时间",
        # After-call work begins when the call ends.
        "SELECT s.id FROM segment s JOIN call c ON c.id = s.call_id "
        "WHERE s.ended_ms < s.started_ms OR s.started_ms < c.started_ms "
        "OR (s.kind <> 'wrap_up' AND s.ended_ms > c.ended_ms)",
    ),
    Rule(
        "segment",
        "is open, but its call has ended",
        "未结束，但通话已结束",
        "SELECT s.id FROM segment s JOIN call c ON c.id = s.call_id "
        "WHERE s.ended_ms IS NULL AND c.ended_ms IS NOT NULL AND s.kind <> 'wrap_up'",
    ),
    Rule(
        "segment",
        "the agent talked in two calls at once",
        "坐席同时在两个通话中",
        "SELECT id FROM (SELECT id, started_ms, LAG(COALESCE(ended_ms, 9e15)) OVER "
        "(PARTITION BY agent_id ORDER BY started_ms, id) AS before FROM segment "
        "WHERE kind = 'talk' AND agent_id IS NOT NULL) AS s WHERE started_ms < before",
    ),
    Rule(
        "agent_state",
        "overlaps another state of the agent",
        "与坐席的另一状态重叠",
        "SELECT id FROM (SELECT id, started_ms, LAG(COALESCE(ended_ms, 9e15)) OVER "
        "(PARTITION BY agent_id ORDER BY started_ms, id) AS before FROM agent_state) AS s "
        "WHERE started_ms < before",
    ),
    Rule(
        "recording",
        "belongs to no call",
        "不属于任何通话",
        "SELECT r.id FROM recording r LEFT JOIN call c ON c.id = r.call_id WHERE c.id IS NULL",
    ),
)


async def check_identity(site: Path) -> RecordsReport:
    """Apply every rule to the open database, and look for the recordings below ``site``."""
    connection = QueueVisit._meta.db
    faults = []
    for rule in RULES:
        rows = await connection.execute_query_dict(f"{rule.sql} LIMIT {MOST_FAULTS}")
        faults += [RecordFault(rule.table, row["id"], rule.en, rule.zh) for row in rows]
    faults += await _lost_recordings(site)
    tallies = await tally()
    counted = await connection.execute_query_dict("SELECT COUNT(*) AS calls FROM call")
    return RecordsReport(
        calls=counted[0]["calls"],
        visits=sum(tally.offered for tally in tallies),
        tallies=tallies,
        faults=tuple(faults),
    )


async def tally(at_ms: int | None = None) -> tuple[Tally, ...]:
    """Count each queue's visits up to a moment, now by default; by queue.

    Who had left by then counts under the outcome, everybody else as in the system.
    """
    moment = 2**62 if at_ms is None else at_ms
    sql = _TALLY.replace(":moment", str(int(moment)))
    rows = await QueueVisit._meta.db.execute_query_dict(sql)
    queues = sorted({row["queue_id"] for row in rows})
    return tuple(
        Tally(
            queue_id=queue,
            offered=sum(row["visits"] for row in rows if row["queue_id"] == queue),
            outcomes={
                row["outcome"]: row["visits"]
                for row in rows
                if row["queue_id"] == queue and row["outcome"] in VISIT_OUTCOMES
            },
            in_system=sum(
                row["visits"] for row in rows if row["queue_id"] == queue and row["outcome"] == ""
            ),
        )
        for queue in queues
    )


async def _lost_recordings(site: Path) -> list[RecordFault]:
    rows = await QueueVisit._meta.db.execute_query_dict(
        "SELECT id, path FROM recording WHERE ended_ms IS NOT NULL AND deleted_ms IS NULL"
    )
    return await asyncio.to_thread(
        lambda: [
            RecordFault(
                "recording",
                row["id"],
                f"{row['path']} is not there",
                f"{row['path']} 不存在",
            )
            for row in rows
            if not (site / row["path"]).is_file()
        ][:MOST_FAULTS]
    )
