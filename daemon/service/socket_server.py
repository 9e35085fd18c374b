"""Offers any ``Service`` on a Unix socket to processes of the allowed users.

A malformed frame is refused and counted, never raised; a frame that is too long ends the
connection, because nothing after it can be found. A client that does not read its replies
is paused by the socket itself and, for streams, by the feed's ring.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from tortoise.exceptions import DBConnectionError

from daemon.service.api import Service
from daemon.service.errors import ServiceError
from daemon.service.wire import (
    CANCEL,
    MOST_REQUEST,
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

READ_BYTES: Final = 65_536
MOST_OPEN_REQUESTS: Final = 64  # on one connection, streams included
MOST_CONNECTIONS: Final = 64
WRITE_HIGH_WATER: Final = 1 << 20  # bytes waiting for a slow client before we pause

log = structlog.get_logger(__name__)


def nothing() -> None:
    """For services that have nothing to bring to safety before they answer."""


class ServiceServer:
    """A Unix socket in front of a service; counters say what was refused and why.

    ``settle`` is called before what a service answers leaves the process, and must not raise.
    """

    def __init__(
        self,
        service: Service,
        path: Path,
        *,
        allowed_uids: Iterable[int] | None = None,
        settle: Callable[[], None] = nothing,
    ) -> None:
        self._service = service
        self._settle = settle
        self._path = path
        self._allowed = frozenset((os.getuid(), 0) if allowed_uids is None else allowed_uids)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.counters: Counter[str] = Counter()

    async def start(self) -> None:
        """Listen; a socket left over from a crash is replaced."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, path=self._path)
        self._path.chmod(0o660)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a task of our own: the one that asyncio would make reports its cancellation as a fault
        task = asyncio.create_task(self._serve(reader, writer), name="facade connection")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._admitted(writer):
                connection = _Connection(self._service, reader, writer, self.counters, self._settle)
                await connection.run()
        except ConnectionError:
            self.counters["connection_lost"] += 1
        finally:
            writer.close()

    def _admitted(self, writer: asyncio.StreamWriter) -> bool:
        uid = _peer_uid(writer.get_extra_info("socket"))
        if uid not in self._allowed:
            self.counters["refused_uid"] += 1
            log.warning("facade peer refused", uid=uid)
            return False
        if len(self._connections) > MOST_CONNECTIONS:
            self.counters["refused_full"] += 1
            return False
        self.counters["connections"] += 1
        return True


def _peer_uid(peer: socket.socket) -> int:
    """User of the other end as the kernel knows it: struct ucred, unix(7)."""
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", raw)[1])


class _Connection:
    """One client: reads requests, runs each in a task, writes replies in whole frames."""

    def __init__(
        self,
        service: Service,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        counters: Counter[str],
        settle: Callable[[], None],
    ) -> None:
        self._service = service
        self._settle = settle
        self._reader = reader
        self._writer = writer
        self._counters = counters
        self._frames = FrameReader(MOST_REQUEST)
        self._decoder = msgspec.msgpack.Decoder(Request)
        self._running: dict[int, asyncio.Task[None]] = {}
        writer.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)

    async def run(self) -> None:
        """Serve until the client goes."""
        try:
            while data := await self._reader.read(READ_BYTES):
                for body in self._frames.feed(data):
                    await self._take(body)
        except FrameTooLongError:
            self._counters["frame_too_long"] += 1
            await self._refuse(0, ServiceError("too-large", "The frame is too long.", "帧过长。"))
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, body: bytes) -> None:
        try:
            request = self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            self._counters["frame_malformed"] += 1
            await self._refuse(0, ServiceError("malformed", str(error)))
            return
        if request.operation == CANCEL:
            if task := self._running.get(request.id):
                task.cancel()
            return
        operation = OPERATIONS.get(request.operation)
        if operation is None or request.id in self._running:
            self._counters["operation_unknown" if operation is None else "id_in_use"] += 1
            await self._refuse(request.id, ServiceError("malformed", "Unknown operation or id."))
            return
        if len(self._running) >= MOST_OPEN_REQUESTS:
            self._counters["requests_full"] += 1
            await self._refuse(
                request.id,
                ServiceError("rate-limited", "Too many requests at once.", "并发请求过多。"),
            )
            return
        try:
            arguments = operation.arguments.decode(request.arguments)
        except msgspec.MsgspecError as error:
            self._counters["arguments_malformed"] += 1
            await self._refuse(request.id, ServiceError("malformed", str(error)))
            return
        self._counters["requests"] += 1
        given = {name: getattr(arguments, name) for name in operation.parameters}
        task = asyncio.create_task(
            self._perform(request.id, operation, given), name=f"facade {operation.name}"
        )
        self._running[request.id] = task
        task.add_done_callback(lambda _: self._running.pop(request.id, None))

    async def _perform(self, id: int, operation: Operation, given: dict[str, Any]) -> None:  # noqa: A002
        try:
            method = getattr(self._service, operation.name)
            if operation.streams:
                async with contextlib.aclosing(method(**given)) as items:
                    async for item in items:
                        await self._send(Reply(id, Kind.ITEM, _raw(item)))
                await self._send(Reply(id, Kind.END))
            else:
                await self._send(Reply(id, Kind.DONE, _raw(await method(**given))))
        except ServiceError as error:
            self._counters[f"error_{error.code}"] += 1
            await self._refuse(id, error)
        except DBConnectionError as error:
            # It is a ConnectionError too, but not of whoever asks.
            self._counters["error_database"] += 1
            log.warning("database away", operation=operation.name, why=str(error))
            await self._refuse(
                id,
                ServiceError(
                    "unavailable",
                    "The database cannot be reached; try again later.",
                    "数据库暂时无法连接，请稍后再试。",
                ),
            )
        except ConnectionError:
            self._counters["connection_lost"] += 1
        except Exception:
            # the edge of a task: one failing request must not end the others
            self._counters["error_failed"] += 1
            log.exception("facade request failed", operation=operation.name)
            await self._refuse(
                id,
                ServiceError("failed", "The request failed; see the log.", "请求失败，详见日志。"),
            )

    async def _refuse(self, id: int, error: ServiceError) -> None:  # noqa: A002
        await self._send(Reply(id, Kind.ERROR, _raw(Fault.of(error))))

    async def _send(self, reply: Reply) -> None:
        if self._writer.is_closing():
            return
        self._settle()
        self._writer.write(frame(reply))
        await self._writer.drain()


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(encoder.encode(value))
