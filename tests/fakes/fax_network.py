"""A network between two T.38 ends that loses, doubles and reorders as a seed says."""

import random

from daemon.fax.t38.recovery import UdptlReceiver, UdptlSender
from daemon.fax.t38.terminal import Gateway, T38Terminal

FRAME = 160  # samples: 20 ms


class Way:
    """Datagrams in one direction."""

    def __init__(
        self, seed: int = 0, *, loss: float = 0.0, doubled: float = 0.0, swapped: float = 0.0
    ) -> None:
        self._random = random.Random(seed)
        self._chances = loss, doubled, swapped
        self._waiting: list[bytes] = []
        self._held: list[bytes] = []
        self._late = 0
        self.lost_in_a_row = 0
        self.lost = self.doubled = self.swapped = 0

    def put(self, data: bytes) -> None:
        loss, doubled, swapped = self._chances
        # Three in a row are what the redundancy covers; the next one comes through.
        if self._random.random() < loss and self.lost_in_a_row < 3:
            self.lost += 1
            self.lost_in_a_row += 1
            return
        self.lost_in_a_row = 0
        self._waiting.append(data)
        if self._random.random() < doubled:
            self.doubled += 1
            self._waiting.append(data)
        if self._held:
            self._waiting.append(self._held.pop())
        elif self._random.random() < swapped:
            # Overtaken by the next one, or late by a moment when none comes.
            self.swapped += 1
            self._held.append(self._waiting.pop())
            self._late = 1

    def take(self) -> list[bytes]:
        taken, self._waiting = self._waiting, []
        if self._held and not self._late:
            taken.append(self._held.pop())
        self._late = max(self._late - 1, 0)
        return taken


class End:
    """One side: packets out with UDPTL around them, datagrams in."""

    def __init__(self, out: Way, into: Way, *, parity: bool = False) -> None:
        self._sender = UdptlSender(parity=parity)
        self.receiver = UdptlReceiver()
        self._out, self._into = out, into

    def transmit(self, ifp: bytes, count: int) -> None:
        data = self._sender.send(ifp)
        for _ in range(count):
            self._out.put(data)

    def deliver(self, to: T38Terminal | Gateway) -> None:
        for data in self._into.take():
            for sequence, ifp in self.receiver.receive(data):
                to.hear(sequence, ifp)
