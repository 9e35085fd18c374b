"""How SIP messages travel on one connection, without the connection: bytes in, messages out."""

from typing import Protocol

from drivers.sip.streams.framing import PING, PONG, Frame, Ping, Pong, StreamFramer


class Codec(Protocol):
    """One side of one connection."""

    ended: bool
    """The peer said goodbye."""
    answers: int
    """Keep-alives of ours that the peer answered."""

    @property
    def broken(self) -> str:
        """How the peer broke its protocol, so that nothing can follow; empty while it did not."""

    def receive(self, data: bytes) -> list[bytes]: ...
    def encode(self, message: bytes) -> bytes: ...
    def ping(self) -> bytes: ...
    def farewell(self) -> bytes: ...
    def take_output(self) -> bytes: ...


class StreamCodec:
    """SIP over TCP or TLS: framing by Content-Length, keep-alives by line ends (RFC 5626)."""

    def __init__(self, *, accepted: bool) -> None:
        self._framer = StreamFramer(accepted=accepted)
        self._output = b""
        self.ended = False
        self.answers = 0

    @property
    def broken(self) -> str:
        """How the peer broke the protocol."""
        return self._framer.broken

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes; whole messages, in order."""
        messages: list[bytes] = []
        for one in self._framer.receive(data):
            if isinstance(one, Frame):
                messages.append(one.data)
            elif isinstance(one, Ping):
                self._output += PONG
            elif isinstance(one, Pong):
                self.answers += 1
        return messages

    def encode(self, message: bytes) -> bytes:
        """A message as it goes on the wire: just so."""
        return message

    def ping(self) -> bytes:
        """The question whether the peer is there."""
        return PING

    def farewell(self) -> bytes:
        """TCP needs no words to end."""
        return b""

    def take_output(self) -> bytes:
        """What the protocol itself has to say: answers to keep-alives."""
        output, self._output = self._output, b""
        return output
