"""Frames between the facade's two ends: 4 bytes of length, big endian, then msgpack.

No I/O. Requests are ``[id, operation, arguments]``, replies ``[id, kind, payload]``; the
operations with their types are read from the ``Service`` protocol, so that the two ends
and the protocol cannot differ.
"""

import inspect
import types
from collections.abc import AsyncIterator
from enum import Enum
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec

from daemon.service.api import Service
from daemon.service.errors import ServiceError

LENGTH_BYTES: Final = 4
MOST_REQUEST: Final = 1 << 20  # bytes; the greatest request is one person or queue
MOST_REPLY: Final = 32 << 20  # bytes; the greatest reply is the live picture
CANCEL: Final = "cancel"
"""Operation without reply that ends the stream with the same id."""

encoder: Final = msgspec.msgpack.Encoder()


class FrameTooLongError(Exception):
    """The peer announces a frame above the limit; the connection cannot go on."""


class Kind(Enum):
    """What a reply carries."""

    DONE = 0
    ERROR = 1
    ITEM = 2
    END = 3


class Request(msgspec.Struct, frozen=True, array_like=True):
    """One operation asked for; ids are the client's and unique on a connection."""

    id: int
    operation: str
    arguments: msgspec.Raw = msgspec.Raw(b"\x80")


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """The answer, or one item of a stream."""

    id: int
    kind: Kind
    payload: msgspec.Raw = msgspec.Raw(b"\xc0")


class Fault(msgspec.Struct, frozen=True):
    """A ``ServiceError`` on the wire."""

    code: str
    en: str
    zh: str
    fields: dict[str, str] = {}
    retry_s: float = 0.0

    @staticmethod
    def of(error: ServiceError) -> "Fault":
        """The error as it travels."""
        return Fault(error.code, error.en, error.zh, error.fields, error.retry_s)

    def error(self) -> ServiceError:
        """The error as it is raised at the client's end."""
        return ServiceError(self.code, self.en, self.zh, fields=self.fields, retry_s=self.retry_s)


class Operation(msgspec.Struct, frozen=True):
    """One method of the protocol: how its arguments and its result are typed."""

    name: str
    parameters: tuple[str, ...]
    arguments: msgspec.msgpack.Decoder[Any]
    result: msgspec.msgpack.Decoder[Any]
    streams: bool


def _operations() -> dict[str, Operation]:
    found = {}
    for name, method in inspect.getmembers(Service, inspect.isfunction):
        if name.startswith("_"):
            continue
        hints = get_type_hints(method)
        result = hints.pop("return", types.NoneType)
        streams = get_origin(result) is AsyncIterator
        if streams:
            (result,) = get_args(result)
        arguments = msgspec.defstruct(
            f"{name}_arguments", list(hints.items()), frozen=True, forbid_unknown_fields=True
        )
        found[name] = Operation(
            name,
            tuple(hints),
            msgspec.msgpack.Decoder(arguments),
            msgspec.msgpack.Decoder(result),
            streams,
        )
    return found


OPERATIONS: Final = _operations()


def frame(message: Request | Reply) -> bytes:
    """A message with its length before it."""
    body = encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


class FrameReader:
    """Bytes in, bodies of whole frames out, however the bytes are cut."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Frames completed by these bytes; FrameTooLongError before one is buffered."""
        self._buffer += data
        bodies = []
        start = 0
        while len(self._buffer) - start >= LENGTH_BYTES:
            length = int.from_bytes(self._buffer[start : start + LENGTH_BYTES], "big")
            if length > self._limit:
                raise FrameTooLongError(f"frame of {length} bytes, limit {self._limit}")
            end = start + LENGTH_BYTES + length
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[start + LENGTH_BYTES : end]))
            start = end
        del self._buffer[:start]
        return bodies
