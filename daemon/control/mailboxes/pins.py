"""Whether somebody may hear a mailbox: PINs as argon2, attempts counted, nobody told more."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from tortoise.exceptions import BaseORMException

from daemon.service.credentials import LoginLimiter, PasswordKeeper
from daemon.store.people import Station

log = structlog.get_logger()

OPEN: Final = ""
WRONG: Final = "wrong"
LIMITED: Final = "limited"


class Pins:
    """PINs of mailboxes, which are those of stations."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._limiter = LoginLimiter()
        self._keeper: PasswordKeeper | None = None
        self._turn = asyncio.Lock()

    async def refusal(self, mailbox: str, pin: str, caller: str) -> str:
        """Empty when the PIN opens the mailbox, else ``wrong`` or ``limited``.

        A mailbox that does not exist, or has no PIN, takes as long as any other. ``caller`` is
        who tries: five failures of a mailbox, or twenty of a caller, within five minutes close it.
        """
        # One after the other: who calls on many lines at once has no more attempts, and the
        # memory that a check takes is taken once.
        async with self._turn:
            now = self._clock()
            if self._limiter.retry_s(mailbox, caller, now) > 0:
                return LIMITED
            if not await asyncio.to_thread(self._fits, await _stored(mailbox), pin):
                self._limiter.failed(mailbox, caller, now)
                return WRONG
            self._limiter.succeeded(mailbox)
            return OPEN

    def _fits(self, stored: str | None, pin: str) -> bool:
        if self._keeper is None:
            self._keeper = PasswordKeeper()
        return self._keeper.check(stored, pin)


async def _stored(mailbox: str) -> str | None:
    try:
        station = await Station.get_or_none(name=mailbox, enabled=True)
    except BaseORMException as error:
        log.error("PIN cannot be checked: database away", why=str(error))
        return None
    return station.pin_hash or None if station is not None else None
