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
        self._at_home = LoginLimiter()
        """Attempts at the mailboxes' own telephones: a stranger must not use them up."""
        self._keeper: PasswordKeeper | None = None
        self._turn = asyncio.Lock()

    async def refusal(self, mailbox: str, pin: str, caller: str, *, at_home: bool = False) -> str:
        """Empty when the PIN opens the mailbox, else ``wrong`` or ``limited``.

        A mailbox that does not exist, or has no PIN, takes as long as any other. ``caller`` is
        who tries: five failures of a mailbox, or twenty of a caller, within five minutes close it;
        those from elsewhere do not close it ``at_home``, at its own telephone.
        """
        limiter = self._at_home if at_home else self._limiter
        # One after the other: who calls on many lines at once has no more attempts, and the
        # memory that a check takes is taken once.
        async with self._turn:
            now = self._clock()
            if limiter.retry_s(mailbox, caller, now) > 0:
                return LIMITED
            try:
                station = await _station(mailbox)
            except BaseORMException as error:
                # Nobody has guessed, so nobody is counted.
                log.error("PIN cannot be checked: database away", why=str(error))
                return LIMITED
            stored = station.pin_hash or None if station is not None else None
            if not await asyncio.to_thread(self._fits, stored, pin):
                limiter.failed(mailbox, caller, now)
                return WRONG
            limiter.succeeded(mailbox)
            return OPEN

    async def is_known(self, mailbox: str) -> bool:
        """Whether there is such a mailbox; False as well without the database."""
        try:
            return await _station(mailbox) is not None
        except BaseORMException:
            return False

    def _fits(self, stored: str | None, pin: str) -> bool:
        if self._keeper is None:
            self._keeper = PasswordKeeper()
        return self._keeper.check(stored, pin)


async def _station(mailbox: str) -> Station | None:
    return await Station.get_or_none(name=mailbox, enabled=True)
