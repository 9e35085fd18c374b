"""Callers who hung up and are called when their turn comes, at the place that was theirs.

A kept place has the order of the call that took it, so it stands where that call stood. The
caller is dialled when those before him are expected to be served within the time that reaching
him takes, or when somebody free could serve him at once. The call that reaches him, or that he
makes himself, takes the place with its whole age.
"""

from bisect import bisect_left, insort
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from acd_core.call_queue import NoAgents
from acd_core.commands import (
    AcdCommand,
    CallbackEnd,
    CallbackKept,
    CallbackOver,
    CallRefused,
    DialCallback,
    RefuseReason,
)
from acd_core.errors import AcdError, DuplicateCall, UnknownCall
from acd_core.events import CallOffered
from acd_core.floor.contact import Contact, Order
from acd_core.floor.records import QueueRecord
from acd_core.ids import CallId, QueueId
from acd_core.queue_life.admission import pool_of
from acd_core.queue_life.kept_place import ATTEMPTS, Place, PlaceState, PlaceStep
from acd_core.queue_life.opening import Opening
from acd_core.queue_life.options import Closing
from acd_core.snapshot import KeptPlace
from cython_ext.acd import Deadlines

if TYPE_CHECKING:
    from acd_core.floor.lines import Lines

ROUND_S: Final = 1.0  # turns are predicted anew no more often than this


