"""Runs the distribution engine: journals each event, hands out commands, owns the timer."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from acd_core.commands import AcdCommand
from acd_core.decisions import digest
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.events import AcdEvent, DeadlineReached, encode
from acd_core.ids import AgentId
from acd_core.snapshot import Snapshot
from daemon.control.journal import Journal
from daemon.control.journaled.kinds import ACD_KIND

log = structlog.get_logger()

JOURNAL_KIND: Final = ACD_KIND
DECIDED_KIND: Final = "acd-decided"
"""Digest of what came of the event before, by which a replay proves itself."""
BEGAN_KIND: Final = "acd-began"
"""A process goes on with an engine rebuilt from the newest checkpoint."""


class AcdRunner:
    """The engine with its clock; control's only way to it."""

    def __init__(
        self,
        engine: AcdEngine,
        journal: Journal,
        clock: Callable[[], float],
        perform: Callable[[AcdCommand, float], None],
    ) -> None:
        self.engine = engine
        self.refused: Counter[str] = Counter()
        self.touched: set[AgentId] = set()
        """Agents whom something happened to since they were shown last."""
        self._journal = journal
        self._clock = clock
        self._perform = perform
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        """What the timer waits for; the deadline may be later by now."""
        self._began = False

    def submit(self, event: AcdEvent) -> bool:
        """Journal and handle one event; False when the engine refuses it.

        A refusal is a race between what people do and what they knew (a caller hangs up
        while the agent answers) or a fault of ours: counted and logged, never raised.
        """
        now = self._clock()
        if not self._began:
            self._began = True
            self._journal.append(BEGAN_KIND, b"", now)
        self._journal.append(JOURNAL_KIND, encode(event), now)
        try:
            commands = self.engine.handle(event, now)
        except AcdError as error:
            self.refused[type(error).__name__] += 1
            log.info("distribution refuses event", refused=type(event).__name__, why=str(error))
            return False
        agent = getattr(event, "agent", None)
        if agent is not None:
            self.touched.add(agent)
        if commands:
            self._journal.append(DECIDED_KIND, digest(commands), now)
        for command in commands:
            agent = getattr(command, "agent", None)
            if agent is not None:
                self.touched.add(agent)
            self._perform(command, now)
        self._schedule()
        return True

    def floor(self) -> Snapshot:
        """Queues and agents as the engine sees them now."""
        return self.engine.snapshot(self._clock())

    def start(self) -> None:
        """Begin to wake the engine at its deadlines."""
        self._schedule()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        deadline = self.engine.next_deadline()
        if self._timer is not None:
            if deadline is None or deadline >= self._timer_at:
                return  # it wakes us too early, and is set again then: cheaper than each time now
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer_at = deadline
            delay = max(deadline - self._clock(), 0.0)
            self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        deadline = self.engine.next_deadline()
        if deadline is None or deadline > self._clock():
            # call_later may fire a little early by our slewed clock.
            self._schedule()
            return
        self.submit(DeadlineReached())
