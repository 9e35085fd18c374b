"""What the owner of an engine knows of its open ports and bridges."""

import os
from typing import Final

from cython_ext.media._media import Handle

CHAIN: Final = ".chain"  # added to the path of a recording
_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
_MODE: Final = 0o640


def open_recording(path: str, *, chain: bool) -> tuple[int, int]:
    """Descriptors of a new recording and of its chain, -1 without one; OSError."""
    fd = os.open(path, _NEW, _MODE)
    if not chain:
        return fd, -1
    try:
        return fd, os.open(path + CHAIN, _NEW | os.O_APPEND, _MODE)
    except OSError:
        os.close(fd)
        raise


class Transport:
    """ICE and DTLS of a port, as its owner knows them."""

    __slots__ = ("described", "handle", "ice", "state")

    def __init__(self, handle: Handle, *, ice: bool) -> None:
        self.handle = handle
        self.ice = ice
        self.described: object = None
        """Fingerprints and role; they stay for the life of the association."""
        self.state = "new"
        """new, connecting, connected, failed or closed, as browsers call it (W3C WebRTC)."""


class OpenPort:
    """An open port as its owner knows it."""

    __slots__ = (
        "bridge",
        "g722",
        "handle",
        "kind",
        "local",
        "opus",
        "remote",
        "reports",
        "spare",
        "srtp",
        "taps",
        "transport",
    )

    def __init__(
        self, handle: Handle, kind: str, host: str = "", rtp_port: int = 0, *, spare: int = -1
    ) -> None:
        self.handle = handle
        self.kind = kind
        self.local = (host, rtp_port)
        self.remote = ("", 0)
        self.bridge: int | None = None
        self.taps: dict[int, tuple[int, int, int]] = {}
        """By what they copy: OF_SAMPLES, OF_WIDE_SAMPLES, OF_PACKETS."""
        self.srtp: object = None
        self.reports = False
        self.spare = spare
        """A socket for RTCP that the engine does not have yet; -1: none."""
        self.g722 = False
        self.opus = False
        self.transport: Transport | None = None


class Room:
    """A bridge and its ports."""

    __slots__ = ("capacity", "handle", "ports")

    def __init__(self, handle: Handle, capacity: int) -> None:
        self.handle = handle
        self.capacity = capacity
        self.ports: list[int] = []
