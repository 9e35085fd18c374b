"""Agents' states as lines: who logged in and out, and who paused why."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from acd_core.agent import AgentState
from daemon.queue_log.lines import Event, LogLine, clean, seconds


class StateRow(msgspec.Struct, frozen=True, kw_only=True):
    """One interval of an agent in one state."""

    agent_id: int
    state: str
    reason: str
    station: str
    started_ms: int


class _Agent(msgspec.Struct):
    name: str
    station: str = ""
    logged_in_ms: int | None = None
    pause: str | None = None
    """Reason of the present pause; None when there is none."""


class AgentFloor:
    """Takes states in the order of their beginning and gives the lines they make."""

    def __init__(
        self, agent_name: Callable[[int], str], queues: Mapping[int, Sequence[str]]
    ) -> None:
        """``queues`` are the names of the queues that an agent serves, by his key."""
        self._agent_name = agent_name
        self._queues = queues
        self._agents: dict[int, _Agent] = {}

    def begin(self, row: StateRow) -> Iterator[LogLine]:
        """Give the lines of a state that begins."""
        agent = self._agents.get(row.agent_id)
        if agent is None:
            agent = _Agent(clean(self._agent_name(row.agent_id)))
            self._agents[row.agent_id] = agent
        pause = row.reason if row.state == AgentState.PAUSED else None
        present = row.state != AgentState.LOGGED_OUT
        agent.station = row.station or agent.station
        if agent.pause is not None and pause != agent.pause:
            yield from self._paused(row, agent, Event.UNPAUSEALL, Event.UNPAUSE, agent.pause)
        if not present and agent.logged_in_ms is not None:
            lasted = str(seconds(row.started_ms - agent.logged_in_ms))
            yield _line(row, agent, Event.AGENTLOGOFF, clean(agent.station), lasted)
            agent.logged_in_ms = None
        if present and agent.logged_in_ms is None:
            yield _line(row, agent, Event.AGENTLOGIN, clean(agent.station))
            agent.logged_in_ms = row.started_ms
        if pause is not None and pause != agent.pause:
            yield from self._paused(row, agent, Event.PAUSEALL, Event.PAUSE, pause)
        agent.pause = pause

    def _paused(
        self, row: StateRow, agent: _Agent, of_all: Event, of_one: Event, reason: str
    ) -> Iterator[LogLine]:
        """A pause counts for every queue: one line for all, then one for each."""
        yield _line(row, agent, of_all, clean(reason))
        for queue in self._queues.get(row.agent_id, ()):
            line = _line(row, agent, of_one, clean(reason))
            yield msgspec.structs.replace(line, queue=clean(queue))


def _line(row: StateRow, agent: _Agent, event: Event, *data: str) -> LogLine:
    return LogLine(at_s=row.started_ms // 1000, agent=agent.name, event=event, data=data)
