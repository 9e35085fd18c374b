"""Reads history from the database page by page and gives queue log lines in order."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from tortoise.expressions import Q

from daemon.queue_log.agents import AgentFloor, StateRow
from daemon.queue_log.lines import LogLine
from daemon.queue_log.visits import QueueFloor, Ring, Visit
from daemon.store.history import AgentState, Call, QueueVisit, Segment
from daemon.store.loader import load_agents, load_queues
from daemon.store.people import Agent
from daemon.store.routing import Queue

PAGE: Final = 500  # rows; memory stays the same however long the history is
LONGEST_MS: Final = 7 * 86_400_000
"""What began longer ago than this has no part in what happens now."""
FOR_EVER: Final = 1 << 62
TALK: Final = ("talk", "hold")

Timed = tuple[int, LogLine]


async def queue_log(from_ms: int = 0, to_ms: int = FOR_EVER) -> AsyncIterator[LogLine]:
    """Lines of the open database from a moment (UTC milliseconds) up to another, by time."""
    queue_names = {row.id: row.slug for row in await Queue.all()}
    agent_names = {row.id: row.user.login for row in await Agent.all().select_related("user")}

    def queue_name(key: int | None) -> str:
        return queue_names.get(key or 0, f"queue-{key}")

    def agent_name(key: int | None) -> str:
        return agent_names.get(key or 0, f"agent-{key}")

    begin_ms = max(from_ms - LONGEST_MS, 0)
    of_agents = _agent_lines(AgentFloor(agent_name, await _served()), begin_ms, to_ms)
    of_calls = _visit_lines(QueueFloor(queue_name, agent_name), begin_ms, to_ms)
    async for at_ms, line in _merged(of_agents, of_calls):
        if at_ms >= to_ms:
            break
        if at_ms >= from_ms:
            yield line


async def _merged(
    first: AsyncIterator[Timed], second: AsyncIterator[Timed]
) -> AsyncIterator[Timed]:
    """Two ordered streams as one; at the same moment the first one's lines come first."""
    heads = [await anext(first, None), await anext(second, None)]
    while True:
        a, b = heads
        if a is not None and (b is None or a[0] <= b[0]):
            yield a
            heads[0] = await anext(first, None)
        elif b is not None:
            yield b
            heads[1] = await anext(second, None)
        else:
            return


async def _served() -> dict[int, Sequence[str]]:
    """The queues that each agent serves now."""
    configured = [event.config for event in await load_queues(0)]
    return {
        agent.config.agent: tuple(
            queue.name
            for queue in configured
            if all(agent.config.skills.get(need.skill, 0) >= need.level for need in queue.required)
        )
        for agent in await load_agents(0)
    }


async def _agent_lines(floor: AgentFloor, begin_ms: int, to_ms: int) -> AsyncIterator[Timed]:
    after_ms, after_id = begin_ms, 0
    while True:
        rows = (
            await AgentState.filter(started_ms__gte=after_ms, started_ms__lt=to_ms)
            .filter(Q(started_ms__gt=after_ms) | Q(id__gt=after_id))
            .order_by("started_ms", "id")
            .limit(PAGE)
        )
        for row in rows:
            state = StateRow(
                agent_id=row.agent_id,
                state=row.state,
                reason=row.reason,
                station=row.station,
                started_ms=row.started_ms,
            )
            for line in floor.begin(state):
                yield row.started_ms, line
        if len(rows) < PAGE:
            return
        after_ms, after_id = rows[-1].started_ms, rows[-1].id


async def _visit_lines(floor: QueueFloor, begin_ms: int, to_ms: int) -> AsyncIterator[Timed]:
    after_ms, after_id = begin_ms, 0
    while True:
        rows = (
            await QueueVisit.filter(entered_ms__gte=after_ms, entered_ms__lt=to_ms)
            .filter(Q(entered_ms__gt=after_ms) | Q(id__gt=after_id))
            .order_by("entered_ms", "id")
            .limit(PAGE)
        )
        for visit in await _visits(rows):
            for line in floor.enter(visit):
                yield line
        if len(rows) < PAGE:
            break
        after_ms, after_id = rows[-1].entered_ms, rows[-1].id
    for line in floor.rest():
        yield line


async def _visits(rows: Sequence[QueueVisit]) -> list[Visit]:
    """Visits with what their calls and segments say about them."""
    ids = {row.call_id for row in rows}
    calls = {call.id: call for call in await Call.filter(id__in=ids)}
    segments: dict[int, list[Segment]] = {}
    found = Segment.filter(call_id__in=ids, kind__in=("ring", *TALK), visit_id__not_isnull=True)
    for segment in await found.order_by("started_ms", "id"):
        segments.setdefault(segment.visit_id or 0, []).append(segment)
    return [_visit(row, calls.get(row.call_id), segments.get(row.id, [])) for row in rows]


def _visit(row: QueueVisit, call: Call | None, segments: Sequence[Segment]) -> Visit:
    talks = [segment for segment in segments if segment.kind in TALK]
    talked = row.talk_ms + row.hold_ms
    ended_ms = call.ended_ms if call is not None else None
    completed = None
    # Between talking and holding both are closed for a moment; sums come at the very end.
    if (talked or ended_ms is not None) and all(one.ended_ms is not None for one in talks):
        completed = max((one.ended_ms for one in talks if one.ended_ms is not None), default=None)
    return Visit(
        id=row.id,
        call_id=row.call_id,
        queue_id=row.queue_id,
        caller=call.ani if call is not None else "",
        entered_ms=row.entered_ms,
        left_ms=row.left_ms,
        outcome=row.outcome,
        detail=row.detail,
        agent_id=row.agent_id,
        rings=tuple(
            Ring(
                agent_id=one.agent_id,
                leg_id=one.leg_id,
                started_ms=one.started_ms,
                ended_ms=one.ended_ms,
                result=one.result,
            )
            for one in segments
            if one.kind == "ring" and one.ended_ms is not None
        ),
        talked_ms=talked,
        completed_ms=completed,
        # The caller's hang-up ends conversation and call at the same moment.
        caller_ended=call is not None
        and call.ended_by == "caller"
        and ended_ms is not None
        and completed is not None
        and ended_ms <= completed,
    )
