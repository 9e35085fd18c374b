"""Rows of the database to the objects that engines work with."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import CallRule, NoAgents, QueueConfig, Widening
from acd_core.events import AgentConfigured, QueueConfigured
from acd_core.ids import AgentId, QueueId, SkillId
from acd_core.opening_hours import OpeningHours, parse_hours
from acd_core.routing.skill_expression import parse
from acd_core.skills import Alternatives, Requirement
from daemon.site_files.queues import WideningEntry
from daemon.store.flows import FlowVersion
from daemon.store.people import Agent, AgentSkill, Skill, Station
from daemon.store.routing import Calendar, Queue


async def load_skills() -> dict[str, int]:
    """Every skill's key by its name."""
    return {skill.name: skill.id for skill in await Skill.all().order_by("id")}


async def load_queues(version: int) -> tuple[QueueConfigured, ...]:
    """What the engine must know of every queue in use, by key."""
    skills = await load_skills()
    agents = {agent.user.login: agent.id for agent in await Agent.all().select_related("user")}
    rows = await Queue.filter(enabled=True).order_by("id")
    return tuple(
        QueueConfigured(config=queue_config(queue, skills, agents), version=version)
        for queue in rows
    )


def queue_config(
    queue: Queue, skills: Mapping[str, int], agents: Mapping[str, int] = MappingProxyType({})
) -> QueueConfig:
    """The engine's part of one queue; KeyError when it needs a skill that has no row.

    Shares of people who are no agents any more are left out.
    """
    absent = (AgentState.UNREACHABLE, *(AgentState(state) for state in queue.absent))
    return QueueConfig(
        queue=QueueId(queue.id),
        name=queue.slug,
        required=tuple(
            Requirement(SkillId(skills[name]), level)
            for name, level in sorted(queue.skills.items())
        ),
        any_of=_alternatives(queue.skill_expression, skills),
        widening=tuple(
            Widening(
                after_s=step.after_s,
                any_of=_alternatives(step.skill_expression, skills),
                when_nobody=step.when_nobody,
            )
            for step in msgspec.convert(
                msgspec.to_builtins(queue.widening), tuple[WideningEntry, ...]
            )
        ),
        strategy=queue.strategy,
        call_rule=CallRule(queue.call_rule),
        aging_s=queue.aging_s,
        service_target=queue.service_level_target,
        call_share=queue.call_share,
        shares={
            AgentId(agents[login]): share
            for login, share in sorted(queue.shares.items())
            if login in agents
        },
        seed=queue.seed,
        priority=queue.priority,
        offer_s=queue.ring_s,
        wrap_up_s=queue.wrap_up_s,
        max_waiting=queue.max_waiting or None,
        max_wait_s=queue.max_wait_s or None,
        max_estimate_s=queue.max_estimate_s or None,
        max_ratio=queue.max_ratio or None,
        no_agents=NoAgents(queue.no_agents),
        absent=absent,
        misses_to_pause=queue.misses_to_pause,
        service_level_s=queue.service_level_s,
    )


def _alternatives(text: str, skills: Mapping[str, int]) -> Alternatives:
    """An expression in the skills' keys; one that wants nothing has no alternatives."""
    if not text.strip():
        return ()
    return tuple(
        tuple(Requirement(SkillId(skills[name]), level) for name, level in pairs)
        for pairs in parse(text)
    )


async def load_agents(version: int) -> tuple[AgentConfigured, ...]:
    """What the engine must know of every agent in use, by key."""
    agents = await Agent.filter(enabled=True, user__enabled=True).select_related("user")
    levels: dict[int, dict[SkillId, int]] = {}
    for row in await AgentSkill.all().order_by("id").values("agent_id", "skill_id", "level"):
        levels.setdefault(row["agent_id"], {})[SkillId(row["skill_id"])] = row["level"]
    return tuple(
        AgentConfigured(
            config=AgentConfig(
                agent=AgentId(agent.id),
                name=agent.user.login,
                skills=levels.get(agent.id, {}),
            ),
            version=version,
        )
        for agent in sorted(agents, key=lambda agent: agent.id)
    )


async def load_calendars(site_zone: str) -> dict[str, OpeningHours]:
    """Opening hours by the calendar's name; ``site_zone`` where a calendar names none."""
    return {
        calendar.name: parse_hours(calendar.zone or site_zone, calendar.week, calendar.days)
        for calendar in await Calendar.all()
    }


async def load_stations() -> tuple[Station, ...]:
    """Every station in use, by name."""
    return tuple(await Station.filter(enabled=True).order_by("name"))


async def load_flows() -> tuple[FlowVersion, ...]:
    """The active version of every flow, by name."""
    return tuple(await FlowVersion.filter(active=True).order_by("name"))
