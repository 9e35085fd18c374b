"""What a session description says (RFC 8866); ``drivers/sip/sdp.py`` reads and writes it."""

import msgspec


class Origin(msgspec.Struct, frozen=True):
    """The ``o=`` line: who made the description, and which version of it this is."""

    username: str = "-"
    session_id: int = 0
    version: int = 0
    host: str = "127.0.0.1"


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """One ``m=`` line with what belongs to it."""

    kind: str
    port: int
    """0: refused or switched off."""
    protocol: str = "RTP/AVP"
    formats: tuple[str, ...] = ()
    """Payload types, verbatim."""
    host: str = ""
    """Address of its own ``c=`` line; empty when it has none."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Name and value of each ``a=`` line, in order; the value may be empty."""

    def attribute(self, name: str) -> str | None:
        """Value of the first attribute of this name; None when there is none."""
        for found, value in self.attributes:
            if found == name:
                return value
        return None


class Sdp(msgspec.Struct, frozen=True, kw_only=True):
    """A whole session description."""

    origin: Origin
    name: str = "-"
    host: str = ""
    """Address of the session's ``c=`` line; empty when only media have one."""
    attributes: tuple[tuple[str, str], ...] = ()
    media: tuple[Media, ...] = ()
