"""What happens at night: a new day begins, and the journal anew when nobody calls.

A quiet floor is written as ordinary records (``quiet.py``), which any version reads. Files of the
journal before it may go; a rolling checkpoint alone does not allow that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from acd_core.agent import AgentConfig
from acd_core.call_queue import CallerTier, QueueConfig
from daemon.config import Config
from daemon.control.checkpoint.quiet import at_a_quiet_moment, is_quiet, make_checkpoint
from daemon.control.controller import Controller
from daemon.control.journal import Journal
from daemon.control.journaled.files import SNAPSHOT
from daemon.errors import JournalError

log = structlog.get_logger()

Configured = tuple[Sequence[QueueConfig], Sequence[AgentConfig], Sequence[CallerTier]]
DriverRecords = Mapping[str, Sequence[tuple[str, bytes]]]


class Nights:
    """Waits for local midnight, again and again."""

    def __init__(
        self,
        controller: Controller,
        journal: Journal,
        config: Config,
        clock: Callable[[], float],
        *,
        stored: Callable[[], Awaitable[None]],
        applied: Callable[[], int],
        configured: Callable[[], Configured],
        drivers: Callable[[], DriverRecords],
    ) -> None:
        """``stored`` waits until rows are in the database, ``applied`` is the last one there."""
        self._controller = controller
        self._journal = journal
        self._config = config
        self._clock = clock
        self._stored = stored
        self._applied = applied
        self._configured = configured
        self._drivers = drivers

    async def run(self) -> None:
        """Begin each new day, until cancelled."""
        zone = ZoneInfo(self._config.site.timezone)
        while True:
            local = datetime.fromtimestamp(self._clock(), zone)
            midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), zone)
            await asyncio.sleep(max(midnight.timestamp() - self._clock(), 0.0) + 0.05)
            self._controller.begin_day()
            await self._stored()
            await at_a_quiet_moment(self._begin_anew, self._clock)
            try:
                await asyncio.to_thread(
                    self._journal.prune,
                    stored=self._applied(),
                    keep_s=self._config.journal.days * 86400.0,
                    now=self._clock(),
                )
            except (JournalError, OSError) as error:
                log.warning("older files of the journal stay", why=str(error))

    def _begin_anew(self) -> bool:
        """Let the journal begin anew; False while calls stand, whose state it holds."""
        if self._controller.calls:
            return False
        snapshot = self._controller.acd.engine.snapshot(self._clock())
        if not is_quiet(snapshot):
            return False
        queues, agents, tiers = self._configured()
        payload = make_checkpoint(
            snapshot,
            queues=queues,
            agents=agents,
            tiers=tiers,
            version=self._controller.directory.version,
            rows=self._controller.records.open_rows(),
            drivers=self._drivers(),
        )
        self._journal.append(SNAPSHOT, payload, self._clock())
        return True
