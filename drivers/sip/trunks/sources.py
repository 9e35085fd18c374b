"""Which trunk a message belongs to, by where it came from."""

import ipaddress
from collections.abc import Iterable
from typing import Final

from drivers.sip.journal.records import Peer
from drivers.sip.options import networks
from drivers.sip.trunks.trunk import Trunk

SOURCES_KEPT: Final = 4096


class Sources:
    """Finds trunks by the networks of their options, and by the gateways we register at."""

    def __init__(self, trunks: Iterable[Trunk]) -> None:
        self._peers = [
            (trunk, Peer(trunk.options.name, False, trunk.options.codecs)) for trunk in trunks
        ]
        self._networks = [(networks(trunk.options), peer) for trunk, peer in self._peers]
        self._known: dict[str, Peer | None] = {}

    def trunk_at(self, host: str) -> Peer | None:
        """The trunk that calls from this address, the narrowest network first."""
        if host in self._known:
            return self._known[host]
        best: tuple[int, Peer] | None = None
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return None
        for places, peer in self._networks:
            for network in places:
                if address in network and (best is None or network.prefixlen > best[0]):
                    best = network.prefixlen, peer
        if len(self._known) >= SOURCES_KEPT:
            self._known.clear()
        self._known[host] = self._registrar_at(host) if best is None else best[1]
        return self._known[host]

    def forget(self) -> None:
        """A trunk is somewhere else now."""
        self._known.clear()

    def _registrar_at(self, host: str) -> Peer | None:
        for trunk, peer in self._peers:
            if trunk.options.register and any(
                one.address is not None and one.address.host == host for one in trunk.gateways
            ):
                return peer
        return None
