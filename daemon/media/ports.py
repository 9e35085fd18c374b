"""Audio ports on top of the engine, and what drivers that run in media get of it."""

from typing import Protocol

from drivers.api import PortId


class Host(Protocol):
    """A driver that runs in the media process, because it holds a device with audio."""

    name: str
    """The driver's name in the site's configuration; commands are addressed by it."""

    async def open(self, services: "HostServices") -> None:
        """Start; a device that is missing is retried inside, not raised."""

    async def handle(self, payload: bytes) -> bytes:
        """Answer a HostCommand; a failure is told inside the answer."""

    def device_event(self, port: PortId, kind: str, value: int) -> None:
        """Hear of a port: ``event`` (the board wants to be asked) or ``lost``."""

    async def control_gone(self) -> None:
        """Release calls: no control process has come back within the grace time."""

    async def close(self) -> None:
        """Release every line and device; safe to call twice."""


class HostServices(Protocol):
    """What the media process does for a host."""

    def emit(self, payload: bytes) -> None:
        """Send a numbered HostEvent to control, also when control is away for now."""

    def open_device(self, port: PortId, fd: int, law: str, *, digits: str = "inband") -> None:
        """Make a descriptor with 20 ms chunks an audio port; the descriptor is duplicated.

        ``law`` is A, U (160-byte chunks) or s16 (320-byte chunks); ``digits`` is inband, or
        device when the hardware reports keys. Such a port is never closed by media itself.
        """

    def close(self, port: PortId) -> None:
        """Give a port back; closing twice is harmless."""
