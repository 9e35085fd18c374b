"""Fax by T.38 on a line: what both sides say of it, and what a line that can do it offers."""

from typing import Literal, Protocol, runtime_checkable

import msgspec

from drivers.api import RtpAddress
from drivers.events import LineEvent

Correction = Literal["none", "redundancy", "parity"]
"""What makes up for lost datagrams: nothing, packets of before, or their parity (FEC)."""


class T38Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a side's description says of its T.38 (ITU-T T.38, annex D)."""

    remote: RtpAddress
    """Where datagrams (UDPTL) are sent."""
    version: int = 0
    bit_rate: int = 14_400
    """Bits per second at most."""
    most: int = 400
    """Octets of a datagram at most."""
    correction: Correction = "redundancy"
    """What each datagram is to carry beside its own packet."""


class T38Event(LineEvent, frozen=True, kw_only=True):
    """Something about T.38 has happened on a line."""


class T38Asked(T38Event, frozen=True, kw_only=True):
    """The far end wants T.38 in place of audio; it waits for accept_t38 or refuse_t38."""

    terms: T38Terms


class T38Withdrawn(T38Event, frozen=True, kw_only=True):
    """The far end asks no longer: audio stands, and nothing waits for us."""


class T38Told(T38Event, frozen=True, kw_only=True):
    """The far end answers what propose_t38 asked."""

    terms: T38Terms | None
    """None: audio stands."""
    over: bool = False
    """It will not answer any more: its call has ended."""


class T38Left(T38Event, frozen=True, kw_only=True):
    """The far end went back from T.38 to audio, which flows again."""


@runtime_checkable
class T38Line(Protocol):
    """A line whose calls can change to T.38."""

    async def offer_t38(self, local: RtpAddress) -> T38Terms | None:
        """Ask the far end to change to T.38; None when it does not, then audio stands."""

    async def propose_t38(self, local: RtpAddress, *, like: T38Terms) -> bool:
        """Ask as offer_t38 does, in the terms of who asks us; ``T38Told`` follows.

        False when the far end cannot be asked now: nothing follows.
        """

    async def accept_t38(self, local: RtpAddress, *, like: T38Terms | None = None) -> bool:
        """Do what the far end asked for; False when it asks no longer.

        ``like`` are the terms of whom its datagrams are passed on to, without them ours.
        """

    async def refuse_t38(self, *, later: bool = False) -> None:
        """Stay with audio; the far end may ask again in a moment if it is possible ``later``."""

    async def retell_t38(self, *, like: T38Terms) -> None:
        """Tell a far end that stands on T.38 others' terms; at the place that it knows.

        T.38 goes on when it refuses, and as it was while another exchange is open.
        """

    async def leave_t38(self) -> None:
        """Change back to audio; nothing happens where audio stands."""
