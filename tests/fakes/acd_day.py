"""A day on the floor, played through the real ``AcdRunner`` with its journal and its timer.

Callers, agents and their moods are drawn with a seed; time jumps.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import QueueConfig
from acd_core.commands import (
    AcdCommand,
    CallRefused,
    CallTimedOut,
    ConnectToAgent,
    OfferToAgent,
    WithdrawOffer,
)
from acd_core.engine import AcdEngine
from acd_core.simulation.chance import Chance
from daemon.control.acd_runner import AcdRunner
from daemon.control.journal import Journal
from tests.fakes.virtual_time import VirtualTimeLoop

START = 1_790_000_000.0
SALES, HELP = 1, 2
NAMES = {1: "ann", 2: "bob", 3: "cid", 4: "dee"}
SKILLS = {1: {1: 9}, 2: {1: 5, 2: 5}, 3: {2: 9}, 4: {1: 2, 2: 2}}


def queues(strategy: str = "longest_idle") -> list[QueueConfig]:
    """Sales and help, each with its skill."""
    return [
        QueueConfig(
            queue=SALES,
            name="sales",
            strategy=strategy,
            ring_step_s=3.0,
            required=((1, 1),),
            offer_s=12.0,
            wrap_up_s=15.0,
            max_wait_s=60.0,
            misses_to_pause=2,
        ),
        QueueConfig(
            queue=HELP,
            name="help",
            strategy=strategy,
            ring_step_s=3.0,
            required=((2, 1),),
            offer_s=10.0,
            max_waiting=4,
        ),
    ]


class Day:
    """Callers and agents around one runner."""

    def __init__(
        self,
        directory: Path,
        seed: int,
        loop: asyncio.AbstractEventLoop,
        strategy: str = "longest_idle",
    ) -> None:
        self.clock: Callable[[], float] = lambda: START + loop.time()
        self.journal = Journal.open(directory, clock=self.clock)
        self.runner = AcdRunner(AcdEngine(), self.journal, self.clock, self._perform)
        self.commands: list[AcdCommand] = []
        self._chance = Chance(seed)
        self._loop = loop
        self._open: set[int] = set()
        self._offers: set[tuple[int, int]] = set()
        """Calls and the agents who ring for them."""
        self._strategy = strategy
        self._next = 100

    def queues(self) -> list[QueueConfig]:
        """What is configured."""
        return queues(self._strategy)

    def open(self) -> None:
        """Configure and let everybody sit down."""
        for config in self.queues():
            self.runner.submit(told.QueueConfigured(config=_typed(config), version=1))
        for agent, name in NAMES.items():
            config = AgentConfig(agent=agent, name=name, skills=SKILLS[agent])
            self.runner.submit(told.AgentConfigured(config=config, version=1))
            self._later(agent * 0.7, told.AgentLoggedIn(agent=agent, station=f"s{agent}"))
            self._later(agent * 0.7 + 0.1, told.AgentReady(agent=agent))
        self.runner.start()
        self._loop.call_later(5.0, self._call)

    def moods(self) -> None:
        """Somebody pauses, comes back, loses the telephone, or leaves for a while."""
        for at, event in (
            (300.0, told.AgentPaused(agent=2, reason="tea")),
            (460.0, told.AgentReady(agent=2)),
            (700.0, told.AgentUnreachable(agent=3)),
            (730.0, told.AgentReachable(agent=3)),
            (900.0, told.AgentLoggedOut(agent=4)),
            (1200.0, told.AgentLoggedIn(agent=4, station="s4")),
            (1201.0, told.AgentReady(agent=4)),
            (1300.0, told.AgentBusy(agent=1)),
            (1360.0, told.AgentFree(agent=1)),
        ):
            self._later(at, event)
        for minute in range(1, 30):
            # Whom missed offers have paused comes back now and then.
            self._loop.call_later(minute * 60.0, self._wake_up)

    def _wake_up(self) -> None:
        for view in self.runner.engine.snapshot(self.clock()).agents:
            if view.state is AgentState.PAUSED and view.reason in ("rona", "declined"):
                self.runner.submit(told.AgentReady(agent=view.agent))

    def _later(self, seconds: float, event: Any) -> None:
        self._loop.call_later(seconds, self.runner.submit, event)

    def _call(self) -> None:
        call, chance = self._next, self._chance
        self._next += 1
        self._open.add(call)
        queue = SALES if chance.uniform() < 0.6 else HELP
        priority = int(chance.uniform() < 0.1)
        self._loop.call_later(chance.exponential(60.0), self._hang_up, call)
        self._loop.call_later(chance.exponential(14.0), self._call)
        self.runner.submit(told.CallOffered(call=call, queue=queue, priority=priority))

    def _hang_up(self, call: int) -> None:
        if call in self._open:
            self._open.discard(call)
            self.runner.submit(told.CallAbandoned(call=call))

    def _perform(self, command: AcdCommand, _now: float) -> None:
        self.commands.append(command)
        match command:
            case OfferToAgent(call=call, agent=agent):
                self._offers.add((call, agent))
                mood = self._chance.uniform()
                if mood < 0.08:
                    return  # he lets it ring
                event: Any = told.OfferAccepted(call=call, agent=agent)
                if mood < 0.12:
                    event = told.OfferRejected(call=call, agent=agent)
                seconds = 1.0 + self._chance.exponential(3.0)
                self._loop.call_later(seconds, self._if_offered, call, agent, event)
            case WithdrawOffer(call=call, agent=agent):
                self._offers.discard((call, agent))
            case ConnectToAgent(call=call, agent=agent):
                self._loop.call_later(0.2, self._answer, call, agent)
            case CallTimedOut(call=call, queue=queue) | CallRefused(call=call, queue=queue):
                again = queue == SALES and call in self._open
                if again:
                    self._later(1.5, told.CallOffered(call=call, queue=HELP))
                else:
                    self._open.discard(call)
            case _:
                pass

    def _if_offered(self, call: int, agent: int, event: Any) -> None:
        if (call, agent) in self._offers:
            self.runner.submit(event)

    def _answer(self, call: int, agent: int) -> None:
        if (call, agent) not in self._offers:
            return
        if self.runner.submit(told.CallAnswered(call=call, agent=agent)):
            self._offers.discard((call, agent))
            self._open.discard(call)
            talk = 10.0 + self._chance.exponential(45.0)
            if self._chance.uniform() < 0.2:
                self._later(talk / 4, told.CallHeld(call=call))
                self._later(talk / 2, told.CallRetrieved(call=call))
            self._later(talk, told.CallEnded(call=call))
            if self._chance.uniform() < 0.3:
                self._later(talk + 4.0, told.WrapUpEnded(agent=agent))


def play_day(
    directory: Path,
    *,
    seed: int = 1,
    seconds: float = 1800.0,
    strategy: str = "longest_idle",
    kind: type[Day] = Day,
) -> Day:
    """Play so many seconds and leave the journal behind."""
    loop = VirtualTimeLoop()
    try:
        day = kind(directory, seed, loop, strategy)
        loop.call_soon(day.open)
        loop.call_soon(day.moods)
        loop.run_until_complete(_sleep(seconds))
        day.runner.close()
        day.journal.close()
    finally:
        loop.close()
    return day


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


def _typed(config: QueueConfig) -> QueueConfig:
    """With requirements as structs, as a configuration read from bytes has them."""
    event = told.QueueConfigured(config=config, version=1)
    decoded = told.decode(told.encode(event))
    assert isinstance(decoded, told.QueueConfigured)
    return decoded.config
