"""Where a message goes to or came from: place, transport, and the flow it belongs to."""

from typing import Final, NamedTuple

SECURE: Final = frozenset({"tls", "wss"})
WEBSOCKETS: Final = frozenset({"ws", "wss"})
DEFAULT_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
"""Ports of RFC 3261 18.2.1 and RFC 7118 5; the keys are all transports there are."""


class Address(NamedTuple):
    """A peer on the network; two flows of one peer are two addresses."""

    host: str
    port: int
    transport: str = "udp"
    """``udp``, ``tcp``, ``tls``, ``ws`` or ``wss``."""
    flow: int = 0
    """Number of the UDP listener or of the connection; a connection that is gone is opened
    again to ``host`` and ``port`` where that is possible. 0: the first, or any."""

    @property
    def reliable(self) -> bool:
        """Whether the transport delivers by itself, so that nothing is repeated (17.1.1.2)."""
        return self.transport != "udp"

    @property
    def opens(self) -> bool:
        """Whether we can open the connection; to a browser only the browser can."""
        return self.transport in ("tcp", "tls")
