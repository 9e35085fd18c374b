"""The distribution engine: events and time in, commands with reasons out; no I/O, no clock.

The same events with the same times give the same commands, on any machine, compiled or not.
An event that raises AcdError has changed nothing. What an event leads to (a freed agent gets
the next call, a returned call looks for another agent) is settled before ``handle`` returns,
so that between two events nobody waits whom somebody free could serve.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

import msgspec

from acd_core import events as told
from acd_core.agent import AgentState, AgentStep, PauseReason
from acd_core.commands import AcdCommand, LeaveReason
from acd_core.commands import WithdrawReason as Why
from acd_core.eligibility.standing import Standing, standings
from acd_core.eligibility.tiers import TierEvents
from acd_core.errors import AcdError, ClockFault, UnknownCall
from acd_core.events import AcdEvent
from acd_core.floor.agent_events import AgentEvents
from acd_core.floor.call_events import CallEvents
from acd_core.floor.contact import WITH_AGENT, ContactState
from acd_core.floor.lines import Lines
from acd_core.floor.offers import Offers
from acd_core.floor.picture import agent_views, picture, queue_views
from acd_core.floor.records import AgentRecord
from acd_core.floor.roster import Roster
from acd_core.ids import AgentId, CallId, QueueId
from acd_core.queue_life.callback_events import CallbackEvents
from acd_core.routing.measures import Group
from acd_core.snapshot import AgentView, QueueView, Snapshot
from cython_ext.acd import Matcher

_LATEST: Final = 32_503_680_000.0  # the year 3000, as far as calendars need to go
# Rules that go by these need the matcher's ranks.
_RANKED: Final = frozenset({Group.OCCUPANCY, Group.HANDLED})
# Members by names of their own: Python 3.11 finds Kind.MEMBER ten times as slowly.
_CALL_ACCEPTED: Final = ContactState.ACCEPTED
_CALL_WAITING: Final = ContactState.WAITING
_STATE_WRAP_UP: Final = AgentState.WRAP_UP
_STEP_FINISH: Final = AgentStep.FINISH
_STEP_GET_READY: Final = AgentStep.GET_READY


class AcdEngine:
    """Distributes the calls of all queues to all agents."""

    def __init__(self, *, explain_agents: int = 32) -> None:
        """Start empty; queues and agents are told as events.

        ``explain_agents`` is the largest floor on which reasons name those passed over.
        """
        self.now = float("-inf")
        """Time of the last event."""
        self._out: list[AcdCommand] = []
        matcher = self._matcher = Matcher()
        self._roster = Roster(matcher, self._out)
        self._lines = Lines(matcher, self._out)
        self._life = self._lines.life
        # What queue life has to look at when all offers are made.
        self._gone, self._kept = self._life.announcer.gone, self._lines.kept
        self._offers = Offers(matcher, self._roster, self._lines, self._out, explain_agents)
        self._handlers: dict[type[Any], Callable[[Any, float], None]] = {
            told.QueueConfigured: self._queue_configured,
            told.QueueRemoved: self._queue_removed,
            told.QueueAttended: self._queue_attended,
            **AgentEvents(self._roster, self._lines, self._offers).handlers(),
            **TierEvents(self._roster, self._lines).handlers(),
            **CallEvents(self._roster, self._lines, self._offers).handlers(),
            **CallbackEvents(self._lines, self._offers).handlers(),
            told.DeadlineReached: self._deadline_reached,
            told.DayBegan: self._day_began,
        }

    def handle(self, event: AcdEvent, now: float) -> tuple[AcdCommand, ...]:
        """Take in one event at ``now`` (Unix seconds, never going back)."""
        if not self.now <= now <= _LATEST or now < 0:
            raise ClockFault(f"time {now} after {self.now}")
        self._out.clear()
        handler = self._handlers.get(type(event))
        if handler is None:
            raise AcdError(f"{type(event).__name__} is nothing that the engine can be told")
        handler(event, now)
        self.now = now
        self._offers.settle(now)
        if self._gone or self._kept:
            self._life.settle(now)
        return tuple(self._out)

    def next_deadline(self) -> float | None:
        """When DeadlineReached is due, in Unix seconds; None when nothing is awaited."""
        firsts = (
            self._roster.deadlines.first(),
            self._roster.closings.first(),
            self._lines.max_waits.first(),
            self._lines.preferences.first(),
            self._lines.widenings.first(),
            self._life.next_deadline(),
            self._lines.ring_steps.first(),
        )
        return min((first for first in firsts if first is not None), default=None)

    def replay(self, events: Iterable[tuple[AcdEvent, float]]) -> int:
        """Take in a recorded history, commands left out; return how many events it refuses.

        An event that was refused when it was recorded is refused again.
        """
        refused = 0
        for event, now in events:
            try:
                self.handle(event, now)
            except AcdError:
                refused += 1
        return refused

    def snapshot(self, now: float) -> Snapshot:
        """Describe the floor at ``now``, for pages: all queues, callers and agents."""
        return picture(self._roster, self._lines, now)

    def queues(self, now: float, callers: int) -> tuple[QueueView, ...]:
        """Describe every queue at ``now``, with so many of its callers who come first."""
        return queue_views(self._lines, now, callers)

    def agents(self, agents: Collection[AgentId]) -> tuple[AgentView, ...]:
        """Describe these agents, without those who are unknown."""
        return agent_views(self._roster, agents)

    def position(self, call: CallId) -> int:
        """Place of a waiting call in its queue, 1 is next; raise UnknownCall."""
        contact = self._lines.calls.find(call)
        if call not in contact.queue.calls:
            raise UnknownCall(f"call {call} is with its agent")
        return self._lines.position(contact)

    def staffed(self, queue: QueueId) -> int:
        """Count the agents of a queue who are logged in and reachable; raise UnknownQueue."""
        return self._lines.staffed(self._lines.find(queue).demand)

    def standings(self, agent: AgentId) -> tuple[Standing, ...]:
        """How an agent stands to each queue, in key order; raise UnknownAgent."""
        lines = self._lines
        queues = [lines.queues[key] for key in sorted(lines.queues)]
        record = self._roster.find(agent)
        return standings(record, queues, self._matcher, lines.demands, lines.widening)

    # Configuration

    def _queue_configured(self, event: told.QueueConfigured, now: float) -> None:
        queue = self._lines.configure(event.config, event.version, now)
        self._offers.rule_changed(queue, now)
        self._roster.fewer = True
        rule = queue.strategy
        if not self._roster.ranked and not _RANKED.isdisjoint(rule.by):
            self._roster.rank_all(now)
        queues = self._lines.queues.values()
        self._roster.watch(state for queue in queues for state in queue.config.absent)

    def _queue_attended(self, event: told.QueueAttended, now: float) -> None:
        config = self._lines.find(event.queue).config
        changed = msgspec.structs.replace(config, unattended=event.unattended)
        told_so = told.QueueConfigured(config=changed, version=event.version)
        self._queue_configured(told_so, now)

    def _queue_removed(self, event: told.QueueRemoved, now: float) -> None:
        queue = self._lines.find(event.queue)
        for contact in list(self._lines.waiting(queue)):
            if contact.state in WITH_AGENT:
                self._offers.withdraw_all(contact, Why.QUEUE_CHANGED, now)
            self._lines.time_out(contact, LeaveReason.QUEUE_REMOVED, now)
        self._lines.urgencies.forget(queue)
        self._lines.reserves.forget(queue)
        self._life.remove(queue)
        del self._lines.queues[event.queue]

    # Time

    def _deadline_reached(self, _event: told.DeadlineReached, now: float) -> None:
        while (handle := self._roster.deadlines.pop(now)) >= 0:
            self._agent_due(self._roster.by_handle(handle), now)
        while (handle := self._roster.closings.pop(now)) >= 0:
            self._roster.finish_beside(self._roster.by_handle(handle), now)
        while (slot := self._lines.preferences.pop(now)) >= 0:
            self._lines.stop_waiting_for(self._lines.by_slot(slot))
        while (slot := self._lines.widenings.pop(now)) >= 0:
            self._lines.widen(self._lines.by_slot(slot), now)
        while (slot := self._lines.ring_steps.pop(now)) >= 0:
            self._offers.ring_more(self._lines.by_slot(slot))
        # Who may move to another queue does so before he is given up.
        self._life.due(now)
        while (slot := self._lines.max_waits.pop(now)) >= 0:
            contact = self._lines.by_slot(slot)
            if contact.state is _CALL_WAITING:
                self._lines.time_out(contact, LeaveReason.MAX_WAIT, now)
            else:
                # Offers are out: an agent may still answer; else it leaves on return.
                contact.overdue = True
                self._lines.stop_joining(contact)

    def _agent_due(self, record: AgentRecord, now: float) -> None:
        contact = record.contact
        if contact is not None and contact.state is _CALL_ACCEPTED:
            self._offers.take_back(contact, record, Why.NOT_CONNECTED, now)
        elif contact is not None:
            self._offers.take_back(contact, record, Why.RONA, now, blame=PauseReason.RONA)
        elif record.state is _STATE_WRAP_UP:
            self._roster.step(record, _STEP_FINISH, now)
        else:
            # The rest after a missed offer is over.
            record.pause, record.pause_until = "", None
            self._roster.step(record, _STEP_GET_READY, now)

    def _day_began(self, _event: told.DayBegan, now: float) -> None:
        for queue in self._lines.queues.values():
            queue.counter.new_day()
            queue.given.clear()
        self._roster.begin_day(now)
