"""Reserve agents: when a queue is open to skills that agents only lend.

It opens when the rolling service level falls below the queue's limit or the estimated wait
rises above it, and closes when both are back, the service level by ``GUARD`` and the wait by
``RELIEF`` of the limit. The wait is that with the queue's own agents: what reserves take over
does not close the queue to them.
"""

from math import inf
from typing import Final

from acd_core.eligibility.demands import Demands
from acd_core.floor.records import QueueRecord
from acd_core.ids import QueueId
from acd_core.queue_life.admission import pool_of

GUARD: Final = 0.03  # of service level, as for the order across queues
RELIEF: Final = 0.2  # of the limit of the estimated wait
ENOUGH_VISITS: Final = 10  # before a service level means anything
UNKNOWN: Final = -1


class Reserves:
    """Knows which queues are open to reserve agents."""

    def __init__(self, demands: Demands) -> None:
        self.touched: dict[QueueId, QueueRecord] = {}
        """Queues to look at when the present event is settled, in the order they came."""
        self._demands = demands
        self._queues: dict[QueueId, QueueRecord] = {}
        self.open: dict[QueueId, QueueRecord] = {}
        """Queues that reserves help now."""

    def configure(self, queue: QueueRecord) -> None:
        """Take in a new or changed queue."""
        config = queue.config
        queue.lends = config.reserve_below > 0 or config.reserve_over_s is not None
        if queue.lends:
            self._queues[config.queue] = queue
            self.touch(queue)
        else:
            self.forget(queue)

    def forget(self, queue: QueueRecord) -> None:
        """Leave a queue out that is gone, or has no limits any more."""
        self._queues.pop(queue.config.queue, None)
        self.open.pop(queue.config.queue, None)
        self.touched.pop(queue.config.queue, None)
        queue.lends, queue.lent = False, None

    def touch(self, queue: QueueRecord) -> None:
        """Somebody came, was served or left: a limit may be crossed."""
        self.touched[queue.config.queue] = queue

    def touch_all(self) -> None:
        """Agents came or went: any limit may be crossed."""
        self.touched.update(self._queues)

    def touch_open(self) -> None:
        """Agents are free: queues may need no reserves any more."""
        self.touched.update(self.open)

    def refresh(self) -> list[QueueRecord]:
        """Return the queues that opened or closed."""
        moved = []
        for queue in self.touched.values():
            lent = self._lent(queue)
            if (lent is None) is not (queue.lent is None):
                queue.lent = lent
                if lent is None:
                    del self.open[queue.config.queue]
                else:
                    self.open[queue.config.queue] = queue
                moved.append(queue)
        self.touched.clear()
        return moved

    def _lent(self, queue: QueueRecord) -> tuple[int, int] | None:
        """Service level in thousandths and wait in ms for which a queue is open; or None."""
        config, level = queue.config, queue.level
        below, over = config.reserve_below, config.reserve_over_s
        if queue.lent is not None:
            below = min(below + GUARD, 1.0) if below else 0.0
            over = over * (1 - RELIEF) if over is not None else None
        known = below > 0 and level.count >= ENOUGH_VISITS
        wait = self._wait(queue) if over is not None else 0.0
        if not (known and level.mean < below) and not (over is not None and wait > over):
            return None
        return (
            round(level.mean * 1000) if known else UNKNOWN,
            round(wait * 1000) if over is not None and wait < inf else UNKNOWN,
        )

    def _wait(self, queue: QueueRecord) -> float:
        own = self._demands.number(queue.config, 0, medium=queue.config.medium)
        pool = pool_of(self._demands.tally(own), len(queue.line))
        # Whoever is idle when all is settled has nobody to serve.
        return 0.0 if pool.idle else queue.estimates.expected_at(pool)
