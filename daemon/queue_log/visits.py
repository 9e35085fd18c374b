"""Visits to queues as lines in the order of time, with every caller's position."""

import heapq
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Final

import msgspec

from acd_core.ids import to_text
from daemon.queue_log.lines import NOBODY, Event, LogLine, clean, seconds
from daemon.store.history import Outcome

Name = Callable[[int | None], str]
LEFT: Final = {
    Outcome.ABANDONED: Event.ABANDON,
    Outcome.TIMED_OUT: Event.EXITWITHTIMEOUT,
    # The caller chose to leave, by a key or by accepting what the flow offered.
    Outcome.OVERFLOWED: Event.EXITWITHKEY,
    Outcome.VOICEMAIL: Event.EXITWITHKEY,
    Outcome.CALLBACK_TAKEN: Event.EXITWITHKEY,
    Outcome.TRANSFERRED_OUT: Event.EXITWITHKEY,
}
NO_AGENTS: Final = "no_agents"
SILENT: Final = ("answered", "answered_elsewhere")
"""Ends of ringing that have no line of their own; of several who rang only one is logged."""


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """One offer to an agent that is over."""

    agent_id: int | None
    leg_id: int | None
    started_ms: int
    ended_ms: int
    result: str


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One stay of a call in a queue, with what the call's other rows say about it."""

    id: int
    call_id: int
    queue_id: int
    caller: str
    entered_ms: int
    left_ms: int | None
    outcome: str
    detail: str
    agent_id: int | None
    rings: tuple[Ring, ...] = ()
    talked_ms: int = 0
    """Talking and holding together."""
    completed_ms: int | None = None
    """When the conversation ended; None while it goes on, or when there was none."""
    caller_ended: bool = False


class _Kind(IntEnum):
    """What a step is; at the same moment of the same visit in this order."""

    ENTER = 0
    RING = 1
    LEAVE = 2
    COMPLETE = 3


class _Step(msgspec.Struct, frozen=True, order=True):
    at_ms: int
    visit_id: int
    """Visits of one call follow each other, and so do their ids."""
    kind: _Kind
    number: int = 0


class _Waiting(msgspec.Struct):
    visit: Visit
    position: int = 0
    """At entry, from 1."""


class QueueFloor:
    """Takes visits in the order of entry and gives their lines in the order of time.

    It holds the visits that are not over at the moment reached, whatever the history's size.
    """

    def __init__(self, queue_name: Name, agent_name: Name) -> None:
        self._queue_name = queue_name
        self._agent_name = agent_name
        self._steps: list[_Step] = []
        self._visits: dict[int, _Waiting] = {}
        self._last: dict[int, _Step] = {}
        self._queues: dict[int, dict[int, None]] = {}
        """Callers in each queue, in the order of entry."""

    @property
    def held(self) -> int:
        """Visits in memory."""
        return len(self._visits)

    def enter(self, visit: Visit) -> Iterator[tuple[int, LogLine]]:
        """Take the next visit and give the lines before its entry with their milliseconds."""
        yield from self._until(visit.entered_ms)
        # Who was refused never was in the queue; a queue log does not have him either.
        if visit.outcome == Outcome.REFUSED:
            return
        steps = list(_steps(visit))
        self._visits[visit.id] = _Waiting(visit)
        self._last[visit.id] = max(steps)
        for step in steps:
            heapq.heappush(self._steps, step)

    def rest(self) -> Iterator[tuple[int, LogLine]]:
        """Give the lines that remain after the last visit."""
        yield from self._until(None)

    def _until(self, moment: int | None) -> Iterator[tuple[int, LogLine]]:
        while self._steps and (moment is None or self._steps[0].at_ms < moment):
            step = heapq.heappop(self._steps)
            yield step.at_ms, self._line(step)
            if self._last[step.visit_id] == step:
                del self._last[step.visit_id]
                waiting = self._visits.pop(step.visit_id)
                # Still waiting: he keeps his place, nothing more is known of him.
                if waiting.visit.left_ms is not None:
                    self._queues[waiting.visit.queue_id].pop(step.visit_id, None)

    def _line(self, step: _Step) -> LogLine:
        waiting = self._visits[step.visit_id]
        visit = waiting.visit
        match step.kind:
            case _Kind.ENTER:
                queue = self._queues.setdefault(visit.queue_id, {})
                queue[visit.id] = None
                waiting.position = len(queue)
                return self._of(step, visit, Event.ENTERQUEUE, "", visit.caller, waiting.position)
            case _Kind.RING:
                ring = visit.rings[step.number]
                event = Event.RINGCANCELED if ring.result == "withdrawn" else Event.RINGNOANSWER
                lasted = max(ring.ended_ms - ring.started_ms, 0)
                return self._of(step, visit, event, lasted, agent=ring.agent_id)
            case _Kind.LEAVE:
                return self._leave(step, waiting)
            case _Kind.COMPLETE:
                event = Event.COMPLETECALLER if visit.caller_ended else Event.COMPLETEAGENT
                wait, talk = seconds(_waited(visit)), seconds(visit.talked_ms)
                return self._of(
                    step, visit, event, wait, talk, waiting.position, agent=visit.agent_id
                )

    def _leave(self, step: _Step, waiting: _Waiting) -> LogLine:
        visit = waiting.visit
        queue = self._queues[visit.queue_id]
        position = next((n for n, key in enumerate(queue, 1) if key == visit.id), 1)
        queue.pop(visit.id, None)
        waited = seconds(_waited(visit))
        if visit.outcome == Outcome.ANSWERED:
            ring = next((one for one in visit.rings if one.result == "answered"), None)
            leg = to_text(ring.leg_id) if ring is not None and ring.leg_id else ""
            rang = seconds(ring.ended_ms - ring.started_ms) if ring is not None else 0
            return self._of(step, visit, Event.CONNECT, waited, leg, rang, agent=visit.agent_id)
        event = LEFT[Outcome(visit.outcome)]
        if event is Event.EXITWITHTIMEOUT and visit.detail == NO_AGENTS:
            event = Event.EXITEMPTY
        key = ("",) if event is Event.EXITWITHKEY else ()
        return self._of(step, visit, event, *key, position, waiting.position, waited)

    def _of(
        self, step: _Step, visit: Visit, event: Event, *data: str | int, agent: int | None = None
    ) -> LogLine:
        return LogLine(
            at_s=step.at_ms // 1000,
            call=to_text(visit.call_id),
            queue=clean(self._queue_name(visit.queue_id)),
            agent=clean(self._agent_name(agent)) if agent is not None else NOBODY,
            event=event,
            data=tuple(clean(str(one)) for one in data),
        )


def _steps(visit: Visit) -> Iterator[_Step]:
    yield _Step(visit.entered_ms, visit.id, _Kind.ENTER)
    for number, ring in enumerate(visit.rings):
        if ring.result not in SILENT:
            yield _Step(max(ring.ended_ms, visit.entered_ms), visit.id, _Kind.RING, number)
    if visit.left_ms is None:
        return
    left = max(visit.left_ms, visit.entered_ms)
    yield _Step(left, visit.id, _Kind.LEAVE)
    if visit.outcome == Outcome.ANSWERED and visit.completed_ms is not None:
        yield _Step(max(visit.completed_ms, left), visit.id, _Kind.COMPLETE)


def _waited(visit: Visit) -> int:
    return (visit.left_ms or visit.entered_ms) - visit.entered_ms
