"""Hears that a caller is a fax machine (CNG, ITU-T T.30) while a flow talks to it."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, Protocol

import structlog

from daemon.link.errors import LinkError
from daemon.link.messages import FaxTone
from drivers.api import PortId
from ivr.inputs import FaxHeard, FlowInput

CALLS: Final = "cng"
"""The tone of a machine that calls."""

log = structlog.get_logger()


class FaxMedia(Protocol):
    """The part of the link to media that this needs."""

    def watch_fax(self, port: PortId, *, on: bool) -> Awaitable[None]: ...


class FaxEar:
    """Listens on a caller's port, if the flow has a node for faxes."""

    __slots__ = ("_heard", "_media", "_port", "_tone", "_wanted")

    def __init__(self, port: PortId, media: FaxMedia, *, wanted: bool) -> None:
        self._port = port
        self._media = media
        self._wanted = wanted
        self._tone = False
        """Heard, and not taken."""
        self._heard: asyncio.Event | None = None
        """Set by the tone while somebody waits for an answer or for it."""

    async def open(self) -> None:
        """Listen from now on; the first tone is told once."""
        if self._wanted:
            try:
                await self._media.watch_fax(self._port, on=True)
            except LinkError as error:
                log.warning("caller is not watched for fax tones", why=str(error))

    def hears(self, happened: object) -> bool:
        """Whether this was the tone of a machine that sends to us."""
        found = self._wanted and isinstance(happened, FaxTone) and happened.tone == CALLS
        if found:
            self._tone = True
            if self._heard is not None:
                self._heard.set()
        return found

    def taken(self) -> bool:
        """Whether the tone was heard; from now on it was not."""
        heard, self._tone = self._tone, False
        return heard

    async def unless_heard(self, asked: Coroutine[Any, Any, FlowInput | None]) -> FlowInput | None:
        """What the caller answers, or that it is a fax machine, whichever comes first."""
        if not self._wanted:
            return await asked
        answering = asyncio.create_task(asked, name="answer of a caller")
        heard = self._heard = asyncio.Event()
        if self._tone:
            heard.set()
        hearing = asyncio.create_task(heard.wait(), name="fax tone")
        both = (answering, hearing)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                return await answering
            self._tone = False
            log.info("caller is a fax machine", port=self._port)
            return FaxHeard()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self._heard = None
