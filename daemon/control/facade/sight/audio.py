"""The audio of one conversation for an analyser outside, from the engine's taps.

The engine writes into rings in shared memory and waits for nobody: who reads late finds that
the oldest samples are gone, and how many.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable
from typing import Final, Protocol

import structlog

from daemon.control.calls.life import CallLife
from daemon.control.controller import Controller
from daemon.control.facade.supervision import call_id
from daemon.control.flows.hooks import TapFds
from daemon.link.errors import LinkError
from daemon.service.errors import ServiceError
from daemon.service.messages import AudioPiece
from drivers.api import PortId
from speech.link.tap import Tap, TapError

log = structlog.get_logger()

ROUND_S: Final = 0.1
RATES: Final = (8000, 16_000)  # samples a second
MOST_PIECE: Final = 16_000  # octets; a second, or half of one
CALLER: Final = "caller"
AGENT: Final = "agent"


class TappedMedia(Protocol):
    """The part of the link to media that opens taps."""

    def tap(self, port: PortId, *, rate: int = 8000) -> Awaitable[TapFds]: ...
    def untap(self, port: PortId, *, rate: int = 8000) -> Awaitable[None]: ...


class _Side:
    """One party's tap; it is another one when the call goes on at another port."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.port: PortId | None = None
        self.tap: Tap | None = None
        self.told = 0
        """Lost samples that the reader knows of."""


class CallAudio:
    """Conversations that are tapped, each by any number of readers."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._readers: Counter[tuple[PortId, int]] = Counter()
        """By port and rate."""

    def find(self, call: str) -> CallLife:
        """A conversation of a caller and an agent; not-found when it is none."""
        life = self._controller.calls.get(call_id(call))
        if life is None or not life.call.connected:
            en, zh = "Nobody talks with this caller now.", "现在没有人与此来电者通话。"
            raise ServiceError("not-found", en, zh)
        return life

    async def pieces(
        self, life: CallLife, media: TappedMedia, rate: int
    ) -> AsyncGenerator[AudioPiece, None]:
        """What both say, until the conversation is over."""
        sides = {CALLER: _Side(rate), AGENT: _Side(rate)}
        try:
            while life.call.connected and self._controller.calls.get(life.call.id) is life:
                leg = life.call.agent_leg
                ports = {CALLER: life.call.caller.port, AGENT: leg.port if leg else None}
                for name, side in sides.items():
                    await self._follow(side, ports[name], media)
                    for piece in _read(name, side):
                        yield piece
                await asyncio.sleep(ROUND_S)
        finally:
            for side in sides.values():
                await self._leave(side, media, over=not life.call.connected)

    async def _follow(self, side: _Side, port: PortId | None, media: TappedMedia) -> None:
        """Read at the port where the party is now; a ring that was closed is opened again."""
        if side.tap is not None and (port != side.port or side.tap.closed):
            await self._leave(side, media, over=True)
        if side.tap is not None or port is None:
            return
        try:
            fds = await media.tap(port, rate=side.rate)
            side.tap = Tap(fds.memfd, fds.eventfd, lookback=0, rate=side.rate)
        except (LinkError, TapError) as error:
            log.warning("conversation cannot be tapped", port=port, why=str(error))
            return
        side.port = port
        self._readers[port, side.rate] += 1

    async def _leave(self, side: _Side, media: TappedMedia, *, over: bool) -> None:
        """Let a ring go; it ends with its last reader, unless the flow may listen to it now."""
        tap, port, side.tap, side.port = side.tap, side.port, None, None
        if tap is None or port is None:
            return
        tap.close()
        side.told = 0
        ring = port, side.rate
        self._readers[ring] -= 1
        if self._readers[ring] > 0:
            return
        del self._readers[ring]
        if over:
            return
        try:
            await media.untap(port, rate=side.rate)
        except LinkError as error:
            log.info("tap is gone already", port=port, why=str(error))


def _read(name: str, side: _Side) -> list[AudioPiece]:
    """What is new, in pieces of at most a second; the first tells what was lost before it."""
    if side.tap is None:
        return []
    data = side.tap.read()
    lost, side.told = side.tap.lost - side.told, side.tap.lost
    parts = [data[at : at + MOST_PIECE] for at in range(0, len(data), MOST_PIECE)]
    return [
        AudioPiece(side=name, pcm=part, lost=0 if at else lost) for at, part in enumerate(parts)
    ]
