"""From the name in a trunk's target to places to call, in order (RFC 3263), without a socket.

The look-up itself is passed in, so that tests answer it from a table and the driver from DNS.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Final

import msgspec

from drivers.sip.transport.address import DEFAULT_PORTS, Address

SERVICES: Final = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
"""SRV names by transport (RFC 3263 4.1)."""
NAPTR_SERVICES: Final = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
MOST_PLACES: Final = 8
"""Places one call tries; each may take a time-out."""


class Naptr(msgspec.Struct, frozen=True):
    """One NAPTR record; the rest of its fields says nothing about SIP."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(msgspec.Struct, frozen=True):
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """The three questions to DNS; a name without an answer gives nothing, ever."""

    naptr: Callable[[str], Awaitable[Sequence[Naptr]]]
    srv: Callable[[str], Awaitable[Sequence[Srv]]]
    addresses: Callable[[str], Awaitable[Sequence[str]]]
    """A and AAAA records, of the IP versions we can send by."""


class Resolver:
    """Finds the places behind a name; ``rng`` spreads load over SRV weights."""

    def __init__(self, lookup: Lookup, rng: Random, *, transports: Sequence[str]) -> None:
        self._lookup = lookup
        self._random = rng
        self._transports = transports
        """Those we can open, the preferred one first."""

    async def resolve(
        self, host: str, *, port: int | None = None, transport: str = ""
    ) -> list[Address]:
        """Places in the order to try them; an empty list when the name leads nowhere."""
        if _is_address(host):
            chosen = transport or "udp"
            return [Address(host, port or DEFAULT_PORTS[chosen], chosen)]
        if port is not None:
            # 4.2: with a port there is nothing that SRV could tell.
            chosen = transport or "udp"
            return await self._places(host, port, chosen)
        found: list[Address] = []
        for name, chosen in await self._services(host, transport):
            for srv in self.order(await self._lookup.srv(name)):
                found += await self._places(srv.target, srv.port, chosen)
                if len(found) >= MOST_PLACES:
                    return _unique(found)[:MOST_PLACES]
        if not found:
            chosen = transport or "udp"
            found = await self._places(host, DEFAULT_PORTS[chosen], chosen)
        return _unique(found)[:MOST_PLACES]

    def order(self, records: Sequence[Srv]) -> list[Srv]:
        """By priority, within one at random by weight (RFC 2782); a lone "." is no service."""
        if len(records) == 1 and records[0].target in ("", "."):
            return []
        found: list[Srv] = []
        for priority in sorted({record.priority for record in records}):
            left = sorted((r for r in records if r.priority == priority), key=lambda r: r.weight)
            while left:
                chance = self._random.randint(0, sum(record.weight for record in left))
                for record in left:
                    chance -= record.weight
                    if chance <= 0:
                        break
                left.remove(record)
                found.append(record)
        return found

    async def _services(self, host: str, transport: str) -> list[tuple[str, str]]:
        """SRV names to ask for, each with its transport."""
        if transport:
            return [(SERVICES[transport] + host, transport)]
        usable = [
            record
            for record in await self._lookup.naptr(host)
            if record.flags.lower() == "s"
            and NAPTR_SERVICES.get(record.service.upper()) in self._transports
        ]
        if usable:
            usable.sort(key=lambda record: (record.order, record.preference))
            return [(r.replacement, NAPTR_SERVICES[r.service.upper()]) for r in usable]
        return [(SERVICES[one] + host, one) for one in self._transports]

    async def _places(self, host: str, port: int, transport: str) -> list[Address]:
        if _is_address(host):
            return [Address(host, port, transport)]
        return [Address(text, port, transport) for text in await self._lookup.addresses(host)]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _unique(found: list[Address]) -> list[Address]:
    return list(dict.fromkeys(found))
