"""The child's end of a worker: its socket, and never outliving the parent."""

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable

from speech.link.channel import LARGEST
from speech.link.messages import Order, decode_order

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def take_socket(descriptor: int) -> socket.socket:
    """The socket inherited from the parent, after tying this process to the parent's life.

    A worker that is busy in an engine would notice the closed socket only afterwards, hence
    the signal as well. Interrupts from the terminal and a service's stop, which reach the whole
    group, are the parent's business.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(0)
    return socket.socket(fileno=descriptor)


def serve_orders(sock: socket.socket, handle: Callable[[Order], None]) -> None:
    """Hand each order to ``handle`` until the socket closes."""
    while data := sock.recv(LARGEST):
        handle(decode_order(data))
