"""Messages out of a byte stream by Content-Length (RFC 3261 18.3), without a socket.

Beside messages a stream carries keep-alives: two CRLF ask, one CRLF answers (RFC 5626 3.5.1).
"""

import re
from typing import Final

import msgspec

MAX_HEAD: Final = 32 * 1024  # bytes; sixty hops of Via and Record-Route fit
MAX_BODY: Final = 64 * 1024  # bytes; what a datagram could carry
_BLANK: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(
    rb"\r\n(?![ \t])(?:\r(?!\n)|[\n\v\f \t])*(?:content-length|l)(?:\r(?!\n)|[\n\v\f \t])*:"
    rb"(.*?)(?=\r\n|\Z)",
    re.IGNORECASE | re.DOTALL,
)
"""Each header that says how long the body is; a folded line belongs to the header before it."""
_FIRST: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class Frame(msgspec.Struct, frozen=True):
    """One message as it came."""

    data: bytes


class Ping(msgspec.Struct, frozen=True):
    """The peer asks whether we are there: answer with ``PONG``."""


class Pong(msgspec.Struct, frozen=True):
    """The peer answers our ``PING``."""


Framed = Frame | Ping | Pong

PING: Final = b"\r\n\r\n"
PONG: Final = b"\r\n"


class FramingError(Exception):
    """A head does not say where its message ends."""


class StreamFramer:
    """Takes bytes in any cut and gives whole messages; one for each connection.

    On a connection that the peer opened (``accepted``) two line ends are its ping; on one that
    we opened each line end answers ours.
    """

    def __init__(
        self, *, accepted: bool, max_head: int = MAX_HEAD, max_body: int = MAX_BODY
    ) -> None:
        self._accepted = accepted
        self._max_head = max_head
        self._max_body = max_body
        self._buffer = bytearray()
        self._searched = 0  # no end of the head begins before this
        self._need = 0  # bytes of the message whose head is known; 0: not known
        self._line_ends = 0
        self.broken = ""
        """Why no message can follow any more; empty while the stream is sound."""

    def __len__(self) -> int:
        """Bytes that wait for the rest of their message."""
        return len(self._buffer)

    def receive(self, data: bytes) -> list[Framed]:
        """Take what arrived; nothing is found any more once the stream is ``broken``."""
        buffer = self._buffer
        if not buffer and not self.broken and self._is_one_message(data):
            return [Frame(data)]
        buffer += data
        found: list[Framed] = []
        while buffer and not self.broken:
            if not self._need:
                if buffer[0] in b"\r\n":
                    if not self._keep_alive(found):
                        break
                    continue
                if not self._find_head():
                    break
            if len(buffer) < self._need:
                break
            found.append(Frame(bytes(buffer[: self._need])))
            del buffer[: self._need]
            self._need = self._searched = self._line_ends = 0
        if self.broken:
            buffer.clear()
        return found

    def _is_one_message(self, data: bytes) -> bool:
        """Whether it is one message and nothing else, as most of what arrives is."""
        end = data.find(_BLANK)
        if end < 0 or end > self._max_head or data[0] not in _FIRST:
            return False
        try:
            length = content_length(data[: end + 2])
        except FramingError:
            return False  # told below
        if length > self._max_body or len(data) != end + len(_BLANK) + length:
            return False
        self._line_ends = 0
        return True

    def _keep_alive(self, found: list[Framed]) -> bool:
        """Take a line end between messages; False while half of it is missing."""
        buffer = self._buffer
        if buffer[0] == 10:
            del buffer[:1]  # some phones ping with bare line feeds
            return True
        if len(buffer) == 1:
            return False
        if buffer[1] != 10:
            self.broken = "a carriage return without a line feed"
            return False
        del buffer[:2]
        self._line_ends += 1
        if not self._accepted:
            found.append(Pong())
        elif self._line_ends == 2:
            self._line_ends = 0
            found.append(Ping())
        return True

    def _find_head(self) -> bool:
        """Find the end of the head and the length of the body; False while it is not here."""
        buffer = self._buffer
        if buffer[0] not in _FIRST:
            self.broken = "no SIP message begins so"
            return False
        end = buffer.find(_BLANK, self._searched)
        if end > self._max_head or (end < 0 and len(buffer) > self._max_head):
            self.broken = f"a head of more than {self._max_head} bytes"
            return False
        if end < 0:
            self._searched = max(len(buffer) - 3, 0)
            return False
        try:
            length = content_length(bytes(buffer[: end + 2]))
        except FramingError as error:
            self.broken = str(error)
            return False
        if length > self._max_body:
            self.broken = f"a body of more than {self._max_body} bytes"
            return False
        self._need = end + len(_BLANK) + length
        return True


def content_length(head: bytes) -> int:
    """Length of the body a head announces; FramingError when it does not say it clearly.

    A stream needs the header (RFC 3261 20.14), and two that differ would let one peer's message
    end where another's begins.
    """
    length: int | None = None
    for value in _LENGTH.findall(head):
        text = value.strip()
        if not text.isdigit() or len(text) > 9:
            raise FramingError("Content-Length is no number")
        if length is not None and length != int(text):
            raise FramingError("two Content-Length that differ")
        length = int(text)
    if length is None:
        raise FramingError("no Content-Length")
    return length
