"""The distribution engine: events and time in, commands with reasons out; no I/O, no clock.

The same events with the same times give the same commands, on any machine, compiled or not.
An event that raises AcdError has changed nothing. What an event leads to (a freed agent gets
the next call, a returned call looks for another agent) is settled before ``handle`` returns,
so that between two events nobody waits whom somebody free could serve.
"""

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, Final

from acd_core import events as told
from acd_core.agent import AgentState, AgentStep, PauseReason, Rest, follow
from acd_core.call_queue import HIGHEST_PRIORITY
from acd_core.commands import AcdCommand, LeaveReason
from acd_core.commands import WithdrawReason as Why
from acd_core.errors import AcdError, ClockFault, IllegalTransition, UnknownCall
from acd_core.events import AcdEvent, Outcome, Preference
from acd_core.floor.contact import WITH_AGENT, Contact, ContactState, ContactStep
from acd_core.floor.lines import Lines
from acd_core.floor.offers import Offers
from acd_core.floor.picture import picture
from acd_core.floor.records import AgentRecord
from acd_core.floor.roster import Roster
from acd_core.ids import CallId, QueueId
from acd_core.routing.measures import Group
from acd_core.snapshot import Snapshot
from cython_ext.acd import Matcher

# Rules that go by these need the matcher's ranks.
_RANKED = frozenset({Group.OCCUPANCY, Group.HANDLED})
_OFFERED = frozenset({AgentState.RESERVED, AgentState.RINGING})
# Members by names of their own: Python 3.11 finds Kind.MEMBER ten times as slowly.
_CALL_ACCEPTED: Final = ContactState.ACCEPTED
_CALL_OFFERED: Final = ContactState.OFFERED
_CALL_STEP_ANSWER: Final = ContactStep.ANSWER
_CALL_STEP_END: Final = ContactStep.END
_CALL_STEP_HOLD: Final = ContactStep.HOLD
_CALL_STEP_RETRIEVE: Final = ContactStep.RETRIEVE
_CALL_WAITING: Final = ContactState.WAITING
_OUTCOME_ABANDONED: Final = Outcome.ABANDONED
_OUTCOME_ANSWERED: Final = Outcome.ANSWERED
_OUTCOME_REFUSED: Final = Outcome.REFUSED
_REST_SAME: Final = Rest.SAME
_STATE_WRAP_UP: Final = AgentState.WRAP_UP
_STEP_ANSWER: Final = AgentStep.ANSWER
_STEP_END: Final = AgentStep.END
_STEP_FINISH: Final = AgentStep.FINISH
_STEP_FREE: Final = AgentStep.FREE
_STEP_GET_READY: Final = AgentStep.GET_READY
_STEP_GO_BACK: Final = AgentStep.GO_BACK
_STEP_HOLD: Final = AgentStep.HOLD
_STEP_LOG_OUT: Final = AgentStep.LOG_OUT
_STEP_LOSE_STATION: Final = AgentStep.LOSE_STATION
_STEP_PAUSE: Final = AgentStep.PAUSE
_STEP_REGAIN_STATION: Final = AgentStep.REGAIN_STATION
_STEP_RETRIEVE: Final = AgentStep.RETRIEVE
_STEP_RING: Final = AgentStep.RING
_STEP_SEIZE: Final = AgentStep.SEIZE


