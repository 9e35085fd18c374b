"""Rows of the database to the objects that engines work with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

import msgspec

from acd_core.agent import AgentConfig, AgentState, Medium
from acd_core.call_queue import CallerTier, CallRule, NoAgents, QueueConfig, Widening
from acd_core.events import AgentConfigured, QueueConfigured, TierConfigured
from acd_core.ids import AgentId, QueueId, SkillId, TierId
from acd_core.opening_hours import OpeningHours, parse_hours
from acd_core.queue_life.options import Announcements, CallbackRules, Closing, Overflow
from acd_core.routing.skill_expression import parse
from acd_core.skills import Alternatives, Requirement
from daemon.site_files.queue_options import OverflowEntry
from daemon.site_files.queues import WideningEntry
from daemon.store.flows import FlowVersion
from daemon.store.people import Agent, AgentSkill, Skill, Station
from daemon.store.routing import Calendar, Queue, Tier

Options = TypeVar("Options", Announcements, CallbackRules)


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's keys, and hours, by the names that settings use."""

    skills: Mapping[str, int] = MappingProxyType({})
    agents: Mapping[str, int] = MappingProxyType({})
    """By login; only those who take calls."""
    queues: Mapping[str, int] = MappingProxyType({})
    """By slug; only those in use."""
    calendars: Mapping[str, OpeningHours] = MappingProxyType({})


async def load_names(site_zone: str = "UTC") -> Names:
    """All names; ``site_zone`` where a calendar names none."""
    agents = await Agent.filter(enabled=True, user__enabled=True).select_related("user")
    return Names(
        skills=await load_skills(),
        agents={agent.user.login: agent.id for agent in agents},
        queues={queue.slug: queue.id for queue in await Queue.filter(enabled=True)},
        calendars=await load_calendars(site_zone),
    )


async def load_skills() -> dict[str, int]:
    """Every skill's key by its name."""
    return {skill.name: skill.id for skill in await Skill.all().order_by("id")}


async def load_queues(version: int, *, site_zone: str = "UTC") -> tuple[QueueConfigured, ...]:
    """What the engine must know of every queue in use, by key."""
    names = await load_names(site_zone)
    rows = await Queue.filter(enabled=True).order_by("id")
    return tuple(
        QueueConfigured(config=queue_config(queue, names), version=version) for queue in rows
    )


def queue_config(queue: Queue, names: Names) -> QueueConfig:
    """The engine's part of one queue; KeyError when it needs a skill that has no row.

    Shares of people and ways to queues that are not in use are left out.
    """
    skills, agents = names.skills, names.agents
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
        weight=queue.weight,
        medium=Medium(queue.medium),
        ring_step_s=queue.ring_step_s,
        reserve_below=queue.reserve_below,
        reserve_over_s=queue.reserve_over_s or None,
        hours=names.calendars.get(queue.calendar),
        closing=Closing(queue.closing),
        unattended=queue.unattended,
        overflow=_overflow(queue, names.queues),
        max_overflows=queue.max_overflows,
        announcements=_options(queue.announcements, Announcements),
        callback=_options(queue.callback, CallbackRules),
    )


def _overflow(queue: Queue, keys: Mapping[str, int]) -> tuple[Overflow, ...]:
    """Ways that lead to a queue in use."""
    ways = msgspec.convert(msgspec.to_builtins(queue.overflow), tuple[OverflowEntry, ...])
    made = []
    for way in ways:
        to = tuple(QueueId(keys[slug]) for slug in way.to if slug in keys)
        if to:
            made.append(
                Overflow(
                    to=to,
                    after_s=way.after_s or None,
                    when_refused=way.when_refused,
                    when_nobody=way.when_nobody,
                    improve_s=way.improve_s,
                )
            )
    return tuple(made)


def _options(stored: object, kind: type[Options]) -> Options | None:
    """A table of a queue's options as the engine has it."""
    return None if stored is None else msgspec.convert(msgspec.to_builtins(stored), kind)


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
    names = await load_names()
    return tuple(
        AgentConfigured(
            config=agent_config(agent, levels.get(agent.id, {}), names), version=version
        )
        for agent in sorted(agents, key=lambda agent: agent.id)
    )


def agent_config(agent: Agent, levels: dict[SkillId, int], names: Names) -> AgentConfig:
    """The engine's part of one agent; names of what is not in use are left out."""
    reserve = (SkillId(names.skills[name]) for name in agent.reserve if name in names.skills)
    queues = (QueueId(names.queues[slug]) for slug in agent.queues if slug in names.queues)
    return AgentConfig(
        agent=AgentId(agent.id),
        name=agent.user.login,
        skills=levels,
        reserve=tuple(sorted(skill for skill in reserve if skill in levels)),
        queues={queue: rank for rank, queue in enumerate(queues)},
        only_queues=agent.only_queues,
        capacity={Medium(medium): most for medium, most in sorted(agent.capacity.items())},
        interruptible=tuple(Medium(medium) for medium in agent.interruptible),
    )


async def load_tiers(version: int) -> tuple[TierConfigured, ...]:
    """What the engine must know of every tier of callers in use, by key."""
    names = await load_names()
    return tuple(
        TierConfigured(config=tier_config(tier, names), version=version)
        for tier in await Tier.filter(enabled=True).order_by("id")
    )


def tier_config(tier: Tier, names: Names) -> CallerTier:
    """The engine's part of one tier; people who take no calls are left out."""
    agents = tuple(AgentId(names.agents[login]) for login in tier.agents if login in names.agents)
    return CallerTier(
        tier=TierId(tier.id),
        name=tier.slug,
        priority=tier.priority,
        agents=agents,
        limit_s=tier.limit_s if agents else 0.0,
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
