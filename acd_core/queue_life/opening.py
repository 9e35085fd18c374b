"""When queues are open: opening hours by the clock, and queues that are unattended."""

from math import inf
from typing import TYPE_CHECKING, Final

from acd_core.commands import LeaveReason, RefuseReason
from acd_core.floor.contact import ContactState
from acd_core.floor.records import QueueRecord
from acd_core.ids import QueueId
from acd_core.queue_life.options import Closing
from cython_ext.acd import Deadlines

if TYPE_CHECKING:
    from acd_core.floor.lines import Lines

_WAITING: Final = ContactState.WAITING


class Opening:
    """Knows which queues are open, and sends callers away from those that are not."""

    def __init__(self, lines: "Lines") -> None:
        self.deadlines = Deadlines()
        """By the queue's slot."""
        self._lines = lines
        self._slots: dict[QueueId, int] = {}
        self._queues: list[QueueRecord] = []
        self._open: dict[QueueId, tuple[bool, float]] = {}
        """Of queues with hours: whether they are open, and until when that stays."""

    def configure(self, queue: QueueRecord, now: float) -> None:
        """A queue is new or changed."""
        key = queue.config.queue
        if key not in self._slots:
            self._slots[key] = len(self._queues)
            self._queues.append(queue)
        self._queues[self._slots[key]] = queue
        self._follow(queue, now)
        self._send_away(queue, now)

    def remove(self, queue: QueueRecord) -> None:
        """A queue is gone; its slot stays for one of the same number."""
        self.deadlines.cancel(self._slots[queue.config.queue])
        self._open.pop(queue.config.queue, None)

    def shut(self, queue: QueueRecord, now: float) -> RefuseReason | None:
        """Why nobody is let in now; None while it is open."""
        if queue.config.unattended:
            return RefuseReason.UNATTENDED
        return None if self.within_hours(queue, now) else RefuseReason.CLOSED

    def must_leave(self, queue: QueueRecord, now: float) -> LeaveReason | None:
        """Why those who wait have to go; None while they may stay."""
        if queue.config.unattended:
            return LeaveReason.UNATTENDED
        if queue.config.closing is Closing.SERVE or self.within_hours(queue, now):
            return None
        return LeaveReason.CLOSED

    def within_hours(self, queue: QueueRecord, now: float) -> bool:
        """Whether a queue is open by its hours."""
        hours = queue.config.hours
        if hours is None:
            return True
        is_open, until = self._open[queue.config.queue]
        # Somebody may come in between a change and its deadline being noticed.
        return is_open if now < until else hours.open_at(now)

    def due(self, now: float) -> list[QueueRecord]:
        """Open and close what is due, and return which queues these are."""
        changed = []
        while (slot := self.deadlines.pop(now)) >= 0:
            queue = self._queues[slot]
            self._follow(queue, now)
            self._send_away(queue, now)
            changed.append(queue)
        return changed

    def _follow(self, queue: QueueRecord, now: float) -> None:
        key, hours = queue.config.queue, queue.config.hours
        if hours is None:
            self._open.pop(key, None)
            self.deadlines.cancel(self._slots[key])
            return
        change = hours.next_change(now)
        self._open[key] = (hours.open_at(now), inf if change is None else change)
        if change is None:
            self.deadlines.cancel(self._slots[key])
        else:
            self.deadlines.set(self._slots[key], change)

    def _send_away(self, queue: QueueRecord, now: float) -> None:
        """Who hears a station ring may still be answered; else he leaves on return."""
        reason = self.must_leave(queue, now)
        if reason is None:
            return
        for contact in list(self._lines.waiting(queue)):
            if contact.state is _WAITING:
                self._lines.time_out(contact, reason, now)
            else:
                self._lines.stop_joining(contact)
