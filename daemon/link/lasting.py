"""A link to media that outlives media: another process is told what the one before held.

While it is told, all other commands wait, so that nobody takes the UDP port of a caller or
asks for something of a port that is not back yet.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Final, Self

import msgspec

from daemon.link import messages as told
from daemon.link.channel import Channel
from daemon.link.client import PATIENCE, MediaLink
from daemon.link.errors import LinkError, MediaRefused
from daemon.link.messages import (
    Command,
    EventsLost,
    MediaEvent,
    MediaRestarted,
    Reply,
    Snapshot,
)
from daemon.link.packets import nothing
from daemon.link.scene import Scene
from daemon.logs import get_logger
from drivers.api import PortId

AT_ONCE: Final = 200  # commands under way; a socket's buffer holds some hundred

log = get_logger(__name__)


class LastingMediaLink(MediaLink):
    """A ``MediaLink`` whose ``MediaRestarted`` comes when everything is back that can be."""

    def __init__(self, channel: Channel, ids: Callable[[], int]) -> None:
        super().__init__(channel, ids)
        self._scene = Scene()
        self._returning: deque[asyncio.Task[tuple[PortId, ...]]] = deque()
        """What becomes of each restart that the reader has not come to."""
        channel.note = self._scene.note
        channel.hear = self._heard

    @classmethod
    async def connect(
        cls,
        path: Path | str,
        ids: Callable[[], int],
        *,
        patience_s: float = PATIENCE,
        last_seen: tuple[int, int] = (0, 0),
        settle: Callable[[], None] = nothing,
    ) -> Self:
        """Connect to media's socket.

        ``settle`` is called before anything is asked of media.
        """
        channel = Channel(
            Path(path),
            patience_s=patience_s,
            last_seen=last_seen,
            waits_for_release=True,
            settle=settle,
        )
        await channel.open()
        return cls(channel, ids)

    def _heard(self, event: MediaEvent) -> MediaEvent | None:
        """An event has come; perhaps nobody reads it yet, but the scene changes at once."""
        match event:
            case MediaRestarted():
                # Whoever reads may wait for a command that is held back until all is back.
                self._returning.append(asyncio.create_task(self._bring_back(), name="bring back"))
            case EventsLost():
                pass
            case told.PlayFinished(port=port, reason="closed") if self._scene.holds(port):
                return None  # media ends in order; what it played begins anew in the next one
            case told.RecordFinished(port=port, reason="closed") if self._scene.holds(port):
                return msgspec.structs.replace(event, reason=told.CUT_OFF)
            case _:
                self._scene.happened(event)
        return event

    async def events(self) -> AsyncIterator[MediaEvent]:
        """Yield every event once and in order, until the link is closed; for one reader."""
        async for event in self._channel.events():
            match event:
                case MediaRestarted():
                    yield msgspec.structs.replace(event, lost=await self._returning.popleft())
                case EventsLost():
                    for ended in await self._missing():
                        self._scene.happened(ended)
                        yield ended
                    yield event
                case _:
                    yield event

    async def snapshot(self) -> Snapshot:
        """Tell what media holds now."""
        found = await super().snapshot()
        self._scene.recall(found)
        return found

    async def _missing(self) -> list[MediaEvent]:
        """What has ended meanwhile, by a snapshot; nothing when media is not there to ask.

        Another process, which waits to be told what there was, has nothing that could end.
        """
        if self._channel.holds_back:
            return []
        ports, players = self._scene.rtp_ports, self._scene.players()
        try:
            found = await super().snapshot()
        except LinkError as error:
            log.warning("not known what ended while events were lost", why=str(error))
            return []
        return list(self._scene.missing(ports, players, found))

    async def _bring_back(self) -> tuple[PortId, ...]:
        """Tell a new media process what the old one held; the ports that it cannot open."""
        scene = self._scene
        lost = {
            port
            for port, fault in await self._tell(scene.openings())
            # It is there already when media ended once more while it was told.
            if not (isinstance(fault, MediaRefused) and fault.code == "port-exists")
        }
        for port in lost:
            scene.happened(told.PortClosed(port=port, reason="lost"))
        faults = await self._tell(scene.settings())
        self._channel.release()
        log.info(
            "media holds again what it held",
            ports=len(scene.rtp_ports),
            lost=len(lost),
            faults=len(faults),
        )
        return tuple(sorted(lost))

    async def _tell(self, commands: Iterable[Command]) -> list[tuple[PortId, LinkError]]:
        """Tell in order, many at once; what was not carried out, by its port."""
        faults = []
        every = list(commands)
        for first in range(0, len(every), AT_ONCE):
            some = every[first : first + AT_ONCE]
            asked = [self._channel.ask(command, _nothing, ahead=True) for command in some]
            for command, answer in zip(
                some, await asyncio.gather(*asked, return_exceptions=True), strict=True
            ):
                if isinstance(answer, LinkError):
                    port = getattr(command, "port", PortId(0))
                    kind = type(command).__name__
                    log.warning("not brought back", port=port, command=kind, why=str(answer))
                    faults.append((port, answer))
                elif isinstance(answer, BaseException):
                    raise answer
        return faults


def _nothing(_reply: Reply, _descriptors: list[int]) -> None:
    """What was there before needs no answer but that it is there again."""
