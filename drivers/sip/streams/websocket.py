"""SIP over WebSocket (RFC 7118), server side, without a socket.

One WebSocket message holds exactly one SIP message; the opening handshake must name the
subprotocol ``sip``. The WebSocket protocol itself is the library's sans-IO half.
"""

import http
import logging
from collections.abc import Sequence
from typing import Final

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from drivers.sip.streams.framing import MAX_BODY, MAX_HEAD

SUBPROTOCOL: Final = Subprotocol("sip")
MAX_HANDSHAKE: Final = 16 * 1024  # bytes before the handshake is done
_SILENT: Final = logging.getLogger("drivers.sip.streams.websocket")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # reasons are told by ``broken``, once


class WebSocketCodec:
    """One browser's connection, from its HTTP request on."""

    def __init__(self, *, path: str = "", origins: Sequence[str] = ()) -> None:
        self._path = path
        allowed = [Origin(origin) for origin in origins] or None
        self._protocol = ServerProtocol(
            origins=allowed,
            subprotocols=[SUBPROTOCOL],
            max_size=MAX_HEAD + MAX_BODY,
            logger=_SILENT,
        )
        self._parts: list[bytes] = []
        self._handshake = 0
        self.broken = ""
        """How the peer broke its protocol, so that nothing can follow; empty while it did not."""
        self.ended = False
        """The peer said goodbye."""
        self.answers = 0

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done and nobody said goodbye."""
        return self._protocol.state is State.OPEN

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes; whole messages, in order."""
        protocol = self._protocol
        if self.broken or self.ended:
            return []
        if protocol.state is State.CONNECTING:
            self._handshake += len(data)
            if self._handshake > MAX_HANDSHAKE:
                self.broken = "a handshake that does not end"
                return []
        protocol.receive_data(data)
        messages: list[bytes] = []
        for event in protocol.events_received():
            if isinstance(event, Request):
                self._answer(event)
            elif not isinstance(event, Frame):
                continue  # a response: only clients get one
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._parts.append(bytes(event.data))
                if event.fin:
                    messages.append(b"".join(self._parts))
                    self._parts.clear()
            elif event.opcode is Opcode.PONG:
                self.answers += 1
        if protocol.close_expected() and not self.broken:
            self.broken = _fault(protocol)
            self.ended = not self.broken
        # An empty message is a keep-alive some clients send; it holds no SIP.
        return [message for message in messages if message.strip(b"\r\n")]

    def encode(self, message: bytes) -> bytes:
        """A SIP message as one WebSocket message; empty when the handshake is not done."""
        if not self.is_open:
            return b""
        if _is_text(message):
            self._protocol.send_text(message)
        else:
            self._protocol.send_binary(message)
        return self.take_output()

    def ping(self) -> bytes:
        """The question whether the peer is there; browsers answer it by themselves."""
        if not self.is_open:
            return b""
        self._protocol.send_ping(b"")
        return self.take_output()

    def farewell(self) -> bytes:
        """The closing frame: going away (RFC 6455 7.4.1)."""
        if not self.is_open:
            return b""
        self._protocol.send_close(1001)
        return self.take_output()

    def take_output(self) -> bytes:
        """What the protocol itself has to say: handshake, pongs, close."""
        return b"".join(self._protocol.data_to_send())

    def _answer(self, request: Request) -> None:
        protocol = self._protocol
        if self._path and request.path.partition("?")[0] != self._path:
            response = protocol.reject(http.HTTPStatus.NOT_FOUND, "No telephones here.\n")
        elif SUBPROTOCOL not in _offered(request.headers):
            text = "Ask for the subprotocol sip (RFC 7118).\n"
            response = protocol.reject(http.HTTPStatus.BAD_REQUEST, text)
        else:
            response = protocol.accept(request)
        protocol.send_response(response)
        if response.status_code != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.broken = f"handshake refused with {response.status_code}"


def _offered(headers: Headers) -> list[str]:
    values = headers.get_all("Sec-WebSocket-Protocol")
    return [name.strip() for value in values for name in value.split(",")]


def _fault(protocol: ServerProtocol) -> str:
    if protocol.handshake_exc is not None:
        return f"handshake: {protocol.handshake_exc}"
    if protocol.parser_exc is not None:
        return f"WebSocket: {protocol.parser_exc}"
    return ""


def _is_text(message: bytes) -> bool:
    if message.isascii():
        return True
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
