"""The table of connections and their deadlines, without sockets; time is passed in.

A flow is one connection with a number that is never used again, also not after a restart, so
that a registration or dialog of an earlier connection is never taken for one of a new peer.
"""

import heapq
from collections.abc import Callable
from enum import Enum, auto
from random import Random
from typing import Final, Protocol

from drivers.sip.transport.address import WEBSOCKETS, Address

SILENT_LIMIT: Final = 15.0  # s until a new connection must have brought a message
PING_EVERY: Final = (95.0, 120.0)  # s, RFC 5626 4.4.1: at random between these
WEBSOCKET_PING: Final = 30.0  # s; many proxies and NATs forget a silent connection after 60
PONG_WITHIN: Final = 10.0  # s, RFC 5626 4.4.1


class Wire(Protocol):
    """A connection as the table sees it."""

    address: Address
    """Peer, transport and number of the flow."""
    accepted: bool
    """The peer opened it."""

    def ping(self) -> None: ...
    def close(self, reason: str) -> None: ...


class Await(Enum):
    """What a flow's deadline waits for."""

    FIRST_MESSAGE = auto()
    PING = auto()
    """Nothing; a keep-alive is to be sent then."""
    PONG = auto()
    ANY_MESSAGE = auto()


_END: Final = {
    Await.FIRST_MESSAGE: "no SIP message after connecting",
    Await.PONG: "no answer to the keep-alive",
    Await.ANY_MESSAGE: "silent for too long",
}


class Flow:
    """One connection in the table."""

    __slots__ = ("answers", "awaits", "deadline", "heard", "proven", "wire")

    def __init__(self, wire: Wire, now: float) -> None:
        self.wire = wire
        self.heard = now
        self.proven = False
        """A SIP message came over it."""
        self.answers = False
        """It answered a keep-alive before, so that silence means something (RFC 6223)."""
        self.awaits = Await.FIRST_MESSAGE
        self.deadline = 0.0


class FlowTable:
    """Every open connection, found by number or by the place it leads to."""

    def __init__(
        self, rng: Random, *, first: int, idle_limit: float, count: Callable[[str], None]
    ) -> None:
        self._random = rng
        self._next = first
        self._idle_limit = idle_limit
        self._count = count
        self._flows: dict[int, Flow] = {}
        self._places: dict[Address, int] = {}
        self._by_host: dict[str, int] = {}
        self._heap: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._flows)

    def take_number(self) -> int:
        """A number for a new flow."""
        self._next += 1
        return self._next

    def held_by(self, host: str) -> int:
        """How many connections a host has."""
        return self._by_host.get(host, 0)

    def add(self, wire: Wire, now: float) -> None:
        """Take in a connection that stands."""
        address = wire.address
        flow = self._flows[address.flow] = Flow(wire, now)
        if not wire.accepted:
            # A place is found again by connections of ours alone: behind one NAT another
            # telephone may come from the port that a lost one had (RFC 5923 1).
            self._places[_place(address)] = address.flow
        self._by_host[address.host] = self.held_by(address.host) + 1
        self._schedule(flow, now)

    def remove(self, wire: Wire) -> bool:
        """Take out a connection that ended; False when it was not in the table."""
        address = wire.address
        if self._flows.pop(address.flow, None) is None:
            return False
        if self._places.get(_place(address)) == address.flow:
            del self._places[_place(address)]
        left = self.held_by(address.host) - 1
        if left > 0:
            self._by_host[address.host] = left
        else:
            self._by_host.pop(address.host, None)
        return True

    def find(self, address: Address) -> Wire | None:
        """The connection to send by: the named flow, else one we opened to the same place."""
        flow = self._flows.get(address.flow)
        if flow is None:
            flow = self._flows.get(self._places.get(_place(address), 0))
        return None if flow is None else flow.wire

    def is_open(self, address: Address) -> bool:
        """Whether the very flow of this address still stands."""
        return address.flow in self._flows

    def wires(self) -> list[Wire]:
        """Every connection."""
        return [flow.wire for flow in self._flows.values()]

    def heard(self, wire: Wire, now: float, *, message: bool = False, answer: bool = False) -> None:
        """Something arrived on a connection: bytes, a whole message, an answer to our ping."""
        flow = self._flows.get(wire.address.flow)
        if flow is None:
            return
        flow.heard = now
        flow.answers |= answer
        if message and not flow.proven:
            flow.proven = True
            self._schedule(flow, now)
        elif flow.awaits is Await.PONG:
            self._schedule(flow, now)

    def next_deadline(self) -> float | None:
        """When ``advance`` has something to do; None when never."""
        while self._heap:
            when, number = self._heap[0]
            flow = self._flows.get(number)
            if flow is not None and flow.deadline == when:
                return when
            heapq.heappop(self._heap)
        return None

    def advance(self, now: float) -> None:
        """Ping, and close what did not answer or never spoke, up to ``now``."""
        while (when := self.next_deadline()) is not None and when <= now:
            flow = self._flows[heapq.heappop(self._heap)[1]]
            if flow.awaits is Await.ANY_MESSAGE and flow.heard + self._idle_limit > now:
                self._set(flow, flow.heard + self._idle_limit)
            elif flow.awaits is Await.PING:
                self._ping(flow, now)
            else:
                self._count("connection_" + flow.awaits.name.lower())
                flow.wire.close(_END[flow.awaits])
                self.remove(flow.wire)

    def _ping(self, flow: Flow, now: float) -> None:
        flow.wire.ping()
        if flow.wire.address.flow not in self._flows:
            return  # it turned out to be closed
        if flow.answers or flow.wire.address.transport in WEBSOCKETS:
            flow.awaits = Await.PONG
            self._set(flow, now + PONG_WITHIN)
        else:
            self._schedule(flow, now)  # the first answer makes the next one due

    def _schedule(self, flow: Flow, now: float) -> None:
        """Choose what is awaited next."""
        if flow.wire.accepted and not flow.proven:
            flow.awaits = Await.FIRST_MESSAGE
            self._set(flow, now + SILENT_LIMIT)
        elif flow.wire.address.transport in WEBSOCKETS:
            flow.awaits = Await.PING
            self._set(flow, now + WEBSOCKET_PING)
        elif flow.wire.accepted:
            flow.awaits = Await.ANY_MESSAGE
            self._set(flow, now + self._idle_limit)
        else:
            flow.awaits = Await.PING
            self._set(flow, now + self._random.uniform(*PING_EVERY))

    def _set(self, flow: Flow, when: float) -> None:
        flow.deadline = when
        heapq.heappush(self._heap, (when, flow.wire.address.flow))


def _place(address: Address) -> Address:
    return Address(address.host, address.port, address.transport)
