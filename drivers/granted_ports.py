"""How a driver gets audio ports and streams that it need not wait for."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from drivers.api import PortId, RtpAddress, RtpStream
from drivers.errors import DriverError


@runtime_checkable
class GrantedPorts(Protocol):
    """Audio ports that are promised before they are needed; control implements it over the link.

    What is asked here cannot be refused while the engine lives, so nobody waits. ``refused`` hears
    of it when the engine has ended meanwhile.
    """

    def open_granted(
        self, to: RtpStream | None, refused: Callable[[DriverError], None]
    ) -> tuple[PortId, RtpAddress] | None:
        """``AudioPorts.open_rtp`` of a promised port; None where that must be waited for."""

    def connect_unwaited(
        self, port: PortId, to: RtpStream, refused: Callable[[DriverError], None]
    ) -> bool:
        """``AudioPorts.connect_rtp``; False, and nothing is done, where it must be waited for."""

    def close_unwaited(self, port: PortId, refused: Callable[[DriverError], None]) -> None:
        """``AudioPorts.close``."""

    def send_now(self) -> None:
        """Let the engine have what it was asked so far, before a peer hears of it."""
