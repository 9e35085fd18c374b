"""Looking into the running hotline; nothing here changes a call."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import structlog

from daemon.control.controller import Controller
from daemon.control.facade.sight.bans import bans, release_ban
from daemon.control.facade.sight.ladders import ladder
from daemon.service.figures import Figures
from daemon.service.messages import BanRow, LadderRow
from drivers.errors import DriverError

log = structlog.get_logger()

MEDIA_S: Final = 1.0  # s to wait for media's figures; a monitor rather gets none


class CountingMedia(Protocol):
    """Media, as far as it is looked at."""

    async def counters(self) -> dict[str, float]:
        """Counts and load of the engine."""


class SightFacade:
    """What technicians and monitors ask."""

    def __init__(
        self,
        controller: Controller,
        media: CountingMedia | None,
        records: Callable[[], Mapping[str, int]],
        clock: Callable[[], float],
    ) -> None:
        self._controller = controller
        self._media = media
        self._records = records
        self._clock = clock

    async def ladder(self, call: str) -> Sequence[LadderRow]:
        """The messages of one call."""
        return await ladder(self._controller, call)

    def bans(self) -> Sequence[BanRow]:
        """Whom drivers do not listen to."""
        return bans(self._controller)

    def release_ban(self, name: str) -> None:
        """Listen to somebody again."""
        release_ban(self._controller, name)

    async def figures(self) -> Figures:
        """Counts since start; those of media are left out while it is away."""
        controller = self._controller
        return Figures(
            at=self._clock(),
            media=await self._of_media(),
            streams=dict(controller.streams),
            records=dict(self._records()),
            stations=sum(controller.lines.reachable(name) for name in controller.stations),
            places=len(controller.places.kept),
        )

    async def _of_media(self) -> dict[str, float]:
        if self._media is None:
            return {}
        try:
            async with asyncio.timeout(MEDIA_S):
                return await self._media.counters()
        except (DriverError, TimeoutError) as error:
            log.warning("no figures of media", why=str(error) or "no answer")
            return {}
