"""What the parts of an engine need of it: its ports, and a way to send commands."""

from cython_ext.media._media import Handle
from cython_ext.media.held import OpenPort


class Owner:
    """Base of the parts; ``Engine`` supplies both methods."""

    def _port(self, port: int) -> OpenPort:
        raise NotImplementedError

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
        raise NotImplementedError
