"""Sets message lamps one after the other, so that the last wish is the one that stays."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from drivers.api import MessageLamps
from drivers.errors import DriverError

log = structlog.get_logger()


class LampDrivers(Protocol):
    """The lines of the site, as far as they have lamps."""

    @property
    def lamps(self) -> Sequence[MessageLamps]: ...


class LampSwitch:
    """Takes wishes at any time, also before it runs."""

    def __init__(self, drivers: LampDrivers) -> None:
        self._drivers = drivers
        self._wishes: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

    def set(self, mailbox: str, *, on: bool) -> None:
        """Light or darken a station's message lamp; a mailbox that is no number has none."""
        if mailbox.isdecimal():
            self._wishes.put_nowait((mailbox, on))

    async def run(self) -> None:
        """Set lamps until cancelled."""
        while True:
            mailbox, on = await self._wishes.get()
            for lamps in self._drivers.lamps:
                try:
                    await lamps.set_lamp(mailbox, on=on)
                except DriverError as error:
                    log.warning("lamp cannot be set", mailbox=mailbox, on=on, why=str(error))