class AcdEngine:
    """Distributes the calls of all queues to all agents."""

    def __init__(self, *, explain_agents: int = 32) -> None:
        """Start empty; queues and agents are told as events.

        ``explain_agents`` is the largest floor on which reasons name those passed over.
        """
        self.now = float("-inf")
        """Time of the last event."""
        self._out: list[AcdCommand] = []
        matcher = Matcher()
        self._roster = Roster(matcher, self._out)
        self._lines = Lines(matcher, self._out)
        self._offers = Offers(matcher, self._roster, self._lines, self._out, explain_agents)
        self._handlers: dict[type[Any], Callable[[Any, float], None]] = {
            told.QueueConfigured: self._queue_configured,
            told.QueueRemoved: self._queue_removed,
            told.AgentConfigured: self._agent_configured,
            told.AgentRemoved: self._agent_removed,
            told.SkillsChanged: self._skills_changed,
            told.AgentLoggedIn: self._agent_logged_in,
            told.AgentLoggedOut: self._agent_logged_out,
            told.AgentReady: self._agent_ready,
            told.AgentPaused: self._agent_paused,
            told.AgentUnreachable: self._agent_unreachable,
            told.AgentReachable: self._agent_reachable,
            told.AgentBusy: self._agent_busy,
            told.AgentFree: self._agent_free,
            told.CallOffered: self._call_offered,
            told.CallAbandoned: self._call_abandoned,
            told.CallWithdrawn: self._call_withdrawn,
            told.OfferRinging: self._offer_ringing,
            told.OfferAccepted: self._offer_accepted,
            told.OfferRejected: self._offer_rejected,
            told.CallAnswered: self._call_answered,
            told.CallHeld: self._call_held,
            told.CallRetrieved: self._call_retrieved,
            told.CallEnded: self._call_ended,
            told.WrapUpEnded: self._wrap_up_ended,
            told.DeadlineReached: self._deadline_reached,
            told.DayBegan: self._day_began,
        }

    def handle(self, event: AcdEvent, now: float) -> tuple[AcdCommand, ...]:
        """Take in one event at ``now`` (Unix seconds, never going back)."""
        if not isfinite(now) or now < self.now:
            raise ClockFault(f"time {now} after {self.now}")
        self._out.clear()
        self._handlers[type(event)](event, now)
        self.now = now
        self._offers.settle(now)
        return tuple(self._out)

    def next_deadline(self) -> float | None:
        """When DeadlineReached is due, in Unix seconds; None when nothing is awaited."""
        firsts = (
            self._roster.deadlines.first(),
            self._lines.max_waits.first(),
            self._lines.preferences.first(),
            self._lines.widenings.first(),
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
        """Describe the floor at ``now``, for pages."""
        return picture(self._roster, self._lines, now)

    def position(self, call: CallId) -> int:
        """Place of a waiting call in its queue, 1 is next; raise UnknownCall."""
        contact = self._lines.calls.find(call)
        if call not in contact.queue.calls:
            raise UnknownCall(f"call {call} is with its agent")
        return self._lines.position(contact)

    def staffed(self, queue: QueueId) -> int:
        """Count the agents of a queue who are logged in and reachable; raise UnknownQueue."""
        return self._lines.staffed(self._lines.find(queue).demand)

    # Configuration

    def _queue_configured(self, event: told.QueueConfigured, now: float) -> None:
        self._lines.configure(event.config, event.version, now)
        self._roster.fewer = True
        rule = self._lines.find(event.config.queue).strategy
        if not self._roster.ranked and not _RANKED.isdisjoint(rule.by):
            self._roster.rank_all(now)
        queues = self._lines.queues.values()
        self._roster.watch(state for queue in queues for state in queue.config.absent)

    def _queue_removed(self, event: told.QueueRemoved, now: float) -> None:
        queue = self._lines.find(event.queue)
        for contact in list(self._lines.waiting(queue)):
            if contact.state in WITH_AGENT:
                record = self._offers.withdraw(contact, Why.QUEUE_CHANGED)
                self._roster.step(record, _STEP_GO_BACK, now, keep_idle=True)
            self._lines.time_out(contact, LeaveReason.QUEUE_REMOVED, now)
        self._lines.urgencies.forget(queue)
        del self._lines.queues[event.queue]

    def _agent_configured(self, event: told.AgentConfigured, now: float) -> None:
        self._roster.configure(event.config, event.version, now)

    def _agent_removed(self, event: told.AgentRemoved, now: float) -> None:
        record = self._roster.find(event.agent)
        self._roster.remove(event.agent)
        for contact in list(self._lines.holding.get(record.handle, ())):
            self._lines.stop_waiting_for(contact)

    def _skills_changed(self, event: told.SkillsChanged, now: float) -> None:
        self._roster.change_skills(event.agent, event.skills, event.version, now)

    # Agents

    def _agent_logged_in(self, event: told.AgentLoggedIn, now: float) -> None:
        self._roster.log_in(event.agent, event.station, now)

    def _agent_logged_out(self, event: told.AgentLoggedOut, now: float) -> None:
        record = self._checked(event, _STEP_LOG_OUT)
        record.leaving = True
        self._circumstance(record, _STEP_LOG_OUT, now)

    def _agent_ready(self, event: told.AgentReady, now: float) -> None:
        record = self._checked(event, _STEP_GET_READY)
        record.leaving, record.pause, record.pause_until, record.misses = False, "", None, 0
        self._circumstance(record, _STEP_GET_READY, now)

    def _agent_paused(self, event: told.AgentPaused, now: float) -> None:
        if not event.reason:
            raise AcdError(f"agent {event.agent}: a pause needs a reason")
        record = self._checked(event, _STEP_PAUSE)
        record.pause, record.pause_until = event.reason, None
        self._circumstance(record, _STEP_PAUSE, now)

    def _agent_unreachable(self, event: told.AgentUnreachable, now: float) -> None:
        record = self._checked(event, _STEP_LOSE_STATION)
        record.reachable = False
        self._circumstance(record, _STEP_LOSE_STATION, now)

    def _agent_reachable(self, event: told.AgentReachable, now: float) -> None:
        record = self._checked(event, _STEP_REGAIN_STATION)
        record.reachable = True
        self._circumstance(record, _STEP_REGAIN_STATION, now)

    def _agent_busy(self, event: told.AgentBusy, now: float) -> None:
        record = self._checked(event, _STEP_SEIZE)
        record.busy = True
        self._circumstance(record, _STEP_SEIZE, now)

    def _agent_free(self, event: told.AgentFree, now: float) -> None:
        record = self._checked(event, _STEP_FREE)
        record.busy = False
        self._circumstance(record, _STEP_FREE, now)

    def _wrap_up_ended(self, event: told.WrapUpEnded, now: float) -> None:
        record = self._checked(event, _STEP_FINISH)
        self._roster.step(record, _STEP_FINISH, now)

    def _checked(self, event: Any, step: AgentStep) -> AgentRecord:
        """Find the agent of an event, or raise before anything has changed."""
        record = self._roster.find(event.agent)
        follow(record.state, step)
        return record

    def _circumstance(self, record: AgentRecord, step: AgentStep, now: float) -> None:
        """Act on a changed circumstance; an offer that is out goes back first."""
        contact = record.contact
        leaves = record.state in _OFFERED and follow(record.state, step) is not _REST_SAME
        if contact is None or not leaves:
            self._roster.step(record, step, now)
            return
        self._offers.withdraw(contact, Why.AGENT_LEFT)
        self._roster.step(record, step, now)
        self._lines.go_back(contact, now)

    # Calls

    def _call_offered(self, event: told.CallOffered, now: float) -> None:
        numbers = (event.waited_s, event.preferred_limit_s)
        if not all(isfinite(number) and number >= 0 for number in numbers):
            raise AcdError(f"call {event.call}: durations must not be below 0")
        if not 0 <= event.call < 1 << 63 or abs(event.priority) > HIGHEST_PRIORITY:
            raise AcdError(f"call {event.call}: number or priority is out of range")
        named = event.preference is Preference.NAMED and event.preferred_limit_s > 0
        awaited = named and event.preferred in self._roster.agents
        self._lines.enter(event, now, awaited=awaited)

    def _call_abandoned(self, event: told.CallAbandoned, now: float) -> None:
        contact = self._lines.calls.find(event.call)
        self._offers.drop(contact, _OUTCOME_ABANDONED, Why.CALLER_LEFT, now)

    def _call_withdrawn(self, event: told.CallWithdrawn, now: float) -> None:
        contact = self._lines.calls.find(event.call)
        if event.outcome in (_OUTCOME_ANSWERED, _OUTCOME_REFUSED):
            raise IllegalTransition(contact.state, event.outcome, f"call {event.call}")
        self._offers.drop(contact, event.outcome, Why.CALL_WITHDRAWN, now)

    def _offer_ringing(self, event: told.OfferRinging, now: float) -> None:
        contact, record = self._offered(event)
        if contact.state is not _CALL_OFFERED:
            raise IllegalTransition(contact.state, "OfferRinging", f"call {event.call}")
        self._roster.step(record, _STEP_RING, now, until=record.until)

    def _offer_accepted(self, event: told.OfferAccepted, now: float) -> None:
        contact, _ = self._offered(event)
        self._offers.accept(contact, now)

    def _offer_rejected(self, event: told.OfferRejected, now: float) -> None:
        contact, _ = self._offered(event)
        if contact.state is _CALL_ACCEPTED:
            self._offers.take_back(contact, Why.NOT_CONNECTED, now)
        else:
            self._offers.take_back(
                contact, Why.REJECTED, now, blame=event.reason or PauseReason.DECLINED
            )

    def _call_answered(self, event: told.CallAnswered, now: float) -> None:
        contact, record = self._offered(event)
        contact.next_state(_CALL_STEP_ANSWER)
        self._lines.leave(contact, _CALL_STEP_ANSWER, _OUTCOME_ANSWERED, now)
        contact.answered = now
        queue = contact.queue
        queue.talking += 1
        queue.given[event.agent] = queue.given.get(event.agent, 0) + 1
        record.misses = 0
        record.handled += 1
        self._roster.step(record, _STEP_ANSWER, now)

    def _call_held(self, event: told.CallHeld, now: float) -> None:
        self._talking(event.call, _CALL_STEP_HOLD, _STEP_HOLD, now)

    def _call_retrieved(self, event: told.CallRetrieved, now: float) -> None:
        self._talking(event.call, _CALL_STEP_RETRIEVE, _STEP_RETRIEVE, now)

    def _call_ended(self, event: told.CallEnded, now: float) -> None:
        contact = self._lines.calls.find(event.call)
        contact.next_state(_CALL_STEP_END)
        record = contact.agent
        assert record is not None  # the table lets only answered calls end
        contact.queue.talking -= 1
        self._lines.calls.remove(contact)
        record.contact, record.wrapping = None, contact
        contact.follow(_CALL_STEP_END)
        self._roster.step(record, _STEP_END, now)

    def _talking(self, call: CallId, step: ContactStep, agent_step: AgentStep, now: float) -> None:
        contact = self._lines.calls.find(call)
        contact.follow(step)
        assert contact.agent is not None  # the table lets only answered calls be held
        self._roster.step(contact.agent, agent_step, now)

    def _offered(self, event: Any) -> tuple[Contact, AgentRecord]:
        """Find call and agent of an event about an offer that is out between the two."""
        contact = self._lines.calls.find(event.call)
        record = self._roster.find(event.agent)
        if contact.state not in WITH_AGENT or contact.agent is not record:
            name = type(event).__name__
            detail = f"call {event.call} is not offered to agent {event.agent}"
            raise IllegalTransition(contact.state, name, detail)
        return contact, record

    # Time

    def _deadline_reached(self, _event: told.DeadlineReached, now: float) -> None:
        while (handle := self._roster.deadlines.pop(now)) >= 0:
            self._agent_due(self._roster.by_handle(handle), now)
        while (slot := self._lines.preferences.pop(now)) >= 0:
            self._lines.stop_waiting_for(self._lines.by_slot(slot))
        while (slot := self._lines.widenings.pop(now)) >= 0:
            self._lines.widen(self._lines.by_slot(slot), now)
        while (slot := self._lines.max_waits.pop(now)) >= 0:
            contact = self._lines.by_slot(slot)
            if contact.state is _CALL_WAITING:
                self._lines.time_out(contact, LeaveReason.MAX_WAIT, now)
            else:
                # An offer is out: the agent may still answer; else it leaves on return.
                contact.overdue = True

    def _agent_due(self, record: AgentRecord, now: float) -> None:
        contact = record.contact
        if contact is not None and contact.state is _CALL_ACCEPTED:
            self._offers.take_back(contact, Why.NOT_CONNECTED, now)
        elif contact is not None:
            self._offers.take_back(contact, Why.RONA, now, blame=PauseReason.RONA)
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
