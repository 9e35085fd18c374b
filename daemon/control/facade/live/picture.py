"""The live picture: what the engine, the calls and the directory look like together.

Made only while somebody looks. Then calls and agents are looked at when something happened to
them, and each of them once in a round, for what nobody told us of. All of it is done in small
pieces between which calls go on: a hotline with a thousand callers waiting has a lot to show,
and an agent who becomes free must not wait for that.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import aclosing
from typing import Final, TypeVar

from acd_core.ids import AgentId, to_text
from acd_core.snapshot import AgentView
from daemon.control.calls.call import Phase
from daemon.control.controller import Controller
from daemon.control.facade.directory import AgentInfo
from daemon.control.facade.live.shown import show_agent, show_call, show_queue, with_others
from daemon.service.live import LiveAgent, LiveCall, LiveState, LiveUpdate
from daemon.service.live_feed import LiveFeed

REFRESH_S: Final = 0.2  # s; pages are read by people
ROUND_S: Final = 4.0  # s in which everything is looked at, also what nobody told us of
PIECE: Final = 25  # calls or agents looked at in one go: a fraction of a millisecond
CALLERS_SHOWN: Final = 50
"""Callers who are listed in their queue; all of them are among the calls."""
PLACES_SHOWN: Final = 10
"""Callers whose call names the place: with each one who is served all places change."""

Key = TypeVar("Key")
MadeOf = tuple[AgentView, str, str, int]


class LivePicture:
    """Publishes what changed while somebody looks."""

    def __init__(self, controller: Controller, clock: Callable[[], float]) -> None:
        self.feed = LiveFeed(clock())
        self._controller = controller
        self._clock = clock
        self._readers = 0
        self._watched = asyncio.Event()
        self._looking = asyncio.Lock()
        self._version = -1
        """Of the directory that everything is shown by."""
        self._shown: set[int] = set()
        """Calls in the picture."""
        self._agents: dict[int, tuple[MadeOf, LiveAgent]] = {}
        """By key of what an agent's picture was made, and the picture."""
        self._places: dict[int, int] = {}
        """Of the calls that come first."""
        self._round: deque[tuple[Sequence[int], Sequence[AgentId]]] = deque()
        """Pieces that are still to be looked at in this round ..."""
        self._round_began = 0.0
        self._round_pieces = 0
        """... of so many."""

    async def run(self) -> None:
        """Follow until cancelled, at most five times a second, and only while somebody looks."""
        while True:
            await self._watched.wait()
            try:
                async with asyncio.timeout(ROUND_S):
                    await self._controller.dirty.wait()
            except TimeoutError:
                pass  # now that is looked at which nobody told us of
            await self.follow()
            await asyncio.sleep(REFRESH_S)

    async def subscribe(self, after_seq: int) -> AsyncGenerator[LiveUpdate, None]:
        """Yield every change after a number, ``Reset`` first when some are not kept."""
        self._readers += 1
        try:
            if not self._watched.is_set():
                self._controller.moved = set()
                await self.refresh()
                self._watched.set()
            async with aclosing(self.feed.subscribe(after_seq)) as updates:
                async for update in updates:
                    yield update
        finally:
            self._readers -= 1
            if not self._readers:
                self._watched.clear()
                self._controller.moved = None

    async def state(self) -> LiveState:
        """The whole picture now."""
        await self.refresh()
        return self.feed.state()

    async def refresh(self) -> None:
        """Look at everything and publish what differs."""
        async with self._looking:
            self._take()
            self._round.clear()
            self._new_version()
            self._look_at_queues()
            await self._look(*self._everything())

    async def follow(self) -> None:
        """Look at that to which something happened, and at a part of the rest."""
        if self._controller.directory.version != self._version:
            await self.refresh()
            return
        async with self._looking:
            calls, agents = self._take()
            agents |= self._agents_of(calls)
            calls |= self._look_at_queues()
            await self._look(calls, agents)
            for piece in self._next_of_round():
                await self._look(*piece)

    # -- what is looked at --------------------------------------------------------------------

    def _take(self) -> tuple[set[int], set[AgentId]]:
        """What happened since the last look; what happens from here on is for the next one."""
        controller = self._controller
        controller.dirty.clear()
        agents, calls = set(controller.acd.touched), controller.moved or set()
        controller.acd.touched.clear()
        if controller.moved is not None:
            controller.moved = set()
        # Those that began and those that ended.
        return calls | (controller.calls.keys() ^ self._shown), agents

    def _agents_of(self, calls: Iterable[int]) -> set[AgentId]:
        """Agents of these calls: with whom else they talk the engine is not told."""
        lives = (self._controller.calls.get(call) for call in calls)
        return {AgentId(agent) for life in lives if life is not None for agent in life.call.agents}

    def _everything(self) -> tuple[list[int], list[AgentId]]:
        agents = [AgentId(agent.key) for agent in self._controller.directory.agents]
        return list(self._shown | self._controller.calls.keys()), agents

    def _next_of_round(self) -> list[tuple[Sequence[int], Sequence[AgentId]]]:
        """As many pieces as belong to the time since the round began."""
        now = self._clock()
        if not self._round:
            calls, agents = self._everything()
            self._round.extend((piece, ()) for piece in _pieces(calls))
            self._round.extend(((), piece) for piece in _pieces(agents))
            self._round_began, self._round_pieces = now, len(self._round)
            return []
        left = self._round_pieces * max(1.0 - (now - self._round_began) / ROUND_S, 0.0)
        return [self._round.popleft() for _ in range(len(self._round) - int(left))]

    def _new_version(self) -> None:
        directory = self._controller.directory
        if directory.version == self._version:
            return
        self._version = directory.version
        self._agents.clear()
        now = self._clock()
        self.feed.keep_agents(now, {agent.login for agent in directory.agents})
        self.feed.show(now, version=directory.version)

    # -- how it looks -------------------------------------------------------------------------

    async def _look(self, calls: Collection[int], agents: Collection[AgentId]) -> None:
        for some_calls in _pieces(calls):
            self._look_at_calls(some_calls)
            await asyncio.sleep(0)
        for some_agents in _pieces(agents):
            self._look_at_agents(some_agents)
            await asyncio.sleep(0)

    def _look_at_queues(self) -> set[int]:
        """Publish the queues; the calls whose place is another one now."""
        controller, now = self._controller, self._clock()
        views = {int(view.queue): view for view in controller.acd.engine.queues(now, CALLERS_SHOWN)}
        self.feed.show(
            now,
            queues=[
                show_queue(queue, views[queue.key], controller)
                for queue in controller.directory.queues
                if queue.key in views
            ],
        )
        before, self._places = (
            self._places,
            {
                int(caller.call): caller.position
                for view in views.values()
                for caller in view.waiting[:PLACES_SHOWN]
            },
        )
        return {call for call, _ in before.items() ^ self._places.items()}

    def _look_at_calls(self, calls: Iterable[int]) -> None:
        controller = self._controller
        gone: list[int] = []
        there: list[LiveCall] = []
        for call in calls:
            life = controller.calls.get(call)
            if life is not None and life.call.phase is not Phase.ENDED:
                self._shown.add(call)
                there.append(show_call(life.call, controller, self._places.get(call, 0)))
            elif call in self._shown:
                self._shown.remove(call)
                gone.append(call)
        self.feed.show_calls(self._clock(), there, gone=map(to_text, gone))

    def _look_at_agents(self, agents: Collection[AgentId]) -> None:
        directory = self._controller.directory
        views = self._controller.acd.engine.agents(agents)
        found = ((directory.agent(view.agent), view) for view in views)
        shown = [self._agent(agent, view) for agent, view in found if agent is not None]
        self.feed.show_agents(self._clock(), shown)

    def _agent(self, agent: AgentInfo, view: AgentView) -> LiveAgent:
        """How an agent is shown; made anew only when it would be different."""
        life = self._controller.calls.get(view.call) if view.call is not None else None
        caller = life.call.ani if life is not None else ""
        others = with_others(life.call if life is not None else None)
        made_of = (view, caller, others, self._controller.answered_today(agent.key))
        before = self._agents.get(agent.key)
        if before is not None and before[0] == made_of:
            return before[1]
        shown = show_agent(agent, view, self._controller, caller=caller, others=others)
        self._agents[agent.key] = (made_of, shown)
        return shown


def _pieces(keys: Collection[Key]) -> list[list[Key]]:
    ordered = list(keys)
    return [ordered[start : start + PIECE] for start in range(0, len(ordered), PIECE)]
