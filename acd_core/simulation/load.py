"""A steady load on the whole engine, to measure what a decision costs.

One assignment is a call offered, an agent free, the offer, its answer and the release, all
through events, with reasons and the encoding for the journal. The clock is an argument.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from acd_core.agent import AgentConfig
from acd_core.call_queue import QueueConfig
from acd_core.commands import OfferToAgent
from acd_core.engine import AcdEngine
from acd_core.events import (
    AcdEvent,
    AgentConfigured,
    AgentLoggedIn,
    AgentReady,
    CallAnswered,
    CallEnded,
    CallOffered,
    OfferAccepted,
    QueueConfigured,
    encode,
)
from acd_core.ids import AgentId, CallId, QueueId, SkillId
from acd_core.skills import Requirement

_MULTIPLIER: Final = 6364136223846793005  # Knuth's MMIX generator
_INCREMENT: Final = 1442695040888963407
_MASK: Final = (1 << 64) - 1
BLOCK: Final = 1000  # assignments between two looks at the clock


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a run gave."""

    agents: int
    queues: int
    waiting: int
    assignments: int
    seconds: float
    assignments_per_s: float
    events_per_s: float


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """The size of the floor."""

    agents: int = 200
    queues: int = 10
    profiles: int = 20
    waiting: int = 100
    """Calls kept waiting all the time."""


class Draw:
    """Seeded numbers, the same on every machine."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, limit: int) -> int:
        """Return an integer from 0 up to but without ``limit``."""
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return (self._state >> 33) % limit


def run(seconds: float, clock: Callable[[], float], scenario: Scenario | None = None) -> Figures:
    """Load an engine for so many seconds of ``clock`` (best one of processor time)."""
    load = Load(scenario or Scenario())
    spent = 0.0
    while spent < seconds:
        wishes = load.draw(BLOCK)
        start = clock()
        load.turns(wishes)
        spent += clock() - start
    return Figures(
        agents=load.scenario.agents,
        queues=load.scenario.queues,
        waiting=load.scenario.waiting,
        assignments=load.assignments,
        seconds=spent,
        assignments_per_s=load.assignments / spent,
        events_per_s=load.events / spent,
    )


class Load:
    """Plays callers and agents: all agents talk, and so many callers wait."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.assignments = 0
        self.events = 0
        self._engine = AcdEngine()
        self._draw = Draw(1)
        self._now = 0.0
        self._next_call = 0
        self._talking: deque[CallId] = deque()
        for event in self._opening():
            self._tell(event)
        for queue, priority in self.draw(scenario.agents + scenario.waiting):
            self._call(queue, priority)
        self.assignments = self.events = 0

    def draw(self, count: int) -> list[tuple[QueueId, int]]:
        """Draw queue and priority of the next callers; not part of their cost."""
        below, queues = self._draw.below, self.scenario.queues
        return [(QueueId(below(queues)), below(3)) for _ in range(count)]

    def turns(self, wishes: Iterable[tuple[QueueId, int]]) -> None:
        """Each time one call ends, its agent gets the next one, and a new caller arrives."""
        for queue, priority in wishes:
            self._tell(CallEnded(call=self._talking.popleft()))
            self._call(queue, priority)

    def _opening(self) -> Iterator[AcdEvent]:
        queues = self.scenario.queues
        for number in range(queues):
            rule = ("longest_idle", "most_skilled")[number % 2]
            needs = (Requirement(SkillId(number), 3),)
            config = QueueConfig(queue=QueueId(number), required=needs, strategy=rule)
            yield QueueConfigured(config=config, version=1)
        for number in range(self.scenario.agents):
            profile = number % self.scenario.profiles
            # Every agent serves three queues, so that no queue is without agents.
            skills = {SkillId((profile + i * 3) % queues): 3 + (profile + i) % 8 for i in range(3)}
            agent = AgentId(number)
            yield AgentConfigured(config=AgentConfig(agent=agent, skills=skills), version=1)
            yield AgentLoggedIn(agent=agent, station=f"station:{number}")
            yield AgentReady(agent=agent)

    def _call(self, queue: QueueId, priority: int) -> None:
        call = CallId(self._next_call)
        self._next_call += 1
        self._tell(CallOffered(call=call, queue=queue, priority=priority))

    def _tell(self, event: AcdEvent) -> None:
        handle = self._engine.handle
        now = self._now + 0.001
        encode(event)
        commands = handle(event, now)
        for command in commands:
            if type(command) is OfferToAgent:
                call, agent = command.call, command.agent
                accepted = OfferAccepted(call=call, agent=agent)
                encode(accepted)
                handle(accepted, now + 0.001)
                answered = CallAnswered(call=call, agent=agent)
                encode(answered)
                now += 0.002
                handle(answered, now)
                self._talking.append(call)
                self.assignments += 1
                self.events += 2
        self._now = now
        self.events += 1
