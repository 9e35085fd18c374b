"""A queue for one reader that is never full: what ``asyncio.Queue`` does, for a third of it."""

import asyncio
from collections.abc import Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """Things told to one task, in the order in which they were told."""

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: list[Item] = []  # short, and a tenth of what a deque takes when empty
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, item: Item) -> None:
        """Add one and wake the reader."""
        self._items.append(item)
        if self._reader is not None:
            _wake(self._reader)

    async def get(self) -> Item:
        """Take the oldest, and wait for one; nothing is lost when the wait is cancelled."""
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._items.pop(0)

    def filled(self) -> asyncio.Future[None]:
        """What to await while nothing is here, and then look again, for one who waits for long.

        He takes with ``get_nowait`` and keeps no frame of ``get`` meanwhile.
        """
        reader = self._reader = asyncio.get_running_loop().create_future()
        return reader

    async def get_within(self, patience_s: float | None) -> Item:
        """Take the oldest, and wait for one; TimeoutError when none comes, None waits for ever.

        ``asyncio.wait_for`` would make a task for each wait.
        """
        if patience_s is None or self._items:
            return await self.get()
        loop = asyncio.get_running_loop()
        reader = self._reader = loop.create_future()
        timer = loop.call_later(patience_s, _wake, reader)
        try:
            await reader
        finally:
            timer.cancel()
            self._reader = None
        if not self._items:
            raise TimeoutError
        return self._items.pop(0)

    def stir(self) -> None:
        """Let who awaits ``filled`` look again, though nothing was put here."""
        if self._reader is not None:
            _wake(self._reader)

    def get_nowait(self) -> Item:
        """Take the oldest; IndexError when there is none."""
        return self._items.pop(0)

    def drained(self) -> Iterable[Item]:
        """Take all that waits to be read."""
        items, self._items = self._items, []
        return items

    def empty(self) -> bool:
        """Whether nothing waits to be read."""
        return not self._items

    def qsize(self) -> int:
        """How many wait to be read."""
        return len(self._items)


def _wake(reader: "asyncio.Future[None]") -> None:
    if not reader.done():
        reader.set_result(None)
