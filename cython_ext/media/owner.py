"""What the parts of an engine need of it: its ports, and a way to send commands."""

from abc import ABC, abstractmethod

from cython_ext.media._media import Handle, OpenPort


class Owner(ABC):
    """Base of the parts; ``Engine`` supplies both methods."""

    @abstractmethod
    def _port(self, port: int) -> OpenPort:
        """A port of the engine."""

    @abstractmethod
    def _push(
        self,
        op: int,
        subject: Handle | None = None,
        target: Handle | None = None,
        third: Handle | None = None,
        *,
        flag: int = 0,
        gain: float = 0.0,
    ) -> None:
        """Send one command to the engine's thread."""
