"""What the media process does for a host, such as a driver or the faxes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from daemon.link import commands as ask
from daemon.link import messages as told
from drivers.api import PortId

if TYPE_CHECKING:
    from daemon.media.ports import Host, Ports


class ServicesOf:
    """What one host may use."""

    def __init__(self, ports: "Ports", host: "Host") -> None:
        self._ports = ports
        self._host = host

    def emit(self, payload: bytes) -> None:
        """Send a numbered HostEvent to control."""
        self._ports.emit(told.HostEvent(host=self._host.name, payload=payload))

    def open_device(self, port: PortId, fd: int, law: str, *, digits: str = "inband") -> None:
        """Make a descriptor an audio port."""
        self._ports.open_device(self._host, port, fd, law, digits=digits)

    def play(self, command: ask.PlayCaller | ask.PlayTone) -> None:
        """Play to a port of the host's; MediaRefused."""
        self._ports.carry_out(command)

    def heard_by(self, port: PortId) -> Mapping[str, float]:
        """Counters of the one whom a port hears."""
        return self._ports.heard_by(port)

    def close(self, port: PortId) -> None:
        """Give a port back."""
        self._ports.close(port)
