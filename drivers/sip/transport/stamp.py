"""What the transport layer writes into a message: sent-by and transport (RFC 3261 18.1.1).

The core writes every message as if it left by the first UDP listener. Here the top Via of
requests and our own Contact are made true for the flow that really carries it, so that the
peer's next request comes back the same way.
"""

from typing import Final

from cython_ext.sip_wire import format_host

_BLANK: Final = b"\r\n\r\n"
_CONTACT: Final = b"\r\nContact: <sip:"


class Stamp:
    """Rewrites messages from the core's own place to that of one listener or connection."""

    def __init__(self, *, core: tuple[str, int], host: str, port: int, transport: str) -> None:
        written, ours = format_host(*core), format_host(host, port)
        self._via = f"\r\nVia: SIP/2.0/UDP {written};".encode()
        self._our_via = f"\r\nVia: SIP/2.0/{transport.upper()} {ours};".encode()
        self._place = written.encode()
        # Both secure transports are one kind of URI: ``wss`` exists in Via only (RFC 7118 5).
        named = {"udp": "", "wss": ";transport=ws"}.get(transport, f";transport={transport}")
        self._our_place = (ours + named).encode()
        self._same = self._via == self._our_via

    def apply(self, data: bytes) -> bytes:
        """The message for this flow."""
        if self._same:
            return data
        head, blank, body = data.partition(_BLANK)
        if not head.startswith(b"SIP/2.0 "):
            head = head.replace(self._via, self._our_via, 1)
        start = head.find(_CONTACT)
        if start >= 0:
            start += len(_CONTACT)
            end = head.find(b">", start)
            uri = head[start:end]
            if uri == self._place or uri.endswith(b"@" + self._place):
                uri = uri[: len(uri) - len(self._place)] + self._our_place
                head = head[:start] + uri + head[end:]
        return head + blank + body
