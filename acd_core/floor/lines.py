"""All queues and the calls in them: entering, waiting in order, leaving with an outcome."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Final

from acd_core.call_queue import CallerTier, QueueConfig, check_queue
from acd_core.commands import (
    AcdCommand,
    CallRefused,
    CallTimedOut,
    CallWaiting,
    LeaveReason,
    RefuseReason,
)
from acd_core.eligibility.demands import Demands
from acd_core.eligibility.reserves import Reserves
from acd_core.eligibility.widening import Widenings
from acd_core.errors import ConfigurationFault, DuplicateCall, UnknownQueue
from acd_core.events import CallOffered, Outcome
from acd_core.floor.contact import Contact, ContactState, ContactStep
from acd_core.floor.records import AgentRecord, CallBook, QueueRecord
from acd_core.floor.urgency import Urgencies
from acd_core.ids import QueueId, TierId
from acd_core.queue_life.admission import pool_at_end, refusal
from acd_core.queue_life.life import QueueLife
from acd_core.routing.registry import Ring, find_strategy
from cython_ext.acd import Deadlines, Matcher

_SHORT_ABANDON_S: Final = 5.0  # who leaves earlier says nothing of the service level

# Members by names of their own: Python 3.11 finds Kind.MEMBER ten times as slowly.
_CALL_LEFT: Final = ContactState.LEFT
_CALL_STEP_GO_BACK: Final = ContactStep.GO_BACK
_CALL_STEP_LEAVE: Final = ContactStep.LEAVE
_CALL_WAITING: Final = ContactState.WAITING
_OUTCOME_ABANDONED: Final = Outcome.ABANDONED
_OUTCOME_ANSWERED: Final = Outcome.ANSWERED
_OUTCOME_TIMED_OUT: Final = Outcome.TIMED_OUT
_RING_ONE: Final = Ring.ONE


class Lines:
    """Keeps queues, the matcher's view of waiting calls, and the counts in step."""

    def __init__(self, matcher: Matcher, out: list[AcdCommand]) -> None:
        self.queues: dict[QueueId, QueueRecord] = {}
        self.calls = CallBook()
        self.max_waits = Deadlines()
        """By the contact's slot."""
        self.preferences = Deadlines()
        self.ring_steps = Deadlines()
        """When one agent more rings for a call that rings already."""
        self.loose: list[Contact] = []
        """Began to look for an agent during the present event."""
        self.holding: dict[int, list[Contact]] = {}
        """By an agent's handle: calls that wait for him alone."""
        self.demands = Demands(matcher)
        self.urgencies = Urgencies(matcher, self.demands)
        self.reserves = Reserves(self.demands)
        self.tiers: dict[TierId, CallerTier] = {}
        self.widening = Widenings(self.demands)
        self.widenings = self.widening.deadlines
        self._by_handle: dict[int, Contact] = {}
        self._slots: dict[int, Contact] = {}
        self._free_slots: list[int] = []
        self._matcher = matcher
        self._out = out
        self.life = QueueLife(self, out)
        self.kept = self.life.callbacks.places
        """Places of callers who are to be called, by the call that took them."""

    def find(self, queue: QueueId) -> QueueRecord:
        """Return a queue; raise UnknownQueue."""
        record = self.queues.get(queue)
        if record is None:
            raise UnknownQueue(f"queue {queue} is not configured")
        return record

    def by_handle(self, handle: int) -> Contact:
        """Return the call that the matcher means."""
        return self._by_handle[handle]

    def by_slot(self, slot: int) -> Contact:
        """Return the call whose deadline this is."""
        return self._slots[slot]

    @property
    def ordered(self) -> bool:
        """Whether agents may want calls in another order than that of priority and arrival.

        Urgent queues alone do not count: days recorded with them are decided as they were.
        """
        return bool(self.demands.named) or self.urgencies.weighted

    def waiting(self, queue: QueueRecord) -> Iterator[Contact]:
        """Every call in the system of a queue, first comes first."""
        for order in queue.line:
            yield queue.calls[order[2]]

    def tally(self, demand: int) -> tuple[int, ...]:
        """Count the agents who fit by state, in the order of AgentState."""
        return self.demands.tally(demand)

    def staffed(self, demand: int) -> int:
        """Count the agents who fit and are logged in at a station that answers."""
        return QueueRecord.staffed(self.tally(demand))

    def configure(self, config: QueueConfig, version: int, now: float) -> QueueRecord:
        """Add or replace a queue; what changes counts for calls that wait as well."""
        check_queue(config)
        if not 0 <= version < 1 << 63:
            raise ConfigurationFault(f"queue {config.queue}: version {version} is out of range")
        strategy = find_strategy(config.strategy)
        demand = self.demands.number(config, 0, medium=config.medium)
        record = self.queues.get(config.queue)
        if record is None:
            record = QueueRecord(config, version, strategy, demand)
            self.queues[config.queue] = record
            self.urgencies.configure(record)
            self.reserves.configure(record)
            self.life.configure(record, now)
            return record
        record.config, record.version = config, version
        record.strategy, record.demand = strategy, demand
        record.line.clear()
        self.urgencies.configure(record)
        self.reserves.configure(record)
        if record.lent is not None:
            record.demand = self.demands.number(config, 0, medium=config.medium, lent=True)
        for contact in record.calls.values():
            self.widening.restart(contact, now)
            self._replace(contact)
            self.widening.await_next(contact, now)
            if config.max_wait_s is None:
                contact.overdue = False
                self.max_waits.cancel(contact.slot)
            else:
                self.max_waits.set(contact.slot, max(now, contact.entered + config.max_wait_s))
        self.life.configure(record, now)
        return record

    def enter(self, event: CallOffered, now: float, *, awaited: bool) -> None:
        """Let a call in, or tell why not.

        ``awaited`` says that it has a named agent to wait for, whoever else is there.
        """
        queue = self.find(event.queue)
        if event.call in self.calls or event.call in self.kept:
            raise DuplicateCall(f"call {event.call} is already in a queue or with an agent")
        contact = self.draft(event, queue, now)
        refused = self.refused(contact, now, awaited=awaited)
        if refused is not None:
            if queue.lively and self.life.redirect(contact, refused, now):
                return
            queue.counter.refuse()
            self._out.append(CallRefused(call=event.call, queue=queue.number, reason=refused))
            return
        self.admit(contact, now)
        self.tell(contact)
        if queue.lively and not awaited:
            self.life.escape(contact, now)

    def draft(
        self,
        event: CallOffered,
        queue: QueueRecord,
        now: float,
        *,
        began: float | None = None,
        step: int = 0,
    ) -> Contact:
        """Prepare a call for a queue without letting it in.

        ``began`` is when its wait began, where that is known exactly, and ``step`` how far it
        was widened before.
        """
        contact = Contact(event, queue, now)
        if began is not None:
            contact.began, contact.step = began, min(step, len(queue.config.widening))
        if event.tier is not None:
            contact.tier = self.tiers.get(event.tier)
        if contact.has_demands():
            self.widening.begin(contact, now)
        else:
            contact.demand = queue.demand
        return contact

    def demand_now(self, contact: Contact, now: float) -> int:
        """The matcher's number for what a call that waits elsewhere would demand by now."""
        if contact.has_demands():
            return self.widening.demand_now(contact, now)
        return contact.queue.demand

    def refused(self, contact: Contact, now: float, *, awaited: bool) -> RefuseReason | None:
        """Why the queue of a call does not let it in; None when it does."""
        queue = contact.queue
        shut = self.life.shut(queue, now) if queue.lively else None
        return shut or refusal(queue, self.tally, contact.demand, now, awaited=awaited)

    def admit(self, contact: Contact, now: float) -> None:
        """Let a call wait in its queue: a visit begins."""
        queue, call = contact.queue, contact.call
        self._list(contact)
        newcomer = not contact.visited and contact.event.callback is None
        contact.found = len(queue.line) + queue.kept
        if newcomer and queue.estimates.due(now):
            pool = pool_at_end(queue, self.tally(contact.demand), now)
            contact.predicted = queue.estimates.follow(pool, now)
        contact.slot = self._free_slots.pop() if self._free_slots else len(self._slots)
        self._slots[contact.slot] = contact
        self.calls.add(contact)
        queue.calls[call] = contact
        insort(queue.line, contact.order)
        queue.counter.begin()
        if queue.urgent:
            self.urgencies.touch(queue)
        if queue.lends:
            self.reserves.touch(queue)
        if queue.config.max_wait_s is not None:
            self.max_waits.set(contact.slot, now + queue.config.max_wait_s)
        if queue.config.widening or contact.alone:
            self.widening.await_next(contact, now)
        if queue.lively:
            self.life.enter(contact, now)
        self.loose.append(contact)

    def tell(self, contact: Contact, *, returned: bool = False) -> None:
        """Tell that a call waits, and at which place."""
        self._out.append(
            CallWaiting(
                call=contact.call,
                queue=contact.queue.number,
                position=self.position(contact),
                returned=returned,
            )
        )

    def position(self, contact: Contact) -> int:
        """Place in the queue; 1 is next."""
        return bisect_left(contact.queue.line, contact.order) + 1

    def ahead(self, contact: Contact) -> int:
        """Callers before one who waits or would wait, those included who are to be called."""
        queue = contact.queue
        ahead = bisect_left(queue.line, contact.order)
        return ahead + self.life.callbacks.ahead(queue, contact.order) if queue.kept else ahead

    def wait_for(self, contact: Contact, record: AgentRecord, until: float) -> None:
        """Let a call wait for one agent alone."""
        contact.preferring = record
        self._matcher.hold_call(contact.handle)
        self.holding.setdefault(record.handle, []).append(contact)
        self.preferences.set(contact.slot, until)

    def stop_waiting_for(self, contact: Contact) -> None:
        """Let a call that waited for one agent wait for all; its place is kept."""
        self.forget_preference(contact)
        contact.preference_over = True
        self._matcher.release_call(contact.handle)
        self.loose.append(contact)

    def forget_preference(self, contact: Contact) -> None:
        """Take a call off the list of the agent it waits for, if it does."""
        record = contact.preferring
        if record is None:
            return
        contact.preferring = None
        self.preferences.cancel(contact.slot)
        held = self.holding[record.handle]
        held.remove(contact)
        if not held:
            del self.holding[record.handle]

    def stop_joining(self, contact: Contact) -> None:
        """Let nobody else ring for a call; who rings goes on."""
        if contact.joinable:
            contact.joinable = False
            self._matcher.hold_call(contact.handle)
        if contact.queue.strategy.ring is not _RING_ONE:
            self.ring_steps.cancel(contact.slot)

    def go_back(self, contact: Contact, now: float) -> None:
        """Let a call whose offer came to nothing wait again, at its place."""
        contact.follow(_CALL_STEP_GO_BACK)
        contact.agent = None
        reason = LeaveReason.MAX_WAIT if contact.overdue else None
        if contact.queue.lively:
            reason = self.life.go_back(contact, now) or reason
        if reason is not None:
            self.time_out(contact, reason, now)
            return
        self._matcher.release_call(contact.handle)
        self.tell(contact, returned=True)
        self.loose.append(contact)

    def leave(self, contact: Contact, step: ContactStep, outcome: Outcome, now: float) -> None:
        """End the visit of a call with its outcome."""
        contact.follow(step)
        self.forget_preference(contact)
        queue = contact.queue
        waited = now - contact.entered
        queue.counter.end(outcome, waited, queue.config.service_level_s)
        if outcome is _OUTCOME_ANSWERED or waited > _SHORT_ABANDON_S:
            in_time = outcome is _OUTCOME_ANSWERED and waited <= queue.config.service_level_s
            queue.level.add(in_time)
        if queue.urgent:
            self.urgencies.touch(queue)
        if queue.lends:
            self.reserves.touch(queue)
        if outcome is _OUTCOME_ANSWERED:
            queue.estimates.answered(waited, contact.predicted)
        elif outcome is _OUTCOME_ABANDONED:
            queue.estimates.abandoned(waited)
        del queue.line[bisect_left(queue.line, contact.order)]
        del queue.calls[contact.call]
        self._matcher.drop_call(contact.handle)
        del self._by_handle[contact.handle]
        self.max_waits.cancel(contact.slot)
        if queue.lively:
            self.life.leave(contact)
        if queue.config.widening or contact.tier is not None:
            self.widening.end(contact)
        del self._slots[contact.slot]
        self._free_slots.append(contact.slot)
        if contact.state is _CALL_LEFT:
            self.calls.remove(contact)

    def time_out(self, contact: Contact, reason: LeaveReason, now: float) -> None:
        """Give up a waiting call."""
        self.leave(contact, _CALL_STEP_LEAVE, _OUTCOME_TIMED_OUT, now)
        self._out.append(CallTimedOut(call=contact.call, queue=contact.queue.number, reason=reason))

    def widen(self, contact: Contact, now: float) -> None:
        """Let a call make do with other agents when it is time, or when those it wants left."""
        if self.widening.advance(contact, now):
            self._relist(contact)
        self.widening.await_next(contact, now)

    def give_lines(self, queues: Iterable[QueueId]) -> None:
        """Let queues be told from others: some agent's own order names them."""
        for key in queues:
            if key in self.demands.named:
                continue
            self.demands.named.add(key)
            queue = self.queues.get(key)
            if queue is not None and not queue.lined:
                self.urgencies.line(queue)
                self.renumber(queue)

    def open_reserves(self) -> None:
        """Open queues to reserve agents, or close them, as their limits say."""
        for queue in self.reserves.refresh():
            self.renumber(queue)

    def change_tier(self, contact: Contact, tier: CallerTier | None, now: float) -> None:
        """Let a changed tier count for a call that waits."""
        line = contact.queue.line
        del line[bisect_left(line, contact.order)]
        self.widening.change_tier(contact, tier, now)
        self._replace(contact)
        self.widening.await_next(contact, now)

    def renumber(self, queue: QueueRecord) -> None:
        """Tell the matcher anew what a queue and its calls demand; they keep their places."""
        queue.demand = self.demands.number(
            queue.config, 0, medium=queue.config.medium, lent=queue.lent is not None
        )
        for contact in queue.calls.values():
            self._relist(contact)

    def _list(self, contact: Contact) -> None:
        contact.order = contact.place()
        queue = contact.queue
        if contact.demand != queue.demand:
            queue.mixed = True
        if queue.lined:
            self.urgencies.know(queue, contact.demand)
        contact.handle = self._matcher.add_call(
            contact.call, contact.demand, -contact.order[0], contact.order[1]
        )
        self._by_handle[contact.handle] = contact

    def _replace(self, contact: Contact) -> None:
        """Put a call where the changed queue wants it, in line and in the matcher."""
        self._relist(contact)
        insort(contact.queue.line, contact.order)

    def _relist(self, contact: Contact) -> None:
        """Tell the matcher anew what a call demands, and its order."""
        self._matcher.drop_call(contact.handle)
        del self._by_handle[contact.handle]
        self.widening.renumber(contact)
        self._list(contact)
        waits = contact.state is _CALL_WAITING and contact.preferring is None
        if not waits and not contact.joinable:
            self._matcher.hold_call(contact.handle)
        else:
            self.loose.append(contact)
