"""Whether somebody may hear a mailbox: PINs as argon2, attempts counted, nobody told more."""

import asyncio
from collections import deque
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
FAILURES_A_DAY: Final = 20
"""Of one mailbox from elsewhere: half of all four-digit PINs take eight months so."""
DAY_S: Final = 86_400.0
MOST_NAMES: Final = 10_000


class Pins:
    """PINs of mailboxes, which are those of stations."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._limiter = LoginLimiter()
        self._days: dict[str, deque[float]] = {}
        """When attempts from elsewhere failed, by mailbox, the last ``FAILURES_A_DAY``."""
        self._at_home = LoginLimiter()
        """Attempts at the mailboxes' own telephones: a stranger must not use them up."""
        self._keeper: PasswordKeeper | None = None
        self._turn = asyncio.Lock()

    async def refusal(self, mailbox: str, pin: str, caller: str, *, at_home: bool = False) -> str:
        """Empty when the PIN opens the mailbox, else ``wrong`` or ``limited``.

        A mailbox that does not exist, or has no PIN, takes as long as any other. ``caller`` is
        who tries: five failures of a mailbox, or twenty of a caller, within five minutes close it,
        and so do twenty of a mailbox within a day. Those from elsewhere do not close it
        ``at_home``, at its own telephone.
        """
        limiter = self._at_home if at_home else self._limiter
        # One after the other: who calls on many lines at once has no more attempts, and the
        # memory that a check takes is taken once.
        async with self._turn:
            now = self._clock()
            if limiter.retry_s(mailbox, caller, now) > 0:
                return LIMITED
            if not at_home and self._is_closed_today(mailbox, now):
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
                if not at_home:
                    self._count(mailbox, now)
                return WRONG
            limiter.succeeded(mailbox)
            return OPEN

    def _is_closed_today(self, mailbox: str, now: float) -> bool:
        failed = self._days.get(mailbox)
        return failed is not None and len(failed) == FAILURES_A_DAY and now - failed[0] < DAY_S

    def _count(self, mailbox: str, now: float) -> None:
        if len(self._days) >= MOST_NAMES and mailbox not in self._days:
            self._days = {name: at for name, at in self._days.items() if now - at[-1] < DAY_S}
            if len(self._days) >= MOST_NAMES:
                # Who tries many names once each does not make us forget one that he tries often.
                del self._days[min(self._days, key=lambda name: len(self._days[name]))]
        self._days.setdefault(mailbox, deque(maxlen=FAILURES_A_DAY)).append(now)

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
