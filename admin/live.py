"""The live picture in the console: one subscription to control, any number of browsers.

There is one only while somebody looks: control makes the picture for those who read it. The
mirror keeps control's numbers. A browser's socket gets rendered parts of the page with those
numbers, several changes in one message, and a beat every two seconds that says whether the
picture is fresh.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

import structlog

from daemon.service.api import Service
from daemon.service.errors import ServiceError
from daemon.service.live import LiveAlarm, LiveState, LiveUpdate, Reset
from daemon.service.live_feed import LiveFeed

FIRST_RETRY_S: Final = 0.3
LAST_RETRY_S: Final = 3.0
PING_S: Final = 2.0
LINGER_S: Final = 60.0  # a page that was asked for is often followed by the next one
PATIENCE_S: Final = 2.0  # a page waits no longer for the picture; it says that it is not fresh
GATHER_S: Final = 0.15  # changes within it travel to a browser together
MOST_IN_BATCH: Final = 500  # keeps one message below a few hundred kilobytes

log = structlog.get_logger(__name__)


class LiveHub:
    """Mirrors control's live feed and tells whether it is fresh."""

    def __init__(
        self, service: Service, clock: Callable[[], float], *, linger_s: float = LINGER_S
    ) -> None:
        self._service = service
        self._clock = clock
        self._linger_s = linger_s
        self._feed = LiveFeed(0.0)
        self._task: asyncio.Task[None] | None = None
        self._readers = 0
        self._wanted_until = 0.0
        """On the loop's clock, when nobody reads."""
        self._wanted = asyncio.Event()
        self._mirrors = asyncio.Event()
        self.fresh = False
        self.last_heard = 0.0
        self.clock_offset_s = 0.0
        """Control's clock minus ours; both are shown as one."""

    def start(self) -> None:
        """Begin to mirror."""
        self._task = asyncio.create_task(self._run(), name="live mirror")

    async def stop(self) -> None:
        """End the subscription."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def state(self) -> LiveState:
        """The picture as last heard."""
        return self._feed.state()

    @property
    def alarms(self) -> tuple[LiveAlarm, ...]:
        """What is wrong with the hotline now."""
        return self._feed.alarms

    def now(self) -> float:
        """The moment on control's clock."""
        return self._clock() + self.clock_offset_s

    async def wanted(self) -> None:
        """Return when the picture is the present one; at once while control is away."""
        self._want()
        if not self.fresh:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._mirrors.wait()
        except TimeoutError:
            log.info("live picture does not come")

    async def subscribe(self, after_seq: int) -> AsyncGenerator[LiveUpdate, None]:
        """Changes after a number, from the mirror."""
        self._readers += 1
        try:
            self._want()
            async with aclosing(self._feed.subscribe(after_seq)) as updates:
                async for update in updates:
                    yield update
        finally:
            self._readers -= 1
            self._want()

    def _want(self) -> None:
        self._wanted_until = asyncio.get_running_loop().time() + self._linger_s
        self._wanted.set()

    async def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            try:
                await self._ping()
                retry_s = FIRST_RETRY_S
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._mirror())
                    tasks.create_task(self._keep_pinging())
            except* ServiceError as lost:
                if self.fresh:
                    log.warning("live picture lost", reason=str(lost.exceptions[0]))
            self.fresh = False
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, LAST_RETRY_S)

    async def _mirror(self) -> None:
        """Mirror while somebody looks, and a little longer."""
        while True:
            await self._wanted.wait()
            following = asyncio.create_task(self._follow(), name="live picture")
            try:
                while self._looked_at() and not following.done():
                    await asyncio.wait({following}, timeout=min(self._linger_s, PING_S))
                if following.done():
                    await following  # why it ended
                self._wanted.clear()
            finally:
                self._mirrors.clear()
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    def _looked_at(self) -> bool:
        return self._readers > 0 or asyncio.get_running_loop().time() < self._wanted_until

    async def _follow(self) -> None:
        state = await self._service.live()
        self._feed.take(LiveUpdate(state.seq, state.at, Reset(state)))
        self._mirrors.set()
        async for update in self._service.subscribe(state.seq):
            self._feed.take(update)
            self.last_heard = self._clock()

    async def _keep_pinging(self) -> None:
        while True:
            await asyncio.sleep(PING_S)
            await self._ping()

    async def _ping(self) -> None:
        self.clock_offset_s = await self._service.ping() - self._clock()
        self.last_heard = self._clock()
        self.fresh = True


async def gathered(
    updates: AsyncIterator[LiveUpdate], *, beat_s: float
) -> AsyncIterator[list[LiveUpdate]]:
    """Updates in batches; an empty batch after ``beat_s`` seconds without any."""
    loop = asyncio.get_running_loop()
    pending = asyncio.ensure_future(anext(updates))
    try:
        while True:
            batch: list[LiveUpdate] = []
            await asyncio.wait({pending}, timeout=beat_s)
            until = loop.time() + GATHER_S
            while pending.done() and len(batch) < MOST_IN_BATCH:
                batch.append(pending.result())
                pending = asyncio.ensure_future(anext(updates))
                await asyncio.wait({pending}, timeout=max(until - loop.time(), 0.0))
            yield batch
    finally:
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
        if isinstance(updates, AsyncGenerator):
            await updates.aclose()  # nobody looks any more, and is not waited for