class Callbacks:
    """Keeps places, predicts turns, and says whom to call."""

    def __init__(self, lines: "Lines", opening: Opening, out: list[AcdCommand]) -> None:
        self.deadlines = Deadlines()
        """By the place's slot."""
        self.places: dict[CallId, Place] = {}
        """By the call that took it."""
        self._lines = lines
        self._opening = opening
        self._out = out
        self._kept: dict[QueueId, list[Order]] = {}
        """The places of each queue, first comes first."""
        self._slots: dict[int, Place] = {}
        self._free_slots: list[int] = []
        self._looked = -inf
        """When turns were predicted."""
        self._look_at: float | None = None
        """When they are predicted again, if something happened meanwhile."""

    def find(self, call: CallId) -> Place:
        """Return a kept place; raise UnknownCall."""
        place = self.places.get(call)
        if place is None:
            raise UnknownCall(f"no place is kept for call {call}")
        return place

    def ahead(self, queue: QueueRecord, order: Order) -> int:
        """Count the places before this order whose turn comes in any case."""
        kept = self._kept.get(queue.config.queue)
        if not kept:
            return 0
        return sum(self.places[o[2]].in_line for o in kept[: bisect_left(kept, order)])

    def check(self, contact: Contact, number: str) -> None:
        """Raise AcdError when a call cannot take a call-back."""
        queue = contact.queue.config
        if queue.callback is None:
            raise AcdError(f"queue {queue.queue} takes no call-backs")
        if not number or len(number) > 64 or not number.isprintable():
            raise AcdError(f"call {contact.event.call}: {number!r} is no number to call")
        if len(self._kept.get(queue.queue, ())) >= queue.callback.most_waiting:
            raise AcdError(f"queue {queue.queue} keeps as many places as it may")

    def keep(self, contact: Contact, number: str, now: float) -> None:
        """Keep the place of a call that just left its queue."""
        rules = contact.queue.config.callback
        assert rules is not None  # checked before the call left
        key, call = contact.queue.config.queue, contact.event.call
        place = Place(contact, number, rules, now)
        place.slot = self._free_slots.pop() if self._free_slots else len(self._slots)
        self._slots[place.slot] = place
        self.places[call] = place
        insort(self._kept.setdefault(key, []), contact.order)
        contact.queue.kept += 1
        self._wait(place, now)
        position = self._position(place)
        self._out.append(CallbackKept(call=call, queue=key, number=number, position=position))

    def failed(self, place: Place, now: float) -> None:
        """He was not reached."""
        last = place.attempts >= ATTEMPTS
        place.follow(PlaceStep.FAIL_LAST if last else PlaceStep.FAIL, now)
        if now >= place.expires:
            self.end(place, CallbackEnd.EXPIRED)
        elif last and place.until <= now:
            self.end(place, CallbackEnd.UNREACHED)
        else:
            self._wait(place, now)

    def end(self, place: Place, why: CallbackEnd) -> None:
        """Keep a place no more, and say so."""
        contact = place.contact
        key, call = contact.queue.config.queue, contact.event.call
        del self.places[call]
        self.deadlines.cancel(place.slot)
        del self._slots[place.slot]
        self._free_slots.append(place.slot)
        kept = self._kept[key]
        del kept[bisect_left(kept, contact.order)]
        if not kept:
            del self._kept[key]
        contact.queue.kept -= 1
        if not self.places:
            self._look_at = None
        self._out.append(CallbackOver(call=call, queue=key, why=why))

    def come_back(self, event: CallOffered, now: float) -> None:
        """A call takes a kept place: with its age, and all that the first call needed."""
        assert event.callback is not None  # only such calls come here
        place = self.find(event.callback)
        queue = place.contact.queue
        if event.queue != queue.config.queue:
            raise AcdError(f"call {event.callback} has its place in queue {queue.config.queue}")
        if event.call in self._lines.calls or event.call in self.places:
            raise DuplicateCall(f"call {event.call} is already in a queue or with an agent")
        contact = self._returning(place, event, now)
        refused = self._refused(place, contact, now)
        if refused is not None:
            queue.counter.refuse()
            self._out.append(CallRefused(call=event.call, queue=event.queue, reason=refused))
            if place.state is PlaceState.DIALLED:
                self.failed(place, now)
            return
        self.end(place, CallbackEnd.SERVED)
        self._lines.admit(contact, now)
        self._lines.tell(contact)

    def configure(self, queue: QueueRecord, now: float) -> None:
        """The rules are other ones; without any, places that are kept are still served."""
        for place in self._of(queue):
            place.rules = queue.config.callback or place.rules
            self._wait(place, now)
        self._sort(queue)

    def remove(self, queue: QueueRecord) -> None:
        """A queue is gone."""
        for place in self._of(queue):
            self.end(place, CallbackEnd.QUEUE_REMOVED)

    def next_deadline(self) -> float | None:
        """When something is due."""
        first = self.deadlines.first()
        if first is None or self._look_at is None:
            return first if self._look_at is None else self._look_at
        return min(first, self._look_at)

    def due(self, now: float) -> None:
        """Do what is due."""
        if self._look_at is not None and self._look_at <= now:
            self._look_at = None  # turns are predicted when all else is settled
        while (slot := self.deadlines.pop(now)) >= 0:
            place = self._slots[slot]
            if place.state is PlaceState.DIALLED:
                self.failed(place, now)
            elif now >= place.expires:
                self.end(place, CallbackEnd.EXPIRED)
            elif place.state is PlaceState.GRACE:
                self.end(place, CallbackEnd.UNREACHED)
            else:
                place.follow(PlaceStep.WAKE, now)
                self._wait(place, now)

    def settle(self, now: float) -> None:
        """Call those whose turn is near, unless turns were predicted just now."""
        if not self.places:
            return
        if now >= self._looked + ROUND_S:
            self._looked, self._look_at = now, None
            for key in sorted(self._kept):
                self._look(self._lines.queues[key], now)
        else:
            self._look_at = self._looked + ROUND_S

    def view(self, queue: QueueRecord) -> tuple[KeptPlace, ...]:
        """The kept places of a queue as values, first comes first."""
        return tuple(
            KeptPlace(
                call=place.contact.event.call,
                position=self._position(place),
                number=place.number,
                since=place.contact.began,
                attempts=place.attempts,
                due=place.until if place.state is PlaceState.RESTING else None,
            )
            for place in self._of(queue)
        )

    def _look(self, queue: QueueRecord, now: float) -> None:
        if self._opening.shut(queue, now) is not None:
            return
        # Priorities of callers may have changed since.
        self._sort(queue)
        handling, before = queue.estimates.handling_s, 0
        places = self._of(queue)
        dialled = sum(place.state is PlaceState.DIALLED for place in places)
        tallies: dict[int, tuple[int, ...]] = {}
        for place in places:
            if not place.in_line:
                continue
            contact = place.contact
            ahead = bisect_left(queue.line, contact.order) + before
            before += 1
            if place.state is not PlaceState.KEPT:
                continue
            demand = self._lines.demand_now(contact, now)
            if demand not in tallies:
                tallies[demand] = self._lines.tally(demand)
            pool = pool_of(tallies[demand], ahead)
            turn = ahead * handling / pool.active if pool.active else inf
            if turn <= place.rules.dial_ahead_s or pool.idle > dialled:
                self._dial(place, now)
                dialled += 1

    def _dial(self, place: Place, now: float) -> None:
        place.follow(PlaceStep.DIAL, now)
        place.attempts += 1
        place.deadline = now + place.rules.ring_s
        self._wait(place, now)
        contact = place.contact
        self._out.append(
            DialCallback(
                call=contact.event.call,
                queue=contact.queue.config.queue,
                number=place.number,
                attempt=place.attempts,
                deadline=place.deadline,
            )
        )

    def _returning(self, place: Place, event: CallOffered, now: float) -> Contact:
        first = place.contact.event
        prefers = event if event.preferred is not None else first
        returning = msgspec.structs.replace(
            event,
            ani=event.ani or first.ani,
            priority=first.priority,
            requirements=first.requirements,
            tier=first.tier,
            waited_s=max(now - place.contact.began, 0.0),
            preferred=prefers.preferred,
            preference=prefers.preference,
            preferred_limit_s=prefers.preferred_limit_s,
        )
        kept = place.contact
        contact = self._lines.draft(returning, kept.queue, now, began=kept.began, step=kept.step)
        contact.visited = kept.visited
        contact.preference_over = kept.preference_over and event.preferred is None
        return contact

    def _refused(self, place: Place, contact: Contact, now: float) -> RefuseReason | None:
        """Limits do not count for who waited already; a queue that serves nobody does."""
        queue = contact.queue
        shut = self._opening.shut(queue, now)
        dialled = place.state is PlaceState.DIALLED
        if shut is RefuseReason.CLOSED and dialled and queue.config.closing is Closing.SERVE:
            shut = None  # it closed while he was called: he is one of those who wait
        if shut is not None:
            return shut
        if queue.config.no_agents is not NoAgents.WAIT and not queue.present(
            self._lines.tally(contact.demand)
        ):
            return RefuseReason.NO_AGENTS
        return None

    def _wait(self, place: Place, now: float) -> None:
        self.deadlines.set(place.slot, max(place.due, now))

    def _position(self, place: Place) -> int:
        queue, order = place.contact.queue, place.contact.order
        kept = self._kept[queue.config.queue]
        return bisect_left(queue.line, order) + bisect_left(kept, order) + 1

    def _of(self, queue: QueueRecord) -> list[Place]:
        kept = self._kept.get(queue.config.queue, ())
        return [self.places[order[2]] for order in kept]

    def _sort(self, queue: QueueRecord) -> None:
        """Bring the places of a queue into the order that its rules want now."""
        kept = []
        for place in self._of(queue):
            place.contact.order = place.contact.place()
            kept.append(place.contact.order)
        if kept:
            self._kept[queue.config.queue] = sorted(kept)
