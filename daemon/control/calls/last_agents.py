"""Which agent served a caller last, and whom an agent served: a bounded memory, newest kept."""

from typing import Final

from daemon.control.calls.call import Call

MOST_CALLERS: Final = 100_000
VALID_S: Final = 24 * 3600.0  # s for which a caller belongs to the agent of the last call


class LastAgents:
    """Calling number -> agent and moment."""

    def __init__(self) -> None:
        self._agents: dict[str, tuple[int, float]] = {}
        self.served: dict[int, Call] = {}
        """Agent -> the call he answered last, shown while he wraps it up."""

    def remember(self, ani: str, agent: int, at: float) -> None:
        """An agent served a caller; unknown callers are nobody."""
        if not ani or not agent:
            return
        self._agents.pop(ani, None)
        self._agents[ani] = (agent, at)
        if len(self._agents) > MOST_CALLERS:
            del self._agents[next(iter(self._agents))]

    def find(self, ani: str, now: float) -> int | None:
        """Who served this caller last, if it is not too long ago."""
        agent, at = self._agents.get(ani, (0, 0.0))
        return agent if agent and now - at <= VALID_S else None
