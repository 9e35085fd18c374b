"""The gateways of a trunk: which one a call goes to, which are down, how much each carries."""

import random
from collections.abc import Sequence
from typing import Final

from drivers.sip.transport.address import Address
from drivers.sip.trunks.plan import GatewayOptions

FAILED: Final = frozenset({500, 502, 503, 504})
"""Statuses that say something of the gateway, not of the number called."""
DOWN_FOR: Final = 30.0  # s after a failed call, unless Retry-After or OPTIONS say otherwise
RETRY_AFTER_MOST: Final = 600.0  # s


class Gateway:
    """One gateway with what is known of it now."""

    __slots__ = (
        *("address", "calls", "down_until", "failures", "host", "is_target"),
        *("options", "places", "port", "routes", "watched_down"),
    )

    def __init__(
        self, options: GatewayOptions, host: str, port: int | None, address: Address | None
    ) -> None:
        self.options = options
        self.host = host
        self.port = port
        self.address = address
        """None while only its name is known."""
        self.is_target = False
        """It is the trunk's ``target``, whose name is looked up for each call."""
        self.calls = 0
        self.down_until = 0.0
        """Moment until which calls go elsewhere; epoch seconds."""
        self.watched_down = False
        """It does not answer OPTIONS."""
        self.failures = 0
        self.places: tuple[Address, ...] = ()
        """Where its name leads, best first; empty for an address and for the target."""
        self.routes: tuple[str, ...] = ()
        """Service-Route of our registration there (RFC 3608): the way that calls out take."""

    def named(self, address: Address) -> bool:
        """Take where its name leads; False when that is known, or it has no name."""
        if not self.is_target or address == self.address:
            return False
        self.address = address
        return True

    def is_up(self, now: float) -> bool:
        """Whether calls may go there."""
        return not self.watched_down and now >= self.down_until

    @property
    def is_full(self) -> bool:
        """Whether it carries as many calls as it may."""
        return 0 < self.options.max_calls <= self.calls

    def failed(self, now: float, *, retry_after: float = 0.0) -> None:
        """A call failed because of it."""
        self.failures += 1
        self.down_until = now + min(retry_after or DOWN_FOR, RETRY_AFTER_MOST)

    def works(self) -> None:
        """It answered."""
        self.down_until = 0.0
        self.watched_down = False


def in_order(
    gateways: Sequence[Gateway], now: float, rng: random.Random, *, even_full: bool = False
) -> list[Gateway]:
    """Where to try a call, best first: by priority, by weight within one, those down last.

    Full ones are left out unless ``even_full`` (an emergency); the list may be empty.
    """
    usable = [one for one in gateways if even_full or not one.is_full]
    found: list[Gateway] = []
    for up in (True, False):
        rest = [one for one in usable if one.is_up(now) is up]
        for priority in sorted({one.options.priority for one in rest}):
            found += _shuffled([one for one in rest if one.options.priority == priority], rng)
    return found


def _shuffled(group: list[Gateway], rng: random.Random) -> list[Gateway]:
    """An order by weighted chance (RFC 2782): weight 0 comes last."""
    if len(group) < 2:
        return group
    return sorted(
        group,
        key=lambda one: (
            -(rng.random() ** (1.0 / one.options.weight)) if one.options.weight else 1.0
        ),
    )
