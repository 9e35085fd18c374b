"""A SEQPACKET socket on the loop: whole packets, with descriptors, never blocking.

What is sent in one turn of the loop travels together: for the small frames of the link a
packet costs several times what is in it.
"""

import array
import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from daemon.link.frames import build_packet
from daemon.link.messages import MAX_PACKET

MAX_DESCRIPTORS: Final = 4
MAX_TOGETHER: Final = 16384
"""Bytes of frames that share a packet."""
UNHURRIED_S: Final = 0.01
"""How long what nobody waits for may wait for a packet to share."""
MAX_WAITING: Final = 2 << 20
"""Bytes kept for a peer that does not read; behind that the connection is given up."""

_ROOM: Final = socket.CMSG_LEN(MAX_DESCRIPTORS * array.array("i").itemsize)
# Plain numbers: the operators of flag enums cost more than the system call.
_CLOEXEC: Final = int(socket.MSG_CMSG_CLOEXEC)
_TRUNCATED: Final = int(socket.MSG_TRUNC)


def nothing() -> None:
    """For those who have nothing to bring to safety before a packet leaves."""


class PacketSocket:
    """Sends and receives packets; tells once when the connection has ended.

    ``settle`` is called before a packet leaves, and must not raise.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        on_packet: Callable[[bytes, list[int]], None],
        on_closed: Callable[[], None],
        settle: Callable[[], None] = nothing,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_packet = on_packet
        self._on_closed = on_closed
        self._settle = settle
        self._buffer = memoryview(bytearray(MAX_PACKET))
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        self._waiting_size = 0
        self._gathered: list[bytes] = []
        self._gathered_size = 0
        self._loop = asyncio.get_running_loop()
        self._hurry = False
        """Something of what is gathered is sent at the end of this turn."""
        self._reading = False
        self._armed = False
        """What is gathered in this turn is sent at its end without the loop being asked."""
        self._later: asyncio.TimerHandle | None = None
        """Sends what is gathered when nothing else does before."""
        self._reading_on = False
        """The peer has ended, and what he sent is read up to his end."""
        self.closed = False
        self._loop.add_reader(sock.fileno(), self._readable)

    def send(self, frame: bytes, descriptors: Sequence[int] = (), *, hurried: bool = True) -> None:
        """Send a frame in order at the end of this turn; the descriptors stay ours.

        One that is not ``hurried`` waits up to ``UNHURRIED_S`` for a packet that it can share:
        waking the peer costs several times what he does with it.
        """
        if self.closed:
            return
        if descriptors or self._gathered_size + len(frame) > MAX_TOGETHER:
            self._send_gathered()
        if descriptors:
            self._settle()
            self._send_packet(build_packet([frame]), descriptors)
            return
        if hurried and not self._hurry:
            self._hurry = True
            if not (self._reading or self._armed):
                self._loop.call_soon(self._send_gathered)
        elif not hurried and self._later is None:
            self._later = self._loop.call_later(UNHURRIED_S, self._send_gathered)
        self._gathered.append(frame)
        self._gathered_size += len(frame)

    def send_now(self) -> None:
        """Send what is gathered, without waiting for the end of this turn."""
        self._send_gathered()

    def _send_if_hurried(self) -> None:
        self._armed = False
        if self._hurry:
            self._send_gathered()

    def _send_gathered(self) -> None:
        self._hurry = False
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._gathered:
            self._settle()
            frames, self._gathered, self._gathered_size = self._gathered, [], 0
            self._send_packet(build_packet(frames))

    def _send_packet(self, packet: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a packet, later when the peer is slow."""
        if self.closed:
            return
        if not self._waiting and self._sent(packet, descriptors):
            return
        if self.closed:
            return
        if self._waiting_size + len(packet) > MAX_WAITING:
            self.close()
            return
        if not self._waiting:
            self._loop.add_writer(self._sock.fileno(), self._writable)
        # The owner may close its descriptors before the peer reads.
        self._waiting.append((packet, [os.dup(number) for number in descriptors]))
        self._waiting_size += len(packet)

    def close(self) -> None:
        """Close the connection; harmless when it is closed."""
        if self.closed:
            return
        self._send_gathered()
        if self.closed:  # sending found the peer gone
            return
        self.closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for _, descriptors in self._waiting:
            _close_all(descriptors)
        self._waiting.clear()
        self._on_closed()

    def _sent(self, packet: bytes, descriptors: Sequence[int]) -> bool:
        try:
            if descriptors:
                socket.send_fds(self._sock, [packet], list(descriptors))
            else:
                self._sock.send(packet)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            self._peer_ended()
            return True
        except OSError:
            self.close()
            return False
        return True

    def _writable(self) -> None:
        while self._waiting:
            packet, descriptors = self._waiting[0]
            if not self._sent(packet, descriptors):
                return
            self._waiting.popleft()
            self._waiting_size -= len(packet)
            _close_all(descriptors)
        self._loop.remove_writer(self._sock.fileno())

    def _peer_ended(self) -> None:
        """Read what the peer said last, then his end.

        The loop may not call for that: a socket in error is no longer watched.
        """
        if not self._reading_on:
            self._reading_on = True
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if self.closed:
            return
        self._readable()
        self._loop.call_soon(self._read_on)

    def _readable(self) -> None:
        """Take one packet: asking for a second costs a system call, and mostly there is none.

        The loop calls again while there is one, and other work gets its turn between.
        """
        try:
            size, parts, flags, _ = self._sock.recvmsg_into([self._buffer], _ROOM, _CLOEXEC)
        except BlockingIOError:
            if self._reading_on:  # he hears nothing any more, and has said everything
                self.close()
            return
        except ConnectionResetError:
            self._peer_ended()  # and had not read everything: what he sent is still there
            return
        except OSError:
            self.close()
            return
        descriptors = _descriptors(parts) if parts else []
        if not size or flags & _TRUNCATED:
            _close_all(descriptors)
            self.close()
            return
        self._reading = True  # what answers this packet need not wait for the turn's end
        try:
            self._on_packet(bytes(self._buffer[:size]), descriptors)
        finally:
            self._reading = False
            if self._hurry:
                self._send_gathered()
            elif not self._armed:
                # Who waited for what came goes on in this turn of the loop, and may ask again:
                # asked of the loop by then, the packet would leave in the next one.
                self._armed = True
                self._loop.call_soon(self._send_if_hurried)


def _descriptors(parts: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in parts:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)


def _close_all(descriptors: Sequence[int]) -> None:
    for number in descriptors:
        os.close(number)
