"""People, queues and skills as calls and pages need them: in memory, by key and by slug.

The database holds the settings; this is what is in force. It is replaced part by part
when an administrator changes something, so a call never waits for the database.
"""

from collections.abc import Iterable

import msgspec

from acd_core.ids import SkillId
from acd_core.routing.skill_expression import Alternatives


class QueueInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What control itself must know of a queue beyond the engine's part."""

    key: int
    slug: str
    name: str
    on_timeout: str = ""
    on_full: str = ""
    last_agent_s: float = 0.0
    service_level_s: float = 20.0
    service_level_target: float = 0.8
    short_abandon_s: float = 5.0
    max_wait_s: float = 0.0
    record: bool = True
    music: str = ""
    """Prompt that waiting callers hear; empty: the site's own music, else ringback."""
    enabled: bool = True
    skills: dict[str, int] = {}
    skill_expression: str = ""
    """Beside ``skills``, as the administrator wrote it."""
    any_of: Alternatives = ()
    """The same, as alternatives of which an agent must satisfy one."""


class AgentInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A person who takes calls."""

    key: int
    login: str
    name: str
    station: str = ""
    skills: dict[str, int] = {}
    active: bool = True


class Directory:
    """Queues, agents and skills in force."""

    def __init__(self) -> None:
        self.version = 0
        self._queues: dict[int, QueueInfo] = {}
        self._agents: dict[int, AgentInfo] = {}
        self._skills: dict[str, int] = {}

    def replace(
        self,
        *,
        queues: Iterable[QueueInfo] | None = None,
        agents: Iterable[AgentInfo] | None = None,
        skills: dict[str, int] | None = None,
    ) -> None:
        """Put new settings in force; parts left out stay."""
        if queues is not None:
            self._queues = {queue.key: queue for queue in queues}
        if agents is not None:
            self._agents = {agent.key: agent for agent in agents}
        if skills is not None:
            self._skills = dict(skills)
        self.version += 1

    @property
    def queues(self) -> tuple[QueueInfo, ...]:
        """All queues, by slug."""
        return tuple(sorted(self._queues.values(), key=lambda queue: queue.slug))

    @property
    def agents(self) -> tuple[AgentInfo, ...]:
        """All agents, by login."""
        return tuple(sorted(self._agents.values(), key=lambda agent: agent.login))

    def queue(self, key: int) -> QueueInfo | None:
        """A queue by its key."""
        return self._queues.get(key)

    def queue_by_slug(self, slug: str) -> QueueInfo | None:
        """A queue by its slug."""
        return next((queue for queue in self._queues.values() if queue.slug == slug), None)

    def agent(self, key: int) -> AgentInfo | None:
        """An agent by key."""
        return self._agents.get(key)

    def agent_by_login(self, login: str) -> AgentInfo | None:
        """An agent by the login of the person."""
        return next((agent for agent in self._agents.values() if agent.login == login), None)

    def skill(self, name: str) -> SkillId | None:
        """The engine's key of a skill."""
        key = self._skills.get(name)
        return None if key is None else SkillId(key)

    def serves(self, agent: AgentInfo, queue: QueueInfo) -> bool:
        """Whether an agent has the skills of a queue."""
        return satisfies(agent, queue.skills.items()) and (
            not queue.any_of or any(satisfies(agent, pairs) for pairs in queue.any_of)
        )


def satisfies(agent: AgentInfo, pairs: Iterable[tuple[str, int]]) -> bool:
    """Whether an agent has every skill at its level."""
    return all(agent.skills.get(skill, 0) >= level for skill, level in pairs)
