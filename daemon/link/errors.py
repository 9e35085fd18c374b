"""What can go wrong between control and media, as a tree.

LinkError
├── MessageError       bytes that are no message of this protocol
├── MediaAway          media did not answer in time; commands wait across a reconnect
├── MediaRefused       media answered that it cannot do this; ``code`` says which kind
└── LinkClosed         the link was closed on our side
"""

from drivers.errors import DriverError


class LinkError(DriverError):
    """Something failed between control and media."""


class MessageError(LinkError):
    """These bytes are no message of the link's protocol."""

    def __init__(self, reason: str, data: bytes = b"") -> None:
        shown = data[:48].hex(" ") + (" ..." if len(data) > 48 else "")
        super().__init__(f"{reason}: {shown}" if data else reason)


class MediaAway(LinkError):
    """Media did not answer in time."""


class MediaRefused(LinkError):
    """Media answered that it cannot do this."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class LinkClosed(LinkError):
    """The link was closed on our side."""
