"""T.38 between two legs that both speak it: datagrams go from one socket to the other.

They are looked at, for what is no UDPTL goes nowhere and what was lost is counted, but not
changed: what one side sends to make up for losses is the other side's. Where a gateway stood
before, their numbers go on from its own, or who heard it would take them for late ones. Some hundred
datagrams a second go over the loop of the media process; the engine does not see them.
"""

import asyncio
import socket
from collections import Counter
from typing import Final

from daemon.fax.messages import (
    BUSY,
    NO_AUDIO,
    OK,
    FaxEnded,
    FaxRefused,
    FaxStarted,
    PassT38,
    T38Peer,
)
from daemon.fax.t38.far_end import FarEnd
from daemon.fax.t38.recovery import UdptlReceiver
from daemon.fax.t38.udptl import SEQUENCES, SHORTEST
from daemon.media.fax.sockets import FaxSockets

LARGEST: Final = 2048  # octets of a datagram read; longer ones are cut and refused
MOST_AT_ONCE: Final = 64  # datagrams read in one go: one conversation must not hold up the loop
NUMBER: Final = 2  # octets of a datagram's number, which come first
MOST_A_SECOND: Final = 1000  # datagrams of a side; a fax has 50 to 100


class T38Relay:
    """The two sockets of a conversation; whoever makes one closes it."""

    def __init__(
        self,
        near: socket.socket,
        near_peer: T38Peer,
        far: socket.socket,
        far_peer: T38Peer,
        *,
        goes_on: int | None = None,
    ) -> None:
        """``goes_on``: number of the first datagram to the near side, where it heard others."""
        self.renumbers = goes_on is not None
        self._near = _Side(near, near_peer, goes_on)
        self._far = _Side(far, far_peer)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(near, self._pass, self._near, self._far)
        self._loop.add_reader(far, self._pass, self._far, self._near)

    @property
    def places(self) -> tuple[int, int]:
        """UDP ports of both sockets."""
        return self._near.socket.getsockname()[1], self._far.socket.getsockname()[1]

    def counts(self) -> dict[str, int]:
        """How datagrams came, those of the far side with ``other_`` before the name."""
        others = {f"other_{name}": count for name, count in self._far.counts().items()}
        return self._near.counts() | others

    def close(self) -> None:
        """Close both sockets; safe to call twice."""
        for side in (self._near, self._far):
            if side.socket.fileno() >= 0:
                self._loop.remove_reader(side.socket)
                side.socket.close()

    def _pass(self, source: "_Side", target: "_Side") -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                data, address = source.socket.recvfrom(LARGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of what was sent before
            if source.takes(data, address, self._loop.time()):
                target.send(data)


class FaxRelays:
    """The conversations that are passed on, by the number of the near side."""

    def __init__(self, sockets: FaxSockets, *, at_once: int) -> None:
        self._sockets = sockets
        self._at_once = at_once
        self._running: dict[int, T38Relay] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._running

    @property
    def full(self) -> bool:
        """Whether no more may run."""
        return len(self._running) >= self._at_once

    def start(self, request: PassT38, *, goes_on: int | None = None) -> FaxStarted | FaxRefused:
        """Join two sockets that were opened; those that are joined stay so."""
        running = self._running.get(request.fax)
        if running is not None:
            return _started(running)
        near, far = self._sockets.take(request.fax), self._sockets.take(request.other)
        full = self.full
        if near is not None and far is not None and not full:
            made = T38Relay(near, request.peer, far, request.other_peer, goes_on=goes_on)
            self._running[request.fax] = made
            return _started(made)
        for each in (near, far):
            if each is not None:
                each.close()
        if full:
            return FaxRefused(code=BUSY, text=f"{self._at_once} conversations by T.38 run")
        return FaxRefused(code=NO_AUDIO, text="no socket was opened for its T.38")

    def stop(self, number: int) -> FaxEnded:
        """End one that runs: how it went."""
        relay = self._running.pop(number)
        relay.close()
        return FaxEnded(fax=number, code=OK, t38=True, packets=relay.counts())

    def stop_all(self) -> list[FaxEnded]:
        """End all that run."""
        return [self.stop(number) for number in tuple(self._running)]


def _started(relay: T38Relay) -> FaxStarted:
    """Numbers that go on from a gateway's are known here alone: such a one is not begun again."""
    return FaxStarted(places=() if relay.renumbers else relay.places)


class _Side:
    """One leg's socket, who is at its other end, and what came from there."""

    def __init__(self, own: socket.socket, peer: T38Peer, goes_on: int | None = None) -> None:
        self.socket = own
        self._far = FarEnd((peer.host, peer.port))
        self._heard = UdptlReceiver()
        self._others: Counter[str] = Counter()
        self._second, self._in_second = 0, 0
        self._goes_on = goes_on
        """Number that the next datagram to this side gets: the first one settles the rest."""
        self._shift = 0

    def takes(self, data: bytes, address: tuple[str, int], now: float) -> bool:
        """Whether a datagram is to be passed on; counted either way."""
        if int(now) != self._second:
            self._second, self._in_second = int(now), 0
        self._in_second += 1
        if self._in_second > MOST_A_SECOND:
            self._others["flood"] += 1
            return False
        if len(data) < SHORTEST or not self._far.sent(address):
            self._others["strange"] += 1
            return False
        malformed = self._heard.counts["malformed"]
        self._heard.receive(data)
        return self._heard.counts["malformed"] == malformed

    def send(self, data: bytes) -> None:
        """Send to this side's far end; a full buffer or an ICMP error is a lost datagram."""
        number = int.from_bytes(data[:NUMBER], "big")
        if self._goes_on is not None:
            self._shift, self._goes_on = self._goes_on - number, None
        if self._shift:
            number = (number + self._shift) % SEQUENCES
            data = number.to_bytes(NUMBER, "big") + data[NUMBER:]
        try:
            self.socket.sendto(data, self._far.address)
        except OSError:
            self._others["unsent"] += 1

    def counts(self) -> dict[str, int]:
        """Those that are not 0."""
        return dict(self._heard.counts + self._others)
