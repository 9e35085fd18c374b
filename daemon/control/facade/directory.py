"""People, queues and skills as calls and pages need them: in memory, by key and by slug.

The database holds the settings; this is what is in force. It is replaced part by part
when an administrator changes something, so a call never waits for the database.
"""

from collections.abc import Iterable

import msgspec

from acd_core.ids import SkillId, TierId
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
    record_tone_s: float = 0.0
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
    queues: tuple[str, ...] = ()
    """Slugs of the queues that come first, in the agent's own order."""
    only_queues: bool = False
    """No other queues than those."""
    active: bool = True


class TierInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Callers who come before others, as control itself must know them."""

    key: TierId
    slug: str
    name: str = ""
    priority: int = 0
    """Added to the priority of their calls by the engine."""
    keep_lines: int = 0
    """Lines that callers without a tier may not take."""
    numbers: tuple[str, ...] = ()
    """Calling numbers; ``*`` at the end stands for any rest."""


class Directory:
    """Queues, agents, skills and tiers in force."""

    def __init__(self) -> None:
        self.version = 0
        self._tiers: tuple[TierInfo, ...] = ()
        self._tier_of: dict[str, TierInfo] = {}
        self._tier_prefixes: tuple[tuple[str, TierInfo], ...] = ()
        self._queues: dict[int, QueueInfo] = {}
        self._slugs: dict[str, QueueInfo] = {}
        self.most_kept_lines = 0
        """Lines kept for the tier that keeps most; 0 when none keeps any."""
        self._agents: dict[int, AgentInfo] = {}
        self._skills: dict[str, int] = {}

    def replace(
        self,
        *,
        queues: Iterable[QueueInfo] | None = None,
        agents: Iterable[AgentInfo] | None = None,
        skills: dict[str, int] | None = None,
        tiers: Iterable[TierInfo] | None = None,
    ) -> None:
        """Put new settings in force; parts left out stay."""
        if queues is not None:
            self._queues = {queue.key: queue for queue in queues}
            self._slugs = {queue.slug: queue for queue in reversed(self._queues.values())}
        if agents is not None:
            self._agents = {agent.key: agent for agent in agents}
        if skills is not None:
            self._skills = dict(skills)
        if tiers is not None:
            self._replace_tiers(tiers)
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
        return self._slugs.get(slug)

    def agent(self, key: int) -> AgentInfo | None:
        """An agent by key."""
        return self._agents.get(key)

    def agent_by_login(self, login: str) -> AgentInfo | None:
        """An agent by the login of the person."""
        return next((agent for agent in self._agents.values() if agent.login == login), None)

    @property
    def tiers(self) -> tuple[TierInfo, ...]:
        """All tiers of callers, by slug."""
        return self._tiers

    def tier_of(self, ani: str) -> TierInfo | None:
        """The tier of a calling number: the number itself first, then the longest prefix."""
        found = self._tier_of.get(ani)
        if found is not None:
            return found
        for prefix, tier in self._tier_prefixes:
            if ani.startswith(prefix):
                return tier
        return None

    def _replace_tiers(self, tiers: Iterable[TierInfo]) -> None:
        self._tiers = tuple(sorted(tiers, key=lambda tier: tier.slug))
        self.most_kept_lines = max((tier.keep_lines for tier in self._tiers), default=0)
        named = [(number, tier) for tier in self._tiers for number in tier.numbers]
        self._tier_of = {number: tier for number, tier in named if not number.endswith("*")}
        prefixes = [(number[:-1], tier) for number, tier in named if number.endswith("*")]
        self._tier_prefixes = tuple(sorted(prefixes, key=lambda pair: (-len(pair[0]), pair[0])))

    def skill(self, name: str) -> SkillId | None:
        """The engine's key of a skill."""
        key = self._skills.get(name)
        return None if key is None else SkillId(key)

    def works_in(self, agent: AgentInfo, queue: QueueInfo) -> bool:
        """Whether calls of a queue may come to an agent: skills, and queues of his own."""
        member = not agent.only_queues or queue.slug in agent.queues
        return member and self.serves(agent, queue)

    def serves(self, agent: AgentInfo, queue: QueueInfo) -> bool:
        """Whether an agent has the skills of a queue."""
        return satisfies(agent, queue.skills.items()) and (
            not queue.any_of or any(satisfies(agent, pairs) for pairs in queue.any_of)
        )


def satisfies(agent: AgentInfo, pairs: Iterable[tuple[str, int]]) -> bool:
    """Whether an agent has every skill at its level."""
    return all(agent.skills.get(skill, 0) >= level for skill, level in pairs)
