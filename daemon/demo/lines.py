"""One JSON text a line between the demo and its processes."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import msgspec

from daemon.demo.script import Report

T = TypeVar("T")


class InputLines(Generic[T]):
    """Values from standard input, until it ends."""

    def __init__(self, reader: asyncio.StreamReader, kind: type[T]) -> None:
        self._reader = reader
        self._decoder = msgspec.json.Decoder(kind)

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        line = await self._reader.readline()
        if not line.strip():
            raise StopAsyncIteration
        return self._decoder.decode(line)


async def standard_input() -> asyncio.StreamReader:
    """Standard input as a stream."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def write_report(report: Report) -> None:
    """Write one report at once."""
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    sys.stdout.flush()
