"""The ``Service`` protocol from another process, over control's Unix socket.

The connection is made when first needed and again after it was lost. A request that finds
no control process fails with ``ServiceUnreachableError`` within the connect time-out; it
is never sent twice, for the first copy may have been done.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from daemon.service.api import Service
from daemon.service.errors import ServiceError, ServiceUnreachableError
from daemon.service.wire import (
    CANCEL,
    MOST_REPLY,
    OPERATIONS,
    Fault,
    FrameReader,
    FrameTooLongError,
    Kind,
    Operation,
    Reply,
    Request,
    encoder,
    frame,
)

CONNECT_S: Final = 2.0
REQUEST_S: Final = 15.0
READ_BYTES: Final = 262_144
MOST_WAITING_ITEMS: Final = 4096  # of one stream; then its reader has lost it


class ServiceClient:
    """Calls the service behind a socket; ``service`` is the typed face."""

    def __init__(
        self, path: Path, *, connect_s: float = CONNECT_S, request_s: float = REQUEST_S
    ) -> None:
        self._path = path
        self._connect_s = connect_s
        self._request_s = request_s
        self._link: _Link | None = None
        self._connecting = asyncio.Lock()
        self._faces: dict[str, Callable[..., Any]] = {
            name: self._stream_face(operation) if operation.streams else self._face(operation)
            for name, operation in OPERATIONS.items()
        }

    @property
    def service(self) -> Service:
        """This client as the protocol that it speaks; built from it, so it cannot differ."""
        return cast("Service", self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        faces: dict[str, Callable[..., Any]] = self.__dict__.get("_faces", {})
        if name not in faces:
            raise AttributeError(name)
        return faces[name]

    async def close(self) -> None:
        """Close the connection; a later request opens a new one."""
        if self._link is not None:
            await self._link.close()
            self._link = None

    def _face(self, operation: Operation) -> Callable[..., Awaitable[Any]]:
        async def call(*positional: object, **named: object) -> object:
            link = await self._connected()
            given = dict(zip(operation.parameters, positional, strict=False)) | named
            try:
                async with asyncio.timeout(self._request_s):
                    raw = await link.ask(operation.name, given)
            except TimeoutError:
                raise ServiceUnreachableError("no reply in time") from None
            return operation.result.decode(raw)

        return call

    def _stream_face(self, operation: Operation) -> Callable[..., AsyncIterator[Any]]:
        async def stream(*positional: object, **named: object) -> AsyncIterator[Any]:
            link = await self._connected()
            given = dict(zip(operation.parameters, positional, strict=False)) | named
            async with contextlib.aclosing(link.stream(operation.name, given)) as items:
                async for raw in items:
                    yield operation.result.decode(raw)

        return stream

    async def _connected(self) -> "_Link":
        async with self._connecting:
            if self._link is not None and self._link.alive:
                return self._link
            try:
                async with asyncio.timeout(self._connect_s):
                    reader, writer = await asyncio.open_unix_connection(self._path)
            except (OSError, TimeoutError) as error:
                raise ServiceUnreachableError(str(error) or "timed out") from error
            self._link = _Link(reader, writer)
            return self._link


class _Link:
    """One connection: hands each reply to the request with its id."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._next_id = 0
        self._waiting: dict[int, asyncio.Queue[Reply | None]] = {}
        self._decoder = msgspec.msgpack.Decoder(Reply)
        self._task = asyncio.create_task(self._read(), name="facade replies")
        self.alive = True

    async def ask(self, operation: str, given: dict[str, object]) -> msgspec.Raw:
        """Send one request and return the payload of its reply."""
        id_, replies = self._begin(1)
        try:
            await self._send(Request(id_, operation, msgspec.Raw(encoder.encode(given))))
            return _payload(await replies.get())
        finally:
            self._waiting.pop(id_, None)

    async def stream(
        self, operation: str, given: dict[str, object]
    ) -> AsyncGenerator[msgspec.Raw, None]:
        """Send one request and yield the payloads of its items until the end."""
        id_, replies = self._begin(MOST_WAITING_ITEMS)
        try:
            await self._send(Request(id_, operation, msgspec.Raw(encoder.encode(given))))
            while True:
                reply = await replies.get()
                if reply is not None and reply.kind is Kind.END:
                    return
                yield _payload(reply)
        finally:
            self._waiting.pop(id_, None)
            if self.alive:
                self._writer.write(frame(Request(id_, CANCEL)))

    async def close(self) -> None:
        """Close and fail whoever still waits."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()

    def _begin(self, size: int) -> tuple[int, "asyncio.Queue[Reply | None]"]:
        if not self.alive:
            raise ServiceUnreachableError
        self._next_id += 1
        replies: asyncio.Queue[Reply | None] = asyncio.Queue(size)
        self._waiting[self._next_id] = replies
        return self._next_id, replies

    async def _send(self, request: Request) -> None:
        try:
            self._writer.write(frame(request))
            await self._writer.drain()
        except ConnectionError as error:
            raise ServiceUnreachableError(str(error)) from error

    async def _read(self) -> None:
        frames = FrameReader(MOST_REPLY)
        try:
            while data := await self._reader.read(READ_BYTES):
                for body in frames.feed(data):
                    await self._deliver(self._decoder.decode(body))
        except (ConnectionError, FrameTooLongError, msgspec.MsgspecError):
            # the peer is gone or not ours; every waiter learns it below
            self._writer.close()
        finally:
            self.alive = False
            for replies in self._waiting.values():
                if replies.full():
                    replies.get_nowait()
                replies.put_nowait(None)
            self._writer.close()

    async def _deliver(self, reply: Reply) -> None:
        replies = self._waiting.get(reply.id)
        if replies is None:
            return
        if replies.full():
            await asyncio.sleep(0)  # let its reader catch up once
        if replies.full():
            # a stream nobody reads must not hold up the other requests: it ends here
            del self._waiting[reply.id]
            replies.get_nowait()
            replies.put_nowait(None)
            self._writer.write(frame(Request(reply.id, CANCEL)))
            return
        replies.put_nowait(reply)


def _payload(reply: Reply | None) -> msgspec.Raw:
    if reply is None:
        raise ServiceUnreachableError("connection closed")
    if reply.kind is Kind.ERROR:
        raise _fault(reply)
    return reply.payload


def _fault(reply: Reply) -> ServiceError:
    return msgspec.msgpack.decode(reply.payload, type=Fault).error()
