"""Keeps the live picture, numbers its changes and hands them to any number of readers.

Not a queue per reader: one ring of the newest changes, and a reader is a cursor in it. A
reader that falls out of the ring gets the whole picture again (``Reset``), so a slow one
costs nothing. Numbers start at the milliseconds of the start, so those of an earlier run
are always too old and lead to a ``Reset``.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Container, Iterable
from typing import Final

from daemon.service.live import (
    AgentChanged,
    AlarmsChanged,
    CallChanged,
    Change,
    Gone,
    LiveAgent,
    LiveAlarm,
    LiveCall,
    LiveQueue,
    LiveState,
    LiveUpdate,
    QueueChanged,
    Reset,
    SettingsChanged,
)

KEPT_CHANGES: Final = 4096
IN_ONE_GO: Final = 20  # changes that a reader gets before others have their turn


class LiveFeed:
    """The picture now and the changes that led to it; used on one loop."""

    def __init__(self, now: float, *, keep: int = KEPT_CHANGES) -> None:
        self._seq = int(now * 1000)
        self._at = now
        self._queues: dict[str, LiveQueue] = {}
        self._agents: dict[str, LiveAgent] = {}
        self._calls: dict[str, LiveCall] = {}
        self._version = 0
        self.alarms: tuple[LiveAlarm, ...] = ()
        """What is wrong now."""
        self._ring: deque[LiveUpdate] = deque(maxlen=keep)
        self._readers: set[asyncio.Event] = set()

    def state(self) -> LiveState:
        """The whole picture, queues and agents by name, calls oldest first."""
        return LiveState(
            seq=self._seq,
            at=self._at,
            queues=tuple(sorted(self._queues.values(), key=lambda q: (q.name, q.slug))),
            agents=tuple(sorted(self._agents.values(), key=lambda a: (a.name, a.login))),
            calls=tuple(sorted(self._calls.values(), key=lambda c: (c.started, c.call))),
            version=self._version,
            alarms=self.alarms,
        )

    def show(
        self,
        at: float,
        *,
        queues: Iterable[LiveQueue] | None = None,
        agents: Iterable[LiveAgent] | None = None,
        calls: Iterable[LiveCall] | None = None,
        version: int | None = None,
    ) -> int:
        """Compare the parts given with the picture and publish what differs; returns how many."""
        changes: list[Change] = []
        if queues is not None:
            new_queues = {queue.slug: queue for queue in queues}
            changes += [
                QueueChanged(q) for key, q in new_queues.items() if self._queues.get(key) != q
            ]
            changes += [Gone("queue", key) for key in self._queues if key not in new_queues]
        if agents is not None:
            new_agents = {agent.login: agent for agent in agents}
            changes += [
                AgentChanged(a) for key, a in new_agents.items() if self._agents.get(key) != a
            ]
            changes += [Gone("agent", key) for key in self._agents if key not in new_agents]
        if calls is not None:
            new_calls = {call.call: call for call in calls}
            changes += [CallChanged(c) for key, c in new_calls.items() if self._calls.get(key) != c]
            changes += [Gone("call", key) for key in self._calls if key not in new_calls]
        if version is not None and version != self._version:
            changes.append(SettingsChanged(version))
        for change in changes:
            self.publish(change, at)
        return len(changes)

    def show_agents(self, at: float, agents: Iterable[LiveAgent]) -> int:
        """Like ``show``, for some agents; the others are as they were."""
        changed = [agent for agent in agents if self._agents.get(agent.login) != agent]
        for agent in changed:
            self.publish(AgentChanged(agent), at)
        return len(changed)

    def keep_agents(self, at: float, logins: Container[str]) -> None:
        """Publish that all other people are gone."""
        for key in [key for key in self._agents if key not in logins]:
            self.publish(Gone("agent", key), at)

    def show_calls(self, at: float, calls: Iterable[LiveCall], *, gone: Iterable[str] = ()) -> None:
        """Like ``show``, for some calls; the others are as they were, but for those gone."""
        for call in calls:
            if self._calls.get(call.call) != call:
                self.publish(CallChanged(call), at)
        for key in gone:
            if key in self._calls:
                self.publish(Gone("call", key), at)

    def publish(self, change: Change, at: float) -> None:
        """Apply one change, number it and wake the readers."""
        self._apply(change)
        self._append(LiveUpdate(self._seq + 1, at, change))

    def take(self, update: LiveUpdate) -> None:
        """Apply another feed's change under its own number: this feed is a copy of it."""
        self._apply(update.change)
        if isinstance(update.change, Reset):
            self._ring.clear()
        self._append(update)

    def _append(self, update: LiveUpdate) -> None:
        self._seq, self._at = update.seq, update.at
        self._ring.append(update)
        for wake in self._readers:
            wake.set()

    def _apply(self, change: Change) -> None:
        match change:
            case QueueChanged(queue):
                self._queues[queue.slug] = queue
            case AgentChanged(agent):
                self._agents[agent.login] = agent
            case CallChanged(call):
                self._calls[call.call] = call
            case Gone("queue", key):
                self._queues.pop(key, None)
            case Gone("agent", key):
                self._agents.pop(key, None)
            case Gone("call", key):
                self._calls.pop(key, None)
            case SettingsChanged(version):
                self._version = version
            case AlarmsChanged(alarms):
                self.alarms = alarms
            case Reset(state):
                self._queues = {queue.slug: queue for queue in state.queues}
                self._agents = {agent.login: agent for agent in state.agents}
                self._calls = {call.call: call for call in state.calls}
                self._version = state.version
                self.alarms = state.alarms
            case _:
                raise ValueError(f"unknown kind of thing in {change!r}")

    async def subscribe(self, after_seq: int) -> AsyncGenerator[LiveUpdate, None]:
        """Yield every change after a number, ``Reset`` first when some are not kept."""
        wake = asyncio.Event()
        self._readers.add(wake)
        cursor = after_seq
        try:
            while True:
                wake.clear()
                for number, update in enumerate(self._after(cursor), 1):
                    cursor = update.seq
                    yield update
                    if number % IN_ONE_GO == 0:
                        await asyncio.sleep(0)  # calls go on while a burst is handed out
                if cursor == self._seq:
                    await wake.wait()
        finally:
            self._readers.discard(wake)

    def _after(self, seq: int) -> list[LiveUpdate]:
        oldest = self._ring[0].seq if self._ring else self._seq + 1
        if not oldest - 1 <= seq <= self._seq:
            return [LiveUpdate(self._seq, self._at, Reset(self.state()))]
        missed = self._seq - seq
        return [self._ring[-back] for back in range(missed, 0, -1)]
