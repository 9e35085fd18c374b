"""What people usually do, measured on a recorded day."""

from math import inf
from statistics import median
from typing import Final

from acd_core.events import Outcome
from acd_core.ids import QueueId
from acd_core.simulation.stays import ACCEPTED, Stay

TYPICAL_RING_S: Final = 3.0  # until an agent answers, when the record holds no answer
TYPICAL_HANDLING_S: Final = 180.0  # likewise


class Habits:
    """What people usually do, measured on the recorded day."""

    def __init__(self, stays: list[Stay]) -> None:
        rings = [
            ring.accepted[0] - ring.begun[0]
            for stay in stays
            for ring in stay.rings
            if ring.accepted
        ]
        self.ring_s = median(rings) if rings else TYPICAL_RING_S
        joins = [
            stay.answered[0] - ring.accepted[0]
            for stay in stays
            for ring in stay.rings
            if ring.how == ACCEPTED and ring.accepted and stay.answered
        ]
        self.connect_s = median(joins) if joins else 0.0
        self._handling: dict[QueueId, list[float]] = {}
        self._next: dict[QueueId, int] = {}
        self._gave_up: dict[QueueId, int] = {}
        self._waited: dict[QueueId, float] = {}
        for stay in stays:
            queue = stay.offered.queue
            self._waited[queue] = self._waited.get(queue, 0.0) + stay.wait_s
            if stay.outcome is Outcome.ABANDONED:
                self._gave_up[queue] = self._gave_up.get(queue, 0) + 1
            if stay.ended is not None and stay.answered is not None:
                lasted = stay.ended[0] - stay.answered[0]
                self._handling.setdefault(queue, []).append(lasted)
        self._all = [lasted for queue in sorted(self._handling) for lasted in self._handling[queue]]

    def handling(self, queue: QueueId) -> float:
        """The queue's handling times in turn, or those of all queues."""
        known = self._handling.get(queue) or self._all or [TYPICAL_HANDLING_S]
        turn = self._next.get(queue, 0)
        self._next[queue] = turn + 1
        return known[turn % len(known)]

    def patience(self, queue: QueueId) -> float:
        """Mean patience: all waits over the number of those who gave up."""
        left = self._gave_up.get(queue, 0)
        return self._waited[queue] / left if left else inf
