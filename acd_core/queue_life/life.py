"""What queues do for those who wait, besides finding an agent: one place that is told.

A queue that does none of it is not ``lively`` and costs nothing here.
"""

from typing import TYPE_CHECKING

from acd_core.commands import AcdCommand, LeaveReason, RefuseReason
from acd_core.floor.contact import Contact
from acd_core.floor.records import QueueRecord
from acd_core.ids import QueueId
from acd_core.queue_life.announcements import Announcer
from acd_core.queue_life.callbacks import Callbacks
from acd_core.queue_life.desertion import cares, empty_deserted, widen_deserted
from acd_core.queue_life.opening import Opening
from acd_core.queue_life.overflow import Overflows

if TYPE_CHECKING:
    from acd_core.floor.lines import Lines


class QueueLife:
    """Passes on what happens in lively queues, and collects when something is due."""

    def __init__(self, lines: "Lines", out: list[AcdCommand]) -> None:
        self._lines = lines
        self._caring: dict[QueueId, QueueRecord] = {}
        """Queues whose callers do not wait for agents who go, in the order of all queues."""
        self.announcer = Announcer(lines, out)
        self.opening = Opening(lines)
        self.overflows = Overflows(lines, out)
        self.callbacks = Callbacks(lines, self.opening, out)

    def configure(self, queue: QueueRecord, now: float) -> None:
        """A queue is new or changed; its calls stand in their new order."""
        config = queue.config
        queue.lively = (
            config.announcements is not None
            or config.hours is not None
            or config.unattended
            or bool(config.overflow)
        )
        self.announcer.configure(queue, queue.calls.values(), now)
        self._watch(queue)
        self.overflows.configure(queue.calls.values(), now)
        self.callbacks.configure(queue, now)
        self.opening.configure(queue, now)

    def remove(self, queue: QueueRecord) -> None:
        """A queue is gone, and nobody is in it."""
        self._caring.pop(queue.config.queue, None)
        self.announcer.forget(queue)
        self.opening.remove(queue)
        self.callbacks.remove(queue)

    def shut(self, queue: QueueRecord, now: float) -> RefuseReason | None:
        """Why a lively queue lets nobody in now, whatever its limits; None when it does."""
        return self.opening.shut(queue, now)

    def redirect(self, contact: Contact, refused: RefuseReason, now: float) -> bool:
        """Let a call that a lively queue refuses into another one; False when none takes it."""
        return self.overflows.redirect(contact, refused, now)

    def escape(self, contact: Contact, now: float) -> bool:
        """Move a call of a lively queue when nobody who could serve it is there."""
        return self.overflows.escape(contact, now)

    def enter(self, contact: Contact, now: float) -> None:
        """A call began to wait in a lively queue."""
        if contact.queue.config.announcements is not None:
            self.announcer.begin(contact, now)
        if contact.queue.config.overflow:
            self.overflows.begin(contact, now)

    def go_back(self, contact: Contact, now: float) -> LeaveReason | None:
        """A call of a lively queue waits again after an offer, unless it has to leave."""
        reason = self.opening.must_leave(contact.queue, now)
        if reason is None:
            self.announcer.go_on(contact, now)
            self.overflows.go_on(contact, now)
        return reason

    def leave(self, contact: Contact) -> None:
        """A call of a lively queue waits no more."""
        self.announcer.end(contact)
        self.overflows.end(contact)

    def deserted(self, now: float) -> None:
        """Agents went; their callers make do with others, move on or leave."""
        widen_deserted(self._lines, self._caring.values(), now)
        empty_deserted(self._lines, self._caring.values(), self.overflows, now)

    def next_deadline(self) -> float | None:
        """When something is due."""
        firsts = (
            self.announcer.deadlines.first(),
            self.opening.deadlines.first(),
            self.overflows.deadlines.first(),
            self.callbacks.next_deadline(),
        )
        return min((first for first in firsts if first is not None), default=None)

    def due(self, now: float) -> None:
        """Do what is due."""
        self.opening.due(now)
        self.overflows.due(now)
        self.callbacks.due(now)
        self.announcer.due(now)

    def settle(self, now: float) -> None:
        """Do what the present event leads to, after all offers are made."""
        self.announcer.settle(now)
        self.callbacks.settle(now)

    def _watch(self, queue: QueueRecord) -> None:
        """Keep those queues at hand, in the order of all, whose callers do not just wait."""
        key, queues = queue.config.queue, self._lines.queues
        if not cares(queue):
            self._caring.pop(key, None)
        elif key not in self._caring:
            self._caring[key] = queue
            if next(reversed(queues)) != key:
                self._caring = {k: q for k, q in queues.items() if k in self._caring}
