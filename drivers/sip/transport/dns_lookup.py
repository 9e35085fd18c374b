"""The resolver's questions, asked of real name servers with dnspython."""

from collections.abc import Sequence
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver
import structlog
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from drivers.sip.transport.resolver import Lookup, Naptr, Srv

log = structlog.get_logger()

PATIENCE: Final = 3.0  # s for one question, over all servers
CACHED: Final = 500  # answers, each for as long as its TTL says


class DnsLookup:
    """Asks the host's name servers, or those that are named."""

    def __init__(
        self, *, servers: Sequence[str] = (), port: int = 53, versions: Sequence[int]
    ) -> None:
        self._versions = versions
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._servers = servers
        self._port = port

    def lookup(self) -> Lookup:
        """The questions as the resolver takes them."""
        return Lookup(naptr=self.naptr, srv=self.srv, addresses=self.addresses)

    async def naptr(self, name: str) -> list[Naptr]:
        """NAPTR records of a name."""
        return [
            Naptr(
                record.order,
                record.preference,
                record.flags.decode("ascii", "replace"),
                record.service.decode("ascii", "replace"),
                record.replacement.to_text(omit_final_dot=True),
            )
            for record in await self._ask(name, "NAPTR")
            if isinstance(record, NAPTR)
        ]

    async def srv(self, name: str) -> list[Srv]:
        """SRV records of a name."""
        return [
            Srv(
                record.priority,
                record.weight,
                record.port,
                record.target.to_text(omit_final_dot=True),
            )
            for record in await self._ask(name, "SRV")
            if isinstance(record, SRV)
        ]

    async def addresses(self, name: str) -> list[str]:
        """Addresses of a name, IPv4 first: that is what carriers run."""
        found: list[str] = []
        for version, kind in ((4, "A"), (6, "AAAA")):
            if version in self._versions:
                found += [record.to_text() for record in await self._ask(name, kind)]
        return found

    async def _ask(self, name: str, kind: str) -> list[dns.rdata.Rdata]:
        try:
            resolver = self._made()
            answer = await resolver.resolve(name, kind, lifetime=PATIENCE, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            log.warning("name not looked up", name=name, kind=kind, reason=str(error))
            return []
        return list(answer)

    def _made(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            made = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                made.nameservers = list(self._servers)
                made.port = self._port
            made.cache = dns.resolver.LRUCache(CACHED)
            self._resolver = made
        return self._resolver
