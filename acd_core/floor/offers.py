"""Offers between calls and agents: preference first, then the queue's rule, with reasons."""

from typing import Final

from acd_core.agent import AgentState, AgentStep
from acd_core.commands import AcdCommand, ConnectToAgent, OfferToAgent, WithdrawOffer
from acd_core.commands import WithdrawReason as Why
from acd_core.events import Outcome, Preference
from acd_core.floor.contact import Contact, ContactState, ContactStep
from acd_core.floor.lines import Lines
from acd_core.floor.records import AgentRecord, QueueRecord
from acd_core.floor.roster import Roster
from acd_core.floor.weighing import Weighing
from acd_core.routing.registry import Ring
from cython_ext.acd import Matcher

# A last agent is worth waiting for while he works; one who is away is not.
_AT_WORK: Final = frozenset(
    {
        AgentState.READY,
        AgentState.RESERVED,
        AgentState.RINGING,
        AgentState.TALKING,
        AgentState.ON_HOLD,
        AgentState.WRAP_UP,
        AgentState.BUSY,
    }
)
# Members by names of their own: Python 3.11 finds Kind.MEMBER ten times as slowly.
_CALL_OFFERED: Final = ContactState.OFFERED
_CALL_STEP_ACCEPT: Final = ContactStep.ACCEPT
_CALL_STEP_JOIN: Final = ContactStep.JOIN
_CALL_STEP_LEAVE: Final = ContactStep.LEAVE
_CALL_STEP_LOSE: Final = ContactStep.LOSE
_CALL_STEP_OFFER: Final = ContactStep.OFFER
_CALL_WAITING: Final = ContactState.WAITING
_PREFERENCE_NAMED: Final = Preference.NAMED
_RING_ALL: Final = Ring.ALL
_RING_ONE: Final = Ring.ONE
_STATE_READY: Final = AgentState.READY
_STEP_GO_BACK: Final = AgentStep.GO_BACK
_STEP_RESERVE: Final = AgentStep.RESERVE


