"""Typed publish and subscribe: what happened goes out, nobody steers a call through it.

Each subscriber has a bounded buffer. One that reads too slowly loses its place: its
buffer is dropped and it receives ``Lost`` first, so it knows to start from a snapshot.
Publishing never waits. One event loop; not thread-safe.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, Generic, TypeVar

import msgspec

DEFAULT_LIMIT: Final = 1024  # events; two seconds of a busy site's live figures

Event = TypeVar("Event", bound=msgspec.Struct)


class Lost(msgspec.Struct, frozen=True):
    """The subscriber was too slow; so many events were dropped just before this one."""

    count: int


class Subscription(Generic[Event]):
    """One subscriber's place; iterate it, and leave the ``with`` block to end it."""

    def __init__(self, bus: "Bus", types: tuple[type[Event], ...], limit: int) -> None:
        self._bus = bus
        self._types = types
        self._limit = limit
        self._waiting: deque[Event] = deque()
        self._lost = 0
        self._arrived = asyncio.Event()
        self._closed = False

    def __enter__(self) -> "Subscription[Event]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[Event | Lost]:
        return self

    async def __anext__(self) -> Event | Lost:
        while True:
            if self._lost:
                count, self._lost = self._lost, 0
                return Lost(count)
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()

    def take(self) -> list[Event | Lost]:
        """Everything that has arrived and was not read yet, without waiting."""
        taken: list[Event | Lost] = [Lost(self._lost)] if self._lost else []
        taken.extend(self._waiting)
        self._lost = 0
        self._waiting.clear()
        return taken

    def close(self) -> None:
        """End the subscription; what has arrived can still be read."""
        self._closed = True
        self._bus.forget(self)
        self._arrived.set()

    def deliver(self, event: msgspec.Struct) -> None:
        """Take one event from the bus, or lose everything waiting when the buffer is full."""
        if not isinstance(event, self._types):
            return
        if len(self._waiting) >= self._limit:
            self._lost += len(self._waiting)
            self._waiting.clear()
        self._waiting.append(event)
        self._arrived.set()


class Bus:
    """Hands each published event to every subscriber of its type."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription[msgspec.Struct]] = []

    def subscribe(self, *types: type[Event], limit: int = DEFAULT_LIMIT) -> Subscription[Event]:
        """Subscribe to these event types and their subclasses."""
        subscription = Subscription(self, types, limit)
        self._subscriptions.append(subscription)  # type: ignore[arg-type]
        return subscription

    def publish(self, event: msgspec.Struct) -> None:
        """Give the event to all who want it; never waits and never fails."""
        for subscription in tuple(self._subscriptions):
            subscription.deliver(event)

    def forget(self, subscription: Subscription[Event]) -> None:
        """Drop a subscriber; harmless when it is gone already."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)  # type: ignore[arg-type]
