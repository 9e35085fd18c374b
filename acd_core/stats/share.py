"""A figure as numerator and denominator: summed, never averaged, and unknown without cases."""

from collections.abc import Iterable
from statistics import median
from typing import Final

import msgspec

UNKNOWN: Final = "—"  # a report shows this for a figure without cases, not 0 and not 100


class Share(msgspec.Struct, frozen=True):
    """Part over whole; add shares of intervals or queues to get the share of all."""

    part: float
    whole: float

    @property
    def value(self) -> float | None:
        """The quotient; None without cases."""
        return self.part / self.whole if self.whole else None

    def __add__(self, other: "Share") -> "Share":
        return Share(self.part + other.part, self.whole + other.whole)

    def percent(self, digits: int = 1) -> str:
        """As a percentage, for people."""
        return UNKNOWN if not self.whole else f"{100 * self.part / self.whole:.{digits}f} %"

    def seconds(self, digits: int = 1) -> str:
        """As a mean duration, for people."""
        return UNKNOWN if not self.whole else f"{self.part / self.whole:.{digits}f} s"


NOTHING: Final = Share(0.0, 0.0)


def middle(values: Iterable[float]) -> float | None:
    """Median; None without cases."""
    found = list(values)
    return median(found) if found else None
