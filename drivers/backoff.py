"""When to try a failing device again, and when to leave it alone for a while.

No clock inside: the caller passes seconds from any clock that never goes back.
"""

import msgspec


class Backoff(msgspec.Struct):
    """Doubling pauses after each failure; a device that keeps failing is quarantined."""

    first_s: float = 1.0
    longest_s: float = 30.0
    quarantine_after: int = 5
    """Failures in a row before the device counts as quarantined; 0: never."""
    quarantine_s: float = 300.0
    """Pause between attempts while quarantined."""
    healthy_s: float = 60.0
    """A device must work this long before its failures are forgotten."""
    failures: int = 0
    """Failures in a row that count towards quarantine."""
    absences: int = 0
    """Attempts in a row at which the device was not there."""
    _working_since: float | None = None

    @property
    def quarantined(self) -> bool:
        """Whether the device has failed too often in a row."""
        return 0 < self.quarantine_after <= self.failures

    def failed(self, now: float) -> float:
        """Note a failure and return the seconds to wait before the next attempt."""
        if self._working_since is not None and now - self._working_since >= self.healthy_s:
            self.failures = 0
        self._working_since = None
        self.failures += 1
        if self.quarantined:
            return self.quarantine_s
        return self._pause(self.failures)

    def absent(self) -> float:
        """Note that the device is not there and return the seconds to wait.

        Such a device has not failed: it is looked for until it is plugged in.
        """
        self.absences += 1
        return self._pause(self.absences)

    def worked(self, now: float) -> None:
        """Note that the device works again; it proves itself over ``healthy_s``."""
        self._working_since = now
        self.absences = 0

    def _pause(self, count: int) -> float:
        return float(min(self.longest_s, self.first_s * 2 ** min(count - 1, 16)))
