"""What the owner of an engine knows of recordings and transports of its ports."""

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # its face names what is here
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

    def __init__(self, handle: "Handle", *, ice: bool) -> None:
        self.handle = handle
        self.ice = ice
        self.described: object = None
        """Fingerprints and role; they stay for the life of the association."""
        self.state = "new"
        """new, connecting, connected, failed or closed, as browsers call it (W3C WebRTC)."""
