"""Ways from one queue to others: after a while, on refusal, and when nobody is there.

A caller moves to the queue in which he is expected to wait shortest, of those that take him
and that he has not been in. So a chain of moves ends, whatever the ways are. Each queue counts
a visit of its own; his place in the new one is that of his whole wait.
"""

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from acd_core.commands import AcdCommand, CallMoved, MoveReason, RefuseReason
from acd_core.events import Outcome
from acd_core.floor.contact import Contact, ContactState, ContactStep
from acd_core.floor.records import QueueRecord
from acd_core.queue_life.admission import pool_of
from acd_core.queue_life.options import Overflow
from cython_ext.acd import Deadlines

if TYPE_CHECKING:
    from acd_core.floor.lines import Lines

RECHECK_S: Final = 10.0  # until one whom no other queue suits is looked at again
_WAITING: Final = ContactState.WAITING


class Overflows:
    """Moves calls between queues."""

    def __init__(self, lines: "Lines", out: list[AcdCommand]) -> None:
        self.deadlines = Deadlines()
        """By the contact's slot."""
        self._lines = lines
        self._out = out

    def begin(self, contact: Contact, now: float) -> None:
        """A call waits in a queue."""
        times = [way.after_s for way in contact.queue.config.overflow if way.after_s is not None]
        if times:
            self.deadlines.set(contact.slot, max(now, contact.entered + min(times)))

    def end(self, contact: Contact) -> None:
        """A call waits there no more."""
        self.deadlines.cancel(contact.slot)

    def configure(self, contacts: Iterable[Contact], now: float) -> None:
        """The ways are other ones, for those who wait as well."""
        for contact in contacts:
            self.deadlines.cancel(contact.slot)
            self.begin(contact, now)

    @staticmethod
    def flees(queue: QueueRecord) -> bool:
        """Whether calls move on when nobody is there."""
        return any(way.when_nobody for way in queue.config.overflow)

    def redirect(self, contact: Contact, refused: RefuseReason, now: float) -> bool:
        """Let a call that a queue refuses into another one; False when none takes it."""
        nobody = refused is RefuseReason.NO_AGENTS
        for way in contact.queue.config.overflow:
            if way.when_refused or (nobody and way.when_nobody):
                target = self._shortest(contact, way, now)
                if target is not None:
                    counter = contact.queue.counter
                    counter.begin()
                    counter.end(Outcome.OVERFLOWED, 0.0, contact.queue.config.service_level_s)
                    reason = MoveReason.NO_AGENTS if nobody else MoveReason.REFUSED
                    self._let_in(contact, target[1], reason, now)
                    return True
        return False

    def escape(self, contact: Contact, now: float) -> bool:
        """Move a waiting call when nobody who could serve it is there."""
        queue = contact.queue
        if not self.flees(queue) or queue.present(self._lines.tally(contact.demand)):
            return False
        for way in queue.config.overflow:
            target = self._shortest(contact, way, now) if way.when_nobody else None
            if target is not None and target[0] < inf:
                self._move(contact, target[1], MoveReason.NO_AGENTS, now)
                return True
        return False

    def due(self, now: float) -> None:
        """Move those who waited long enough."""
        while (slot := self.deadlines.pop(now)) >= 0:
            contact = self._lines.by_slot(slot)
            if contact.state is not _WAITING:
                # Somebody may answer, but nobody else joins in; ``go_on`` comes back to it.
                self._lines.stop_joining(contact)
                continue
            if contact.preferring is not None:
                self.deadlines.set(slot, now + RECHECK_S)
            else:
                self._try(contact, now)

    def go_on(self, contact: Contact, now: float) -> None:
        """No station rings for a caller any more."""
        self.begin(contact, now)

    def _try(self, contact: Contact, now: float) -> None:
        following = now + RECHECK_S
        for way in contact.queue.config.overflow:
            if way.after_s is None:
                continue
            if contact.entered + way.after_s > now:
                following = min(following, contact.entered + way.after_s)
                continue
            target = self._shortest(contact, way, now)
            if target is not None and self._gains(contact, way, target[0]):
                self._move(contact, target[1], MoveReason.WAITED, now)
                return
        if len(contact.visited) < contact.queue.config.max_overflows:
            self.deadlines.set(contact.slot, following)

    def _gains(self, contact: Contact, way: Overflow, there_s: float) -> bool:
        if there_s == inf:
            return False
        return self._expected(contact) - there_s >= way.improve_s

    def _shortest(
        self, contact: Contact, way: Overflow, now: float
    ) -> tuple[float, Contact] | None:
        """The queue with the shortest estimated wait, with the call as it would be there."""
        if len(contact.visited) >= contact.queue.config.max_overflows:
            return None
        seen = (*contact.visited, contact.queue.config.queue)
        best: tuple[float, Contact] | None = None
        for key in sorted(way.to):
            queue = self._lines.queues.get(key)
            if queue is None or key in seen or queue.config.medium is not contact.medium:
                continue
            there = self._lines.draft(contact.event, queue, now, began=contact.began)
            if self._lines.refused(there, now, awaited=False) is not None:
                continue
            there.preference_over = contact.preference_over
            there.visited = seen
            there.order = there.place()
            wait = self._expected(there)
            if best is None or wait < best[0]:
                best = (wait, there)
        return best

    def _expected(self, contact: Contact) -> float:
        """What a call in a line, or one that would be, has yet to wait."""
        pool = pool_of(self._lines.tally(contact.demand), self._lines.ahead(contact))
        return contact.queue.estimates.expected_at(pool)

    def _move(self, contact: Contact, there: Contact, reason: MoveReason, now: float) -> None:
        last = self._lines.life.announcer.last(contact)
        self._lines.leave(contact, ContactStep.LEAVE, Outcome.OVERFLOWED, now)
        self._let_in(contact, there, reason, now)
        if there.state is _WAITING:
            self._lines.life.announcer.remember(there, last, now)

    def _let_in(self, contact: Contact, there: Contact, reason: MoveReason, now: float) -> None:
        key = there.queue.config.queue
        there.event = msgspec.structs.replace(
            contact.event, queue=key, waited_s=max(now - contact.began, 0.0)
        )
        self._lines.admit(there, now)
        self._out.append(
            CallMoved(
                call=contact.event.call,
                origin=contact.queue.config.queue,
                queue=key,
                position=self._lines.position(there),
                reason=reason,
            )
        )
        if there.queue.lively:
            self.escape(there, now)
