"""T.38 over a UDP socket: datagrams in and out, and the loops that let a fax run on them."""

import select
import socket
from collections.abc import Callable
from typing import Final

from daemon.fax.audio_line import AudioLine
from daemon.fax.t38.far_end import FarEnd
from daemon.fax.t38.recovery import REDUNDANCY, UdptlReceiver, UdptlSender
from daemon.fax.t38.terminal import Gateway, T38Terminal
from daemon.fax.t38.udptl import MOST_DATAGRAM, SHORTEST

TICK_S: Final = 0.02
TICK: Final = 160  # samples of 8 kHz: 20 ms
LINGER_TICKS: Final = 50  # after the end, so that the last packets are heard, and sent again
MOST_BEHIND: Final = 50  # ticks; a process that slept longer does not hurry to make up for it
LARGEST: Final = 2048  # octets of a datagram read; longer ones are cut and refused
MOST_AT_ONCE: Final = 64  # datagrams read between two ticks: a flood must not stop the clock


class PacketLine:
    """One side of a T.38 conversation."""

    def __init__(
        self,
        sock: socket.socket,
        remote: tuple[str, int],
        *,
        redundancy: int = REDUNDANCY,
        parity: bool = False,
        most: int = MOST_DATAGRAM,
    ) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.receiver = UdptlReceiver()
        self._far = FarEnd(remote)
        self._sender = UdptlSender(redundancy=redundancy, parity=parity, most=most)

    @property
    def next_number(self) -> int:
        """The number of the next datagram sent."""
        return self._sender.next_number

    def transmit(self, ifp: bytes, count: int) -> None:
        """Send a packet, important ones several times under the same number."""
        data = self._sender.send(ifp)
        for _ in range(count):
            try:
                self.socket.sendto(data, self._far.address)
            except OSError:
                # A full buffer or an ICMP error is a lost datagram: others carry it again.
                self.receiver.counts["unsent"] += 1

    def deliver(self, to: T38Terminal | Gateway) -> None:
        """Hand on what has come."""
        for _ in range(MOST_AT_ONCE):
            try:
                data, source = self.socket.recvfrom(LARGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of what was sent before
            if len(data) < SHORTEST or not self._far.sent(source):
                self.receiver.counts["strange"] += 1
                continue
            for sequence, ifp in self.receiver.receive(data):
                to.hear(sequence, ifp)


def run_packets(
    line: PacketLine,
    leash: socket.socket,
    terminal: T38Terminal,
    clock: Callable[[], float],
) -> None:
    """Let a fax run until it ends, or the other end of the leash is closed."""
    left, due = LINGER_TICKS, clock()
    while left:
        ready, _, _ = select.select((line.socket, leash), (), (), max(due - clock(), 0.0))
        if leash in ready and not leash.recv(64):
            return
        line.deliver(terminal)
        behind = int((clock() - due) / TICK_S)
        for _ in range(min(behind + 1, MOST_BEHIND) if clock() >= due else 0):
            terminal.passed(TICK)
            left -= terminal.code is not None
            if not left:
                return
        if clock() >= due:
            due += TICK_S * (behind + 1)


def run_gateway(
    line: PacketLine, audio: AudioLine, gateway: Gateway, page: Callable[[int], None]
) -> None:
    """Pass faxes between audio and packets until the audio ends; ``page`` hears of each page."""
    pages = 0
    while samples := audio.hear():
        line.deliver(gateway)
        if not audio.say(gateway.exchange(samples)):
            break
        if gateway.pages() != pages:
            pages = gateway.pages()
            page(pages)
