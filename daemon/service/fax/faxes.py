"""Faxes as people see them, and what they may ask of them."""

from enum import StrEnum
from typing import Protocol

import msgspec

from daemon.service.messages import Actor


class FaxState(StrEnum):
    """How far a fax is."""

    PREPARING = "preparing"
    """Its file is being made a fax."""
    WAITING = "waiting"
    """For its turn, or for the next attempt."""
    CALLING = "calling"
    SENDING = "sending"
    SENT = "sent"
    RECEIVING = "receiving"
    RECEIVED = "received"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Fax(msgspec.Struct, frozen=True, kw_only=True):
    """One fax, in or out."""

    fax: str
    """Its number; of received ones that of the recording."""
    direction: str
    """in or out."""
    state: FaxState
    number: str
    """Whom it goes to, or who called."""
    name: str = ""
    """The file's name as it was given, or the mailbox that it came to."""
    by: str = ""
    """Login of who sends it."""
    created: float
    """Seconds since the epoch."""
    ended: float | None = None
    pages: int = 0
    """Pages over so far."""
    of: int = 0
    """Pages that it has; 0 where that is not known."""
    attempts: int = 0
    next_try: float | None = None
    call: str = ""
    """The call of the last attempt."""
    station: str = ""
    """The other machine's identification, as it says."""
    rate: int = 0
    """Bits per second."""
    ecm: bool = False
    """With error correction (ECM)."""
    t38: bool = False
    slips: int = 0
    """Times that the audio went on sooner or later than it was sent."""
    gaps: int = 0
    """Packets of audio that were not there in time."""
    code: int = 0
    why_en: str = ""
    why_zh: str = ""
    """Why it failed, or its last attempt did; empty while there is nothing to say."""
    readable: bool = False
    """Whether there are pages to be read."""


class FaxPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the faxes that the actor may see, newest first."""

    faxes: tuple[Fax, ...]
    total: int
    """How many there are."""
    offset: int = 0
    """How many newer ones were left out."""


class FaxService(Protocol):
    """For agents, supervisors and administrators: sending faxes, and seeing how they go."""

    async def send_fax(self, actor: Actor, incoming: str, name: str, to: str) -> Fax:
        """Send a PDF or TIFF file of ``incoming/`` to a number; its state is told by the list.

        Invalid for a number that cannot be dialled, conflict where the site does not allow it,
        rate-limited when as many wait as may.
        """

    async def list_faxes(self, actor: Actor, limit: int, offset: int = 0) -> FaxPage:
        """Newest first: all for supervisors and administrators, else those that one sent."""

    async def fax(self, actor: Actor, fax: str) -> Fax:
        """One fax that was, or is to be, sent; not-found for others than the actor may see."""

    async def fax_read(self, actor: Actor, fax: str) -> str:
        """Somebody reads a fax that was sent: where its PDF is below the site. Audited."""

    async def cancel_fax(self, actor: Actor, fax: str) -> Fax:
        """Give a fax up, also while it is sent; wrong-state when it is over."""
