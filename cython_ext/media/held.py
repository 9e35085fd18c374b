"""What the owner of an engine knows of its open ports and bridges."""

from cython_ext.media._media import Handle


class OpenPort:
    """An open port as its owner knows it."""

    __slots__ = ("bridge", "g722", "handle", "kind", "local", "remote", "reports", "srtp", "tap")

    def __init__(self, handle: Handle, kind: str, host: str = "", rtp_port: int = 0) -> None:
        self.handle = handle
        self.kind = kind
        self.local = (host, rtp_port)
        self.remote = ("", 0)
        self.bridge: int | None = None
        self.tap: tuple[int, int, int] | None = None
        self.srtp: object = None
        self.reports = False
        self.g722 = False


class Room:
    """A bridge and its ports."""

    __slots__ = ("capacity", "handle", "ports")

    def __init__(self, handle: Handle, capacity: int) -> None:
        self.handle = handle
        self.capacity = capacity
        self.ports: list[int] = []
