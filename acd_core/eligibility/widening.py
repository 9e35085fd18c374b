"""Which agents a call makes do with by now: its tier's own, the queue's, or a wider circle."""

from math import inf

from acd_core.call_queue import CallerTier
from acd_core.eligibility.demands import Demands
from acd_core.floor.contact import Contact
from acd_core.floor.records import QueueRecord
from acd_core.ids import CallId, TierId
from cython_ext.acd import Deadlines


class Widenings:
    """Keeps the demands of calls at what their queue, tier and wait say."""

    def __init__(self, demands: Demands) -> None:
        self.deadlines = Deadlines()
        """By the contact's slot."""
        self.alone: dict[CallId, Contact] = {}
        """Calls that wait for their tier's own agents alone."""
        self._demands = demands

    def begin(self, contact: Contact, now: float) -> None:
        """Number what a new call demands, which may still be refused."""
        # It may have been widened further before, by steps that the queue has no more.
        contact.step = min(contact.step, len(contact.queue.config.widening))
        contact.step = self._step(contact, now)
        contact.alone = self._among_own(contact, now)
        self.renumber(contact)

    def demand_now(self, contact: Contact, now: float) -> int:
        """Number what a call that does not wait here would demand by now."""
        self.begin(contact, now)
        return contact.demand

    def restart(self, contact: Contact, now: float) -> None:
        """A call's queue wants other things."""
        contact.step = 0
        contact.step = self._step(contact, now)
        contact.alone = contact.alone and self._among_own(contact, now)

    def advance(self, contact: Contact, now: float) -> bool:
        """See how far a call is by now; whether it demands something else than before."""
        step = self._step(contact, now)
        alone = contact.alone and self._among_own(contact, now)
        if step == contact.step and alone == contact.alone:
            return False
        contact.step, contact.alone = step, alone
        return True

    def change_tier(self, contact: Contact, tier: CallerTier | None, now: float) -> None:
        """A call's tier is another one, or none."""
        contact.tier = tier
        contact.alone = self._among_own(contact, now)

    def await_next(self, contact: Contact, now: float) -> None:
        """Set the time of the next change of a call that has its slot."""
        steps = contact.queue.config.widening
        when = inf
        if contact.step < len(steps):
            when = contact.began + steps[contact.step].after_s
        if contact.alone and contact.tier is not None:
            when = min(when, contact.entered + contact.tier.limit_s)
            self.alone[contact.event.call] = contact
        else:
            self.alone.pop(contact.event.call, None)
        if when < inf:
            self.deadlines.set(contact.slot, max(now, when))
        else:
            self.deadlines.cancel(contact.slot)

    def end(self, contact: Contact) -> None:
        """A call waits no more."""
        self.alone.pop(contact.event.call, None)
        self.deadlines.cancel(contact.slot)

    def renumber(self, contact: Contact) -> None:
        """Give a call the number of what it demands now."""
        tier = contact.tier.tier if contact.alone and contact.tier is not None else None
        contact.demand = self._number(contact, contact.step, tier)

    def _number(self, contact: Contact, step: int, tier: TierId | None = None) -> int:
        queue = contact.queue
        return self._demands.number(
            queue.config,
            step,
            contact.event.requirements,
            medium=contact.medium,
            tier=tier,
            lent=queue.lent is not None,
        )

    def _step(self, contact: Contact, now: float) -> int:
        """How far a call is widened now; never less than before."""
        steps = contact.queue.config.widening
        step = contact.step
        while step < len(steps) and (
            contact.began + steps[step].after_s <= now
            or (steps[step].when_nobody and not self._staffed(self._number(contact, step)))
        ):
            step += 1
        return step

    def _staffed(self, demand: int) -> int:
        return QueueRecord.staffed(self._demands.tally(demand))

    def _among_own(self, contact: Contact, now: float) -> bool:
        """Whether a call waits for its tier's own agents alone: one of them is at work."""
        tier = contact.tier
        if tier is None or not tier.agents or now >= contact.entered + tier.limit_s:
            return False
        return self._demands.at_work(self._number(contact, contact.step, tier.tier))
