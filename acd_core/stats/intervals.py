"""Half-open intervals of a report: each visit belongs to the one in which it entered."""

from collections.abc import Iterable
from math import floor, isfinite

from acd_core.errors import AcdError
from acd_core.stats.service_level import Limits, Tally, Visit, tally


def interval_of(moment: float, *, begin: float, width_s: float) -> int:
    """Number of the interval ``[begin + n width, begin + (n + 1) width)`` a moment is in."""
    if not (isfinite(moment) and isfinite(begin) and 0 < width_s < float("inf")):
        raise AcdError(f"no interval of {width_s} s holds {moment}")
    return floor((moment - begin) / width_s)


def by_interval(
    visits: Iterable[Visit], *, begin: float, width_s: float, count: int, limits: Limits
) -> tuple[Tally, ...]:
    """Tally each interval; visits outside of all are left out."""
    held: list[list[Visit]] = [[] for _ in range(count)]
    for visit in visits:
        number = interval_of(visit.entered, begin=begin, width_s=width_s)
        if 0 <= number < count:
            held[number].append(visit)
    return tuple(tally(inside, limits) for inside in held)
