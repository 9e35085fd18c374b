"""One trunk at work: it takes an outgoing number, and says where the call goes."""

import random
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from cython_ext.sip_wire import format_host
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.transport.address import DEFAULT_PORTS, Address
from drivers.sip.transport.targets import host_and_port, is_address
from drivers.sip.trunks.gateways import Gateway, in_order
from drivers.sip.trunks.guards import Guard, NotAllowed
from drivers.sip.trunks.plan import GatewayOptions, rewrite


class Seat:
    """What one outgoing call takes up on its trunk until it is over."""

    __slots__ = ("_named", "gateway", "number", "routes", "trunk")

    def __init__(
        self, trunk: "Trunk", number: str, routes: list[Gateway], named: Sequence[Address]
    ) -> None:
        self.trunk = trunk
        self.number = number
        self.gateway: Gateway | None = routes.pop(0)
        self.routes = routes
        """Gateways still to be tried, best first."""
        self._named = named
        self.gateway.calls += 1

    def advance(self, now: float, retry_after: float) -> bool:
        """The gateway failed: go to the next one; False when there is none."""
        if self.gateway is None:
            return False
        self.gateway.failed(now, retry_after=retry_after)
        if not self.routes:
            return False
        self.gateway.calls -= 1
        self.gateway = self.routes.pop(0)
        self.gateway.calls += 1
        return True

    def places(self) -> list[Address]:
        """The addresses of the present gateway, at least one."""
        gateway = self.gateway
        if gateway is None or gateway.address is None or gateway.is_target:
            return list(self._named) or ([gateway.address] if gateway and gateway.address else [])
        return list(gateway.places) or [gateway.address]

    def uri(self) -> str:
        """The number at the present gateway."""
        return "" if self.gateway is None else self.trunk.uri(self.number, self.gateway)

    def headers(self) -> list[tuple[str, str]]:
        """The Route headers that the present gateway wants."""
        return [] if self.gateway is None else [("Route", way) for way in self.gateway.routes]

    def leave(self) -> None:
        """The call is over."""
        if self.gateway is not None:
            self.gateway.calls -= 1
            self.gateway = None
            self.trunk.guard.leave()


class Trunk:
    """A trunk with its gateways and limits."""

    def __init__(self, options: TrunkOptions, site: SipOptions, rng: random.Random) -> None:
        self.options = options
        self.emergency = frozenset(site.emergency)
        self.random = rng
        self.guard = Guard(
            options.name,
            allowed=options.allowed,
            at_once=options.max_outgoing,
            per_hour=options.max_per_hour,
        )
        listed = options.gateways
        if options.target:
            listed = (GatewayOptions(target=options.target, priority=-1), *listed)
        self.gateways = [self._gateway(one) for one in listed]
        if options.target:
            self.gateways[0].is_target = True

    def admit(self, number: str, now: float, named: Sequence[Address] = ()) -> Seat:
        """Take a call to a number, rewritten as the carrier wants it; NotAllowed else.

        ``named`` are the places that the name of a gateway leads to. KeyError when there is
        no place to go at all.
        """
        emergency = number in self.emergency
        dialled = number if emergency else rewrite(self.options.dial_rules, number)
        if not dialled:
            raise NotAllowed(f"no rule of trunk {self.options.name} says how to dial {number}")
        known = [
            one for one in self.gateways if one.address is not None or (one.is_target and named)
        ]
        if not known:
            raise KeyError(self.options.name)
        routes = in_order(known, now, self.random, even_full=emergency)
        if not routes:
            raise NotAllowed(f"every gateway of trunk {self.options.name} is full")
        self.guard.admit(dialled, now, emergency=emergency)
        return Seat(self, dialled, routes, named)

    def lead(self, index: int, places: Sequence[Address]) -> bool:
        """Take where the name of a gateway besides the target leads; False when it is known."""
        gateway = self.gateways[index + (1 if self.options.target else 0)]
        if not places or gateway.places == tuple(places):
            return False
        gateway.places, gateway.address = tuple(places), places[0]
        return True

    def readmit(self, source: Address) -> Seat | None:
        """Count an outgoing call again that a restart brought back; None without gateways."""
        if not self.gateways:
            return None
        found = next((one for one in self.gateways if one.address == source), self.gateways[0])
        self.guard.open += 1
        return Seat(self, "", [found], ())

    def uri(self, number: str, gateway: Gateway) -> str:
        """A number at a gateway."""
        uri = f"sip:{user_part(number)}@{format_host(gateway.host, gateway.port)}"
        transport = self.options.transport
        return f"{uri};transport={transport}" if transport in ("tcp", "tls") else uri

    def caller(self, ani: str) -> str:
        """The caller number as the carrier wants it; empty when it is withheld."""
        return rewrite(self.options.caller_rules, ani or self.options.number)

    def _gateway(self, options: GatewayOptions) -> Gateway:
        host, port = host_and_port(options.target)
        transport = self.options.transport or "udp"
        if not is_address(host):
            return Gateway(options, host, port, None)
        port = port or DEFAULT_PORTS[transport]
        return Gateway(options, host, port, Address(host, port, transport))


_SAFE: Final = "-_.!~*'()&=+$,;?/"


def user_part(number: str) -> str:
    """A number as the user part of a URI, escaped."""
    return number if number.isalnum() and number.isascii() else quote(number, safe=_SAFE)


def trunks_of(site: SipOptions, rng: random.Random) -> Mapping[str, Trunk]:
    """Every trunk by its name."""
    return {options.name: Trunk(options, site, rng) for options in site.trunks}
