"""A Unix SEQPACKET socket on the event loop: whole messages, descriptors with them.

One datagram is one message, so nothing needs framing and a descriptor can never be taken for
another message's. Used between control and the speech process and to each worker.
"""

import asyncio
import errno
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence

LARGEST = 192 * 1024  # bytes in a message; Linux' default send buffer is 208 KiB
MOST_DESCRIPTORS = 4
MOST_WAITING = 2000  # messages a peer may be behind before it is given up


class MessageTooLarge(Exception):
    """The message does not fit into one datagram."""


class Channel:
    """One connected socket; ``on_message(data, descriptors)`` owns the descriptors."""

    def __init__(
        self,
        sock: socket.socket,
        on_message: Callable[[bytes, list[int]], None],
        on_closed: Callable[[], None],
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_message = on_message
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, Sequence[int]]] = deque()
        self._closed = False
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def closed(self) -> bool:
        """Whether the peer is gone or close() was called."""
        return self._closed

    def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send one message, later if the peer is slow; silently dropped when closed.

        Descriptors are duplicated and stay the caller's. Raises MessageTooLarge.
        """
        if self._closed:
            return
        if len(data) > LARGEST:
            raise MessageTooLarge(f"{len(data)} bytes, the limit is {LARGEST}")
        if self._waiting:
            self._wait(data, descriptors)
        elif not self._try_send(data, descriptors) and not self._closed:
            self._wait(data, descriptors)
            self._loop.add_writer(self._sock.fileno(), self._writable)

    def close(self) -> None:
        """Close the socket without calling ``on_closed``."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for _, descriptors in self._waiting:
            close_all(descriptors)
        self._waiting.clear()

    def _wait(self, data: bytes, descriptors: Sequence[int]) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._lost()
            return
        # The caller may close its descriptors as soon as send() returns.
        self._waiting.append((data, [os.dup(fd) for fd in descriptors]))

    def _try_send(self, data: bytes, descriptors: Sequence[int]) -> bool:
        try:
            if descriptors:
                socket.send_fds(self._sock, [data], list(descriptors))
            else:
                self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return False
            self._lost()
            return False
        return True

    def _writable(self) -> None:
        while self._waiting:
            data, descriptors = self._waiting[0]
            if not self._try_send(data, descriptors):
                return
            self._waiting.popleft()
            close_all(descriptors)
        self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._sock, LARGEST, MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._lost()
            return
        if not data:
            close_all(descriptors)
            self._lost()
            return
        self._on_message(data, descriptors)

    def _lost(self) -> None:
        if not self._closed:
            self.close()
            self._on_closed()


def close_all(descriptors: Sequence[int]) -> None:
    """Close every descriptor."""
    for descriptor in descriptors:
        os.close(descriptor)
