"""What becomes of calls while control is away: who is claimed, until when, what they hear.

No I/O and no clock: times are arguments in seconds. Ports of an earlier control process
are kept until the grace time is over; the present one keeps those that it names.
"""

from collections.abc import Iterable
from typing import Final

from drivers.api import PortId

HOLD_TONE_AFTER: Final = 3.0  # s; a quick restart is not heard at all
HOLD_TONE: Final = (425.0, 0.0)  # Hz
HOLD_CADENCE: Final = ((120, 9880),)  # ms: a short beep says that the line is alive
HOLD_LEVEL: Final = -24.0  # dBm0
HOLD_PLAYER: Final = 1 << 63  # added to a port's id; control's ids have 63 bits


class Holding:
    """Claims of ports and the two deadlines of an absence."""

    def __init__(self, grace_s: float) -> None:
        self._grace = grace_s
        self._unclaimed: set[PortId] = set()
        self._away_since: float | None = None
        self._close_at: float | None = None

    @property
    def away(self) -> bool:
        """Whether no control process is there."""
        return self._away_since is not None

    @property
    def waits_for_claims(self) -> bool:
        """Whether there are ports that control has not named yet."""
        return bool(self._unclaimed)

    def closed(self, port: PortId) -> None:
        """A port was closed."""
        self._unclaimed.discard(port)

    def claim(self, port: PortId) -> None:
        """Control named a port: it is known and wanted."""
        self._unclaimed.discard(port)

    def is_claimed(self, port: PortId) -> bool:
        """Whether a port is known to the present control process."""
        return port not in self._unclaimed

    def control_went(self, now: float, ports: Iterable[PortId]) -> None:
        """Control's connection is gone; these ports are its own."""
        self._away_since = now
        self._close_at = now + self._grace
        self._unclaimed.update(ports)

    def control_came(self, now: float, *, same: bool) -> None:
        """Control is there; the same process knows its ports, another must claim them."""
        self._away_since = None
        if same:
            self._unclaimed.clear()
        self._close_at = now + self._grace if self._unclaimed else None

    def tone_due(self, now: float) -> bool:
        """Whether callers who hear nothing should hear that the line is alive."""
        return self._away_since is not None and now >= self._away_since + HOLD_TONE_AFTER

    def due_for_closing(self, now: float) -> list[PortId] | None:
        """Ports that nobody claimed in time, once; None before."""
        if self._close_at is None or now < self._close_at:
            return None
        self._close_at = None
        lost, self._unclaimed = sorted(self._unclaimed), set()
        return lost
