"""Looking into the running hotline; nothing here changes a call."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from importlib import metadata
from typing import Final, Protocol

import structlog

from daemon.control.captures.capture import Capture, CopyingMedia, Wish
from daemon.control.controller import Controller
from daemon.control.facade.sight.audio import RATES, CallAudio, TappedMedia
from daemon.control.facade.sight.bans import bans, release_ban
from daemon.control.facade.sight.ladders import ladder
from daemon.control.facade.supervision import call_id
from daemon.service.errors import ServiceError
from daemon.service.figures import Figures
from daemon.service.messages import AudioPiece, BanRow, CaptureWish, LadderRow
from drivers.errors import DriverError

log = structlog.get_logger()

MOST_CAPTURE_S: Final = 3600
MEDIA_S: Final = 1.0  # s to wait for media's figures; a monitor rather gets none


class SeenMedia(CopyingMedia, TappedMedia, Protocol):
    """Media, as far as it is looked at."""

    async def counters(self) -> dict[str, float]:
        """Counts and load of the engine."""


class Running:
    """A capture and who makes it; its reader says when it is over."""

    def __init__(self, login: str, capture: Capture) -> None:
        self.login = login
        self.is_over = False
        self.blocks = self._blocks(capture)

    async def _blocks(self, capture: Capture) -> AsyncGenerator[bytes, None]:
        name = f"Hookflash {metadata.version('hookflash')}"
        try:
            async with contextlib.aclosing(capture.blocks(name)) as blocks:
                async for data in blocks:
                    yield data
        finally:
            log.info("capture ended", login=self.login, octets=capture.size)


class SightFacade:
    """What technicians and monitors ask."""

    def __init__(
        self,
        controller: Controller,
        media: SeenMedia | None,
        records: Callable[[], Mapping[str, int]],
        clock: Callable[[], float],
    ) -> None:
        self._controller = controller
        self._media = media
        self._records = records
        self._clock = clock
        self._running: Running | None = None
        self._audio = CallAudio(controller)

    async def ladder(self, call: str) -> Sequence[LadderRow]:
        """The messages of one call."""
        return await ladder(self._controller, call)

    def capture(self, login: str, wish: CaptureWish) -> "Running":
        """Begin to capture; one at a time, so that nobody listens unnoticed."""
        if self._running is not None and not self._running.is_over:
            who = self._running.login
            en = f"{who} captures at present; try again when that capture is over."
            zh = f"{who} 正在抓包，请待其结束后再试。"
            raise ServiceError("conflict", en, zh)
        if self._media is None:
            raise ServiceError("unavailable", "Media is not there.", "媒体进程不可用。")
        capture = Capture(self._controller, self._media, self._wish(wish), self._clock)
        self._running = Running(login, capture)
        return self._running

    def _wish(self, wish: CaptureWish) -> Wish:
        fields = {}
        if not 1 <= wish.seconds <= MOST_CAPTURE_S:
            fields["seconds"] = "out-of-range"
        if bool(wish.call) == bool(wish.peer):
            fields["call"] = "required"
        if wish.peer:
            try:
                ipaddress.ip_address(wish.peer)
            except ValueError:
                fields["peer"] = "malformed"
        if fields:
            en = f"Name a running call or an IP address, and 1 to {MOST_CAPTURE_S} seconds."
            zh = f"请给出正在进行的通话或 IP 地址，以及 1 到 {MOST_CAPTURE_S} 秒。"
            raise ServiceError("invalid", en, zh, fields=fields)
        call = call_id(wish.call) if wish.call else 0
        if call and call not in self._controller.calls:
            raise ServiceError("not-found", "This call has already ended.", "该通话已结束。")
        return Wish(call=call, peer=wish.peer, seconds=wish.seconds, media=wish.media)

    def listen(self, call: str, rate: int = RATES[0]) -> AsyncGenerator[AudioPiece, None]:
        """What caller and agent say."""
        if rate not in RATES:
            raise ServiceError(
                "invalid",
                "The rate is 8000 or 16000.",
                "采样率为 8000 或 16000。",
                fields={"rate": "malformed"},
            )
        life = self._audio.find(call)
        if self._media is None:
            raise ServiceError("unavailable", "Media is not there.", "媒体进程不可用。")
        return self._audio.pieces(life, self._media, rate)

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