class Offers:
    """Makes offers, takes them back, and joins who accepted."""

    def __init__(
        self,
        matcher: Matcher,
        roster: Roster,
        lines: Lines,
        out: list[AcdCommand],
        explain_agents: int,
    ) -> None:
        self._matcher = matcher
        self._roster = roster
        self._lines = lines
        self._out = out
        self._weighing = Weighing(matcher, roster, lines.demands, explain_agents)

    def settle(self, now: float) -> None:
        """Match everybody who became free or began to wait during the present event."""
        roster, lines = self._roster, self._lines
        reserves = lines.reserves
        if roster.ranked and roster.sharing:
            roster.rank_sharing(now)
        while roster.fewer or roster.freed or lines.loose or reserves.touched:
            if roster.fewer:
                roster.fewer = False
                self._give_up_absent(now)
                lines.life.deserted(now)
            if roster.staff_changed:
                roster.staff_changed = False
                lines.urgencies.touch_all()
                reserves.touch_all()
            if roster.freed:
                freed = roster.freed.copy()
                roster.freed.clear()
                if len(freed) > 1:
                    freed.sort(key=_by_idle)
                if reserves.open:
                    reserves.touch_open()
                for record in freed:
                    lines.urgencies.refresh()
                    self._serve(record, now)
            if lines.loose:
                loose = lines.loose.copy()
                lines.loose.clear()
                if len(loose) > 1:
                    loose.sort(key=_by_order)
                in_order = len(loose) > 1 and lines.ordered
                for contact in loose:
                    self._place(contact, now, in_order=in_order)
            elif reserves.touched and not roster.freed and not roster.fewer:
                lines.open_reserves()

    def _prefer(self, contact: Contact, now: float) -> bool:
        """Let a call wait for its preferred agent, or offer it to him; False when it cannot."""
        event = contact.event
        if event.preferred is None or contact.preference_over:
            return False
        record = self._roster.agents.get(event.preferred)
        if record is None or not self._worth(contact, record):
            contact.preference_over = True
            return False
        if record.state is _STATE_READY and contact.medium in record.room:
            self._offer(contact, record, now, preferred=True)
            return True
        if event.preferred_limit_s <= 0:
            contact.preference_over = True
            return False
        self._lines.wait_for(contact, record, now + event.preferred_limit_s)
        return True

    def accept(self, contact: Contact, record: AgentRecord, now: float) -> None:
        """An agent takes the call: join the two, and let nobody else ring."""
        contact.follow(_CALL_STEP_ACCEPT)
        if contact.queue.strategy.ring is not _RING_ONE:
            self._lines.stop_joining(contact)
        first, others = contact.agent, contact.others
        contact.agent, contact.others = record, ()
        self._roster.set_deadline(record, now + contact.queue.config.connect_s)
        self._out.append(
            ConnectToAgent(
                call=contact.call,
                agent=record.agent,
                queue=contact.queue.number,
                waited_s=now - contact.entered,
            )
        )
        if others and first is not None:
            for other in (first, *others):
                if other is not record:
                    self._let_go(contact, other, Why.ANSWERED_ELSEWHERE, now)

    def withdraw(self, contact: Contact, record: AgentRecord, why: Why) -> None:
        """Take the offer to one agent back; the caller of this decides what becomes of both."""
        if contact.agent is record:
            contact.agent = contact.others[0] if contact.others else None
            contact.others = contact.others[1:]
        else:
            contact.others = tuple(other for other in contact.others if other is not record)
        if contact.agent is not None:
            contact.follow(_CALL_STEP_LOSE)
        record.contact = None
        contact.preference_over = True
        self._out.append(WithdrawOffer(call=contact.call, agent=record.agent, why=why))

    def withdraw_all(self, contact: Contact, why: Why, now: float) -> None:
        """Take every offer of a call back; its agents keep their places among the idle ones.

        The call must leave its queue, or wait again, in the same event.
        """
        self._lines.stop_joining(contact)
        first, others = contact.agent, contact.others
        contact.agent, contact.others = None, ()
        if first is not None:
            for record in (first, *others):
                self._let_go(contact, record, why, now)

    def take_back(
        self, contact: Contact, record: AgentRecord, why: Why, now: float, *, blame: str = ""
    ) -> None:
        """Take the offer to one agent back; ``blame`` counts as a miss."""
        self.withdraw(contact, record, why)
        if blame:
            self._count_miss(record, contact, blame, now)
        self._roster.step(record, _STEP_GO_BACK, now)
        self.go_back_unheard(contact, now)

    def go_back_unheard(self, contact: Contact, now: float) -> None:
        """Let a call wait again, at its place, if nobody rings for it any more."""
        if contact.agent is None:
            self._lines.stop_joining(contact)
            self._lines.go_back(contact, now)

    def drop(self, contact: Contact, outcome: Outcome, why: Why, now: float) -> None:
        """End a visit unanswered, taking back the offers that are out."""
        contact.next_state(_CALL_STEP_LEAVE)
        if contact.agent is not None:
            self.withdraw_all(contact, why, now)
        self._lines.leave(contact, _CALL_STEP_LEAVE, outcome, now)

    def ring_more(self, contact: Contact) -> None:
        """Let one more agent, or all, join in for a call that rings: those who are free first."""
        contact.joinable = True
        self._matcher.release_call(contact.handle)
        self._lines.loose.append(contact)

    def rule_changed(self, queue: QueueRecord, now: float) -> None:
        """Let a changed rule count for calls that ring: who rings goes on in any case."""
        for contact in queue.calls.values():
            if contact.state is _CALL_OFFERED:
                contact.joinable = False
                self._matcher.hold_call(contact.handle)
                self._lines.ring_steps.cancel(contact.slot)
                if contact.event.preferred is None or contact.preference_over:
                    self._await_more(contact, now)

    def _let_go(self, contact: Contact, record: AgentRecord, why: Why, now: float) -> None:
        """Free an agent who is not to blame."""
        record.contact = None
        contact.preference_over = True
        self._out.append(WithdrawOffer(call=contact.call, agent=record.agent, why=why))
        self._roster.step(record, _STEP_GO_BACK, now, keep_idle=True)

    def _count_miss(self, record: AgentRecord, contact: Contact, blame: str, now: float) -> None:
        record.misses += 1
        config = contact.queue.config
        if config.misses_to_pause and record.misses >= config.misses_to_pause:
            record.pause, record.pause_until = str(blame), None
        elif config.miss_rest_s > 0:
            record.pause, record.pause_until = str(blame), now + config.miss_rest_s

    def _serve(self, record: AgentRecord, now: float) -> None:
        """Find a call for a free agent; the call may still prefer another free one."""
        held = self._lines.holding.get(record.handle)
        if held and record.state is _STATE_READY:
            suited = [contact for contact in held if contact.medium in record.room]
            if suited:
                contact = min(suited, key=_by_order)
                self._lines.forget_preference(contact)
                self._offer(contact, record, now, preferred=True)
                return
        while record.state is _STATE_READY:
            handle = self._matcher.best_call(record.profile, now)
            if handle < 0:
                return
            contact = self._lines.by_handle(handle)
            if contact.joinable:
                self._join(contact, record, now)
            elif not self._choose(contact, now):
                return

    def _place(self, contact: Contact, now: float, *, in_order: bool) -> None:
        """Find an agent for a call that began to wait.

        ``in_order`` says that several did at once and agents may want another one first.
        """
        if contact.joinable:
            self._gather(contact, now, in_order=in_order)
            return
        if contact.state is not _CALL_WAITING or contact.preferring is not None:
            return
        if self._prefer(contact, now):
            return
        if not in_order:
            self._choose(contact, now)
            return
        self._lines.urgencies.refresh()
        while contact.state is _CALL_WAITING:
            agent = contact.queue.strategy.choose(self._matcher, contact.demand, contact.queue)
            if agent < 0:
                return
            self._serve(self._roster.by_handle(agent), now)

    def _choose(self, contact: Contact, now: float) -> bool:
        queue = contact.queue
        agent = queue.strategy.choose(self._matcher, contact.demand, queue)
        if agent < 0:
            return False
        self._offer(contact, self._roster.by_handle(agent), now, preferred=False)
        return True

    def _gather(self, contact: Contact, now: float, *, in_order: bool) -> None:
        """Offer a call that rings to who else is free, as far as its rule goes."""
        queue = contact.queue
        if in_order:
            self._lines.urgencies.refresh()
        while contact.joinable:
            agent = queue.strategy.choose(self._matcher, contact.demand, queue)
            if agent < 0:
                return
            if in_order:
                self._serve(self._roster.by_handle(agent), now)
            else:
                self._join(contact, self._roster.by_handle(agent), now)

    def _offer(self, contact: Contact, record: AgentRecord, now: float, *, preferred: bool) -> None:
        contact.follow(_CALL_STEP_OFFER)
        contact.agent = record
        self._matcher.hold_call(contact.handle)
        self._ring(contact, record, now, preferred=preferred)
        queue = contact.queue
        queue.chosen += 1
        if queue.urgent:
            self._lines.urgencies.touch(queue)
        if not preferred and queue.strategy.ring is not _RING_ONE:
            self._await_more(contact, now)

    def _join(self, contact: Contact, record: AgentRecord, now: float) -> None:
        contact.follow(_CALL_STEP_JOIN)
        contact.others += (record,)
        self._ring(contact, record, now, preferred=False)
        if contact.queue.strategy.ring is not _RING_ALL:
            self._lines.stop_joining(contact)
            self._await_more(contact, now)

    def _await_more(self, contact: Contact, now: float) -> None:
        """Say when more agents ring for a call that begins to ring, or goes on with another rule.

        A call that has waited too long, or whose queue has closed, leaves when those who ring
        now do not answer.
        """
        queue = contact.queue
        if queue.strategy.ring is _RING_ONE or contact.overdue:
            return
        if self._lines.life.opening.must_leave(queue, now) is not None:
            return
        if queue.strategy.ring is _RING_ALL:
            self.ring_more(contact)
        else:
            self._lines.ring_steps.set(contact.slot, now + queue.config.ring_step_s)

    def _ring(self, contact: Contact, record: AgentRecord, now: float, *, preferred: bool) -> None:
        """Reserve an agent for a call until he answers or his time is over."""
        record.contact = contact
        contact.offers += 1
        queue = contact.queue
        deadline = now + queue.config.offer_s
        self._roster.step(record, _STEP_RESERVE, now, until=deadline)
        self._out.append(
            OfferToAgent(
                call=contact.call,
                agent=record.agent,
                queue=queue.number,
                station=record.station,
                deadline=deadline,
                reasons=self._weighing.reasons(contact, record, now, preferred=preferred),
            )
        )
        # After the reasons: they ask for the runner-up of this very choice.
        queue.last_offered = record.agent
        queue.offers += 1

    def _worth(self, contact: Contact, record: AgentRecord) -> bool:
        if contact.event.preference is _PREFERENCE_NAMED:
            return True
        at_work = record.state in _AT_WORK
        members = self._lines.demands.members(contact.demand)
        return at_work and self._matcher.fits(record.profile, members)

    def _give_up_absent(self, now: float) -> None:
        """Nobody waits for a last agent who has gone."""
        for held in list(self._lines.holding.values()):
            for contact in list(held):
                record = contact.preferring
                if record is not None and not self._worth(contact, record):
                    self._lines.stop_waiting_for(contact)


def _by_idle(record: AgentRecord) -> tuple[float, int]:
    return (record.idle_since, record.agent)


def _by_order(contact: Contact) -> tuple[int, float, int]:
    return contact.order
