"""Fax by T.38 on a line: what both sides say of it, and what a line that can do it offers."""

from typing import Protocol, runtime_checkable

import msgspec

from drivers.api import RtpAddress
from drivers.events import LineEvent


class T38Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a side's description says of its T.38 (ITU-T T.38, annex D)."""

    remote: RtpAddress
    """Where datagrams (UDPTL) are sent."""
    version: int = 0
    bit_rate: int = 14_400
    """Bits per second at most."""
    most: int = 400
    """Octets of a datagram at most."""
    redundancy: bool = True
    """Packets of before are to come along in each datagram."""


class T38Asked(LineEvent, frozen=True, kw_only=True):
    """The far end wants T.38 in place of audio; it waits for accept_t38 or refuse_t38."""

    terms: T38Terms


class T38Left(LineEvent, frozen=True, kw_only=True):
    """The far end went back from T.38 to audio, which flows again."""


@runtime_checkable
class T38Line(Protocol):
    """A line whose calls can change to T.38."""

    async def offer_t38(self, local: RtpAddress) -> T38Terms | None:
        """Ask the far end to change to T.38; None when it does not, then audio stands."""

    async def accept_t38(self, local: RtpAddress) -> bool:
        """Do what the far end asked for; False when it asks no longer."""

    async def refuse_t38(self) -> None:
        """Stay with audio."""

    async def leave_t38(self) -> None:
        """Change back to audio; nothing happens where audio stands."""
