"""Which time zones this machine knows."""

import functools
import zoneinfo


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def known_zone(name: str) -> bool:
    """True when the machine's zone database has the IANA zone."""
    return name in _zones()
