"""Guards against toll fraud: what a trunk's outgoing calls may cost at most."""

from collections import deque
from typing import Final

from drivers.errors import DriverError
from drivers.sip.trunks.plan import is_allowed

HOUR: Final = 3600.0  # s


class NotAllowed(DriverError):
    """A call that the trunk's limits forbid; the text says which one."""


class Guard:
    """Counts a trunk's outgoing calls, now and within the last hour."""

    def __init__(
        self, trunk: str, *, allowed: tuple[str, ...], at_once: int, per_hour: int
    ) -> None:
        self.trunk = trunk
        self.allowed = allowed
        self.at_once = at_once
        self.per_hour = per_hour
        self.open = 0
        self._begun: deque[float] = deque()

    def admit(self, number: str, now: float, *, emergency: bool) -> None:
        """Take a call to a number, or raise NotAllowed; an emergency is always taken."""
        begun = self._begun
        while begun and begun[0] <= now - HOUR:
            begun.popleft()
        if not emergency:
            if not is_allowed(self.allowed, number):
                raise NotAllowed(
                    f"{number} begins with none of the prefixes that trunk {self.trunk} allows"
                )
            if 0 < self.at_once <= self.open:
                raise NotAllowed(
                    f"trunk {self.trunk} carries {self.at_once} outgoing calls already"
                )
            if 0 < self.per_hour <= len(begun):
                raise NotAllowed(
                    f"trunk {self.trunk} has made {self.per_hour} calls within the last hour"
                )
        self.open += 1
        if self.per_hour:
            begun.append(now)

    def leave(self) -> None:
        """A call that was admitted is over."""
        self.open -= 1
