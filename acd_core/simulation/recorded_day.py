"""Everything that a journal tells of one day."""

from math import inf

from acd_core.agent import AgentState
from acd_core.call_queue import QueueConfig
from acd_core.commands import AcdCommand
from acd_core.events import AgentConfigured, DeadlineReached, QueueConfigured
from acd_core.ids import AgentId, QueueId
from acd_core.simulation.observer import Observer
from acd_core.simulation.replay import Told
from acd_core.simulation.stays import Moment, Stay


class RecordedDay:
    """Calls, presence and configuration in order; ``watch`` takes them in from a replay."""

    def __init__(self) -> None:
        self.observer = Observer()
        self.floor: list[tuple[Told, AgentState | None]] = []
        """Configuration and presence; the state is that of the agent before."""
        self.wakes: list[Moment] = []
        self.queues: dict[QueueId, QueueConfig] = {}
        """As they were last configured."""
        self.agents: dict[AgentId, str] = {}
        """Names of the agents."""
        self.end = -inf

    def watch(self, told: Told, commands: tuple[AcdCommand, ...] | None) -> None:
        """Take in one event with what came of it; None when it was refused."""
        event, moment = told.event, (told.at, told.number)
        self.end = max(self.end, told.at)
        if commands is None:
            return
        if isinstance(event, DeadlineReached):
            self.wakes.append(moment)
        elif not hasattr(event, "call"):
            agent: AgentId | None = getattr(event, "agent", None)
            before = None if agent is None else self.observer.states.get(agent)
            self.floor.append((told, before))
        if isinstance(event, QueueConfigured):
            self.queues[event.config.queue] = event.config
        elif isinstance(event, AgentConfigured):
            self.agents[event.config.agent] = event.config.name
        self.observer.take(event, moment, commands)


class Record:
    """What a recorded day says of stays that are acted again, under rules that may differ."""

    def __init__(self, observer: Observer) -> None:
        self._stays = {stay.key: stay for stay in observer.stays}
        self._keeps = observer.keeps

    def first(self, acted: Stay) -> Stay:
        """The stay in which the call was offered as it was now."""
        return self._stays[acted.key[0], acted.key[1], 0]

    def following(self, acted: Stay) -> Stay | None:
        """The stay that began when the call was offered once more."""
        return self._stays.get((acted.key[0], acted.key[1] + 1, 0))

    def like(self, acted: Stay) -> Stay:
        """The stay that this one acts; of a call that was moved less often, the last."""
        return self._stays.get(acted.key) or self.first(acted).last

    def served(self, acted: Stay) -> Stay:
        """The stay in which this caller was served, if he was: after a call-back, its call's."""
        stay = self.first(acted).last
        while (keep := self._keeps.get(stay.offered.call)) is not None:
            if keep.stay is not stay or keep.returned is None:
                break
            stay = keep.returned.last
        return stay
