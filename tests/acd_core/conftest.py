"""A small floor to play with: queues, agents, and a clock that the test turns."""

from collections.abc import Callable
from typing import Any

import pytest

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import QueueConfig
from acd_core.commands import OfferToAgent
from acd_core.engine import AcdEngine
from acd_core.snapshot import AgentView, QueueView


class Floor:
    """An engine, its clock, and short words for what happens on the floor."""

    def __init__(self) -> None:
        self.engine = AcdEngine()
        self.now = 1000.0

    def tell(self, event: Any, after: float = 0.0) -> tuple[Any, ...]:
        self.now += after
        return self.engine.handle(event, self.now)

    def queue(self, number: int = 1, **settings: Any) -> None:
        config = QueueConfig(queue=number, **settings)
        self.tell(told.QueueConfigured(config=config, version=1))

    def agent(self, number: int, skills: dict[int, int] | None = None, after: float = 1.0) -> Any:
        """Configure, log in and make ready, a second after the one before."""
        config = AgentConfig(agent=number, name=f"agent {number}", skills=skills or {})
        self.tell(told.AgentConfigured(config=config, version=1), after)
        self.tell(told.AgentLoggedIn(agent=number, station=f"s{number}"))
        return self.tell(told.AgentReady(agent=number))

    def call(self, number: int, queue: int = 1, after: float = 1.0, **more: Any) -> list[Any]:
        return list(self.tell(told.CallOffered(call=number, queue=queue, **more), after))

    def offered(self, number: int, queue: int = 1, **more: Any) -> int | None:
        """Let a call in; return the agent it is offered to at once."""
        return offer(self.call(number, queue, **more))

    def answer(self, call: int, agent: int) -> tuple[Any, ...]:
        self.tell(told.OfferAccepted(call=call, agent=agent))
        return self.tell(told.CallAnswered(call=call, agent=agent))

    def due(self, after: float = 0.0) -> tuple[Any, ...]:
        """Go to the next deadline, or on by so many seconds, and let it happen."""
        self.now = self.now + after if after else self.engine.next_deadline() or self.now
        return self.tell(told.DeadlineReached())

    def view(self, agent: int) -> AgentView:
        return next(a for a in self.engine.snapshot(self.now).agents if a.agent == agent)

    def state(self, agent: int) -> AgentState:
        return self.view(agent).state

    def line(self, queue: int = 1) -> QueueView:
        return next(q for q in self.engine.snapshot(self.now).queues if q.queue == queue)

    def order(self, queue: int = 1) -> list[int]:
        return [call.call for call in self.line(queue).waiting]


def offer(commands: Any) -> int | None:
    """The agent of the only offer among commands."""
    agents = [c.agent for c in commands if isinstance(c, OfferToAgent)]
    assert len(agents) < 2
    return agents[0] if agents else None


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.fixture
def offer_of() -> Callable[[Any], int | None]:
    return offer
