"""What waiting callers are told and when: their place, never a worse one, and how long yet.

A caller is told first after a while, then from time to time, and, where the queue wants it,
whenever his place became better; between any two there is silence. While an agent's station
rings for him he is told nothing. A wait is told as a range in whole minutes, and only while
the estimator that speaks for the queue is right often enough (section 3 of the metrics sheet).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from math import ceil, inf
from typing import TYPE_CHECKING, Final

from acd_core.commands import AcdCommand, AnnounceToCaller
from acd_core.floor.contact import Contact, ContactState, Order
from acd_core.floor.records import QueueRecord
from acd_core.ids import QueueId
from acd_core.queue_life.admission import pool_of
from acd_core.queue_life.options import Announcements
from acd_core.snapshot import WaitEstimate
from cython_ext.acd import Deadlines

if TYPE_CHECKING:
    from acd_core.floor.lines import Lines

MINUTE_S: Final = 60.0
LONG_S: Final = 600.0  # longer waits are told in steps of five minutes
LONG_STEP_S: Final = 300.0
SOON_S: Final = 10.0  # who is answered within this is left alone
LEAST_PAUSE_S: Final = 1.0  # before the same caller is looked at again
_WAITING: Final = ContactState.WAITING


class Told:
    """What one waiting caller was told."""

    __slots__ = ("contact", "due", "here", "high_s", "last", "low_s", "place", "ripe", "ripens")

    def __init__(self, contact: Contact) -> None:
        self.contact = contact
        self.last = -inf
        """When he was told something, in whichever queue."""
        self.here = False
        """His first turn in this queue is over."""
        self.place: float = inf
        """The best place he was told."""
        self.low_s: float | None = None
        self.high_s: float | None = None
        self.due = inf
        """When he is told again, whatever happens."""
        self.ripens = inf
        """When he may hear of a better place."""
        self.ripe = False
        """He may now."""


class Announcer:
    """Decides when which caller is told what."""

    def __init__(self, lines: "Lines", out: list[AcdCommand]) -> None:
        self.deadlines = Deadlines()
        """By the contact's slot."""
        self._lines = lines
        self._out = out
        self._told: dict[int, Told] = {}
        self._ripe: dict[QueueId, list[Order]] = {}
        """Who may hear of a better place at once, in the order of their line."""
        self.gone: dict[QueueId, Order] = {}
        """The first place in each line that became free during the present event."""

    def begin(self, contact: Contact, now: float) -> None:
        """A caller waits."""
        told = self._told[contact.slot] = Told(contact)
        self._plan(told, now)

    def remember(self, contact: Contact, last: float, now: float) -> None:
        """Another queue, in which a caller waited before, told him something last then."""
        told = self._told.get(contact.slot)
        if told is not None and told.contact is contact:
            told.last = last
            self._plan(told, now)

    def last(self, contact: Contact) -> float:
        """When a caller was told something; minus infinity for never."""
        told = self._told.get(contact.slot)
        return told.last if told is not None else -inf

    def end(self, contact: Contact) -> None:
        """A caller waits no more; those behind him became better."""
        told = self._told.pop(contact.slot, None)
        if told is not None:
            self.deadlines.cancel(contact.slot)
            self._unripe(told)
        queue = contact.queue.config.queue
        if queue in self._ripe:
            self.gone[queue] = min(self.gone.get(queue, contact.order), contact.order)

    def go_on(self, contact: Contact, now: float) -> None:
        """No station rings for a caller any more: what was kept from him follows."""
        told = self._told.get(contact.slot)
        if told is not None:
            self._wake(told, now)

    def configure(self, queue: QueueRecord, contacts: Iterable[Contact], now: float) -> None:
        """The rules of a queue are other ones, for those who wait as well."""
        self._ripe.pop(queue.config.queue, None)
        for contact in contacts:
            told = self._told.get(contact.slot)
            if queue.config.announcements is None:
                self._told.pop(contact.slot, None)
                self.deadlines.cancel(contact.slot)
            elif told is None:
                self.begin(contact, now)
            else:
                self._plan(told, now)

    def forget(self, queue: QueueRecord) -> None:
        """A queue is gone, and nobody is in it."""
        self._ripe.pop(queue.config.queue, None)

    def due(self, now: float) -> None:
        """Tell everybody whose time has come."""
        while (slot := self.deadlines.pop(now)) >= 0:
            told = self._told[slot]
            if told.contact.state is not _WAITING:
                continue  # he hears nothing while a station rings; ``go_on`` comes back to it
            if told.due <= now:
                self._tell(told, now)
            else:
                self._ripen(told, now)

    def settle(self, now: float) -> None:
        """Tell those who became better during the present event."""
        for queue, gone in self.gone.items():
            ripe = self._ripe.get(queue)
            if ripe and queue in self._lines.queues:
                self._advance(self._lines.queues[queue], ripe, gone, now)
        self.gone.clear()

    def _advance(self, queue: QueueRecord, ripe: list[Order], gone: Order, now: float) -> None:
        """Everybody looked at here is left alone for a while after it."""
        rules = queue.config.announcements
        most = rules.most_position if rules is not None else 0
        begin = end = bisect_left(ripe, gone)
        looked: list[Told] = []
        while end < len(ripe):
            order = ripe[end]
            contact = queue.calls.get(order[2])
            told = self._told.get(contact.slot) if contact is not None else None
            if contact is not None and told is not None and told.ripe:
                if most and contact.order == order and self._lines.position(contact) > most:
                    break  # all behind him are too far back as well
                told.ripe = False
                looked.append(told)
            end += 1
        del ripe[begin:end]
        for told in looked:
            if told.contact.state is _WAITING:
                self._hear(told, now)

    def _ripen(self, told: Told, now: float) -> None:
        """From now on a better place may be told; it may be one already."""
        told.ripens = inf
        told.ripe = True
        if not self._better(told):
            queue = told.contact.queue.config.queue
            insort(self._ripe.setdefault(queue, []), told.contact.order)
            self._wake(told, now)
            return
        self._hear(told, now)

    def _unripe(self, told: Told) -> None:
        """Take a caller off the list of those who may hear of a better place at once."""
        if not told.ripe:
            return
        told.ripe = False
        contact = told.contact
        ripe = self._ripe.get(contact.queue.config.queue, [])
        place = bisect_left(ripe, contact.order)
        if place < len(ripe) and ripe[place] == contact.order:
            del ripe[place]

    def _hear(self, told: Told, now: float) -> None:
        if self._better(told):
            self._tell(told, now)
        else:
            # Others came in before him; look again after a while.
            self._ripens(told, now)
            self._wake(told, now)

    def _better(self, told: Told) -> bool:
        contact = told.contact
        rules = contact.queue.config.announcements
        place = self._lines.position(contact)
        within = rules is None or not rules.most_position or place <= rules.most_position
        return within and place < told.place

    def _plan(self, told: Told, now: float) -> None:
        """Set the next times from what the rules say now."""
        rules = told.contact.queue.config.announcements
        assert rules is not None  # only called for queues that have them
        told.ripe, told.ripens = False, inf
        if not told.here:
            first = told.contact.entered + rules.first_s
            told.due = max(first, told.last + rules.min_gap_s)
        else:
            told.due = told.last + rules.every_s if rules.every_s else inf
            if rules.on_progress and rules.position:
                told.ripens = told.last + max(rules.min_gap_s, LEAST_PAUSE_S)
        self._wake(told, now)

    def _ripens(self, told: Told, now: float) -> None:
        rules = told.contact.queue.config.announcements
        if rules is not None and rules.on_progress and rules.position:
            told.ripens = now + max(rules.min_gap_s, LEAST_PAUSE_S)

    def _wake(self, told: Told, now: float) -> None:
        when = min(told.due, told.ripens)
        if when < inf:
            self.deadlines.set(told.contact.slot, max(when, now))
        else:
            self.deadlines.cancel(told.contact.slot)

    def _tell(self, told: Told, now: float) -> None:
        contact = told.contact
        queue, rules = contact.queue, contact.queue.config.announcements
        assert rules is not None  # only called for queues that have them
        self._unripe(told)
        place = self._lines.position(contact)
        estimate = self._estimate(contact)
        if estimate is not None and estimate.seconds < SOON_S:
            told.due = now + max(rules.min_gap_s, LEAST_PAUSE_S)
            self._ripens(told, now)
            self._wake(told, now)
            return
        told.here = True
        position = self._position(told, rules, place)
        low: float | None = None
        high: float | None = None
        if rules.estimate and estimate is not None:
            low, high = self._range(told, estimate)
        told.due = now + rules.every_s if rules.every_s else inf
        if position is not None or low is not None or rules.prompt:
            told.last = now
            self._out.append(
                AnnounceToCaller(
                    call=contact.event.call,
                    queue=queue.config.queue,
                    position=position,
                    low_s=low,
                    high_s=high,
                    prompt=rules.prompt,
                )
            )
        self._ripens(told, now)
        self._wake(told, now)

    @staticmethod
    def _position(told: Told, rules: Announcements, place: int) -> int | None:
        """The place to tell; None for one that is worse than what he heard before."""
        if not rules.position or (rules.most_position and place > rules.most_position):
            return None
        if place > told.place:
            return None
        told.place = float(place)
        return place

    def _estimate(self, contact: Contact) -> WaitEstimate | None:
        queue = contact.queue
        if contact.preferring is not None:
            return None  # one agent alone decides, and no estimator knows him
        pool = pool_of(self._lines.tally(contact.demand), self._lines.ahead(contact))
        return queue.estimates.announce_at(pool, queue.config.estimate_error_limit)

    @staticmethod
    def _range(told: Told, estimate: WaitEstimate) -> tuple[float, float]:
        """Whole minutes; longer than told before only if by more than a step."""
        low = _told_wait(estimate.low_s, told.low_s)
        high = max(_told_wait(estimate.high_s, told.high_s), low)
        told.low_s, told.high_s = low, high
        return low, high


def _told_wait(seconds: float, before: float | None) -> float:
    rounded = rounded_up(seconds)
    step = MINUTE_S if rounded <= LONG_S else LONG_STEP_S
    if before is not None and before < rounded <= before + step:
        return before
    return rounded


def rounded_up(seconds: float) -> float:
    """A wait as it is told: whole minutes, at least one, and above ten in steps of five."""
    step = MINUTE_S if seconds <= LONG_S else LONG_STEP_S
    return max(ceil(seconds / step) * step, MINUTE_S)
