"""Offers between calls and agents: preference first, then the queue's rule, with reasons."""

from typing import Final

from acd_core.agent import AgentState, AgentStep
from acd_core.commands import AcdCommand, ConnectToAgent, OfferToAgent, WithdrawOffer
from acd_core.commands import WithdrawReason as Why
from acd_core.events import Outcome, Preference
from acd_core.floor.contact import Contact, ContactState, ContactStep
from acd_core.floor.lines import Lines
from acd_core.floor.records import AgentRecord
from acd_core.floor.roster import Roster
from acd_core.floor.weighing import Weighing
from cython_ext.acd import Matcher

# A last agent is worth waiting for while he works; one who is away is not.
_AT_WORK = frozenset(
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
_CALL_STEP_ACCEPT: Final = ContactStep.ACCEPT
_CALL_STEP_LEAVE: Final = ContactStep.LEAVE
_CALL_STEP_OFFER: Final = ContactStep.OFFER
_CALL_WAITING: Final = ContactState.WAITING
_PREFERENCE_NAMED: Final = Preference.NAMED
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
        self._weighing = Weighing(matcher, roster, explain_agents)

    def settle(self, now: float) -> None:
        """Match everybody who became free or began to wait during the present event."""
        roster, lines = self._roster, self._lines
        while roster.fewer or roster.freed or lines.loose:
            if roster.fewer:
                roster.fewer = False
                self._give_up_absent(now)
                lines.widen_deserted(now)
                lines.empty_deserted(now)
            if roster.staff_changed:
                roster.staff_changed = False
                lines.urgencies.touch_all()
            if roster.freed:
                freed = sorted(roster.freed, key=_by_idle)
                roster.freed.clear()
                for record in freed:
                    lines.urgencies.refresh()
                    self._serve(record, now)
            if lines.loose:
                loose = sorted(lines.loose, key=_by_order)
                lines.loose.clear()
                for contact in loose:
                    self._place(contact, now)

    def _prefer(self, contact: Contact, now: float) -> bool:
        """Let a call wait for its preferred agent, or offer it to him; False when it cannot."""
        event = contact.event
        if event.preferred is None or contact.preference_over:
            return False
        record = self._roster.agents.get(event.preferred)
        if record is None or not self._worth(contact, record):
            contact.preference_over = True
            return False
        if record.state is _STATE_READY:
            self._offer(contact, record, now, preferred=True)
            return True
        if event.preferred_limit_s <= 0:
            contact.preference_over = True
            return False
        self._lines.wait_for(contact, record, now + event.preferred_limit_s)
        return True

    def accept(self, contact: Contact, now: float) -> None:
        """The agent takes the call: join the two."""
        contact.follow(_CALL_STEP_ACCEPT)
        record = contact.agent
        assert record is not None  # the table lets only offered calls be accepted
        self._roster.set_deadline(record, now + contact.queue.config.connect_s)
        self._out.append(
            ConnectToAgent(
                call=contact.event.call,
                agent=record.config.agent,
                queue=contact.queue.config.queue,
                waited_s=now - contact.entered,
            )
        )

    def withdraw(self, contact: Contact, why: Why) -> AgentRecord:
        """Take an offer back; the caller of this decides what becomes of both."""
        record = contact.agent
        assert record is not None  # only called while an offer is out
        record.contact = None
        contact.preference_over = True
        self._out.append(WithdrawOffer(call=contact.event.call, agent=record.config.agent, why=why))
        return record

    def take_back(self, contact: Contact, why: Why, now: float, *, blame: str = "") -> None:
        """Take an offer back and let the call wait again; ``blame`` counts as a miss."""
        record = self.withdraw(contact, why)
        if blame:
            self._count_miss(record, contact, blame, now)
        self._roster.step(record, _STEP_GO_BACK, now)
        self._lines.go_back(contact, now)

    def drop(self, contact: Contact, outcome: Outcome, why: Why, now: float) -> None:
        """End a visit unanswered, taking back an offer that is out."""
        contact.next_state(_CALL_STEP_LEAVE)
        if contact.agent is not None:
            record = self.withdraw(contact, why)
            self._roster.step(record, _STEP_GO_BACK, now, keep_idle=True)
        self._lines.leave(contact, _CALL_STEP_LEAVE, outcome, now)

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
            contact = min(held, key=_by_order)
            self._lines.forget_preference(contact)
            self._offer(contact, record, now, preferred=True)
            return
        while record.state is _STATE_READY:
            handle = self._matcher.best_call(record.profile, now)
            if handle < 0 or not self._choose(self._lines.by_handle(handle), now):
                return

    def _place(self, contact: Contact, now: float) -> None:
        """Find an agent for a call that began to wait."""
        if contact.state is not _CALL_WAITING or contact.preferring is not None:
            return
        if not self._prefer(contact, now):
            self._choose(contact, now)

    def _choose(self, contact: Contact, now: float) -> bool:
        queue = contact.queue
        agent = queue.strategy.choose(self._matcher, contact.demand, queue)
        if agent < 0:
            return False
        self._offer(contact, self._roster.by_handle(agent), now, preferred=False)
        return True

    def _offer(self, contact: Contact, record: AgentRecord, now: float, *, preferred: bool) -> None:
        contact.follow(_CALL_STEP_OFFER)
        contact.agent, record.contact = record, contact
        contact.offers += 1
        self._matcher.hold_call(contact.handle)
        queue = contact.queue
        deadline = now + queue.config.offer_s
        self._roster.step(record, _STEP_RESERVE, now, until=deadline)
        self._out.append(
            OfferToAgent(
                call=contact.event.call,
                agent=record.config.agent,
                queue=queue.config.queue,
                station=record.station,
                deadline=deadline,
                reasons=self._weighing.reasons(contact, record, now, preferred=preferred),
            )
        )
        # After the reasons: they ask for the runner-up of this very choice.
        queue.last_offered = record.config.agent
        queue.offers += 1
        queue.chosen += 1
        if queue.urgent:
            self._lines.urgencies.touch(queue)

    def _worth(self, contact: Contact, record: AgentRecord) -> bool:
        if contact.event.preference is _PREFERENCE_NAMED:
            return True
        at_work = record.state in _AT_WORK
        return at_work and self._matcher.fits(record.profile, contact.demand)

    def _give_up_absent(self, now: float) -> None:
        """Nobody waits for a last agent who has gone."""
        for held in list(self._lines.holding.values()):
            for contact in list(held):
                record = contact.preferring
                if record is not None and not self._worth(contact, record):
                    self._lines.stop_waiting_for(contact)


def _by_idle(record: AgentRecord) -> tuple[float, int]:
    return (record.idle_since, record.config.agent)


def _by_order(contact: Contact) -> tuple[int, float, int]:
    return contact.order
