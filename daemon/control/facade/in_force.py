"""Puts the settings of the database in force: directory, dial plan, stations, engine."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import structs

from acd_core.agent import AgentConfig
from acd_core.call_queue import CallerTier, QueueConfig
from acd_core.events import (
    AgentConfigured,
    AgentLoggedOut,
    AgentRemoved,
    QueueAttended,
    QueueConfigured,
    QueueRemoved,
    TierConfigured,
    TierRemoved,
)
from acd_core.ids import AgentId, QueueId, TierId
from acd_core.routing.skill_expression import parse
from daemon.control.controller import Controller
from daemon.control.dial_plan import DialPlan, NumberEntry
from daemon.control.facade.directory import AgentInfo, Directory, QueueInfo, TierInfo
from daemon.store import people, routing
from daemon.store.loader import (
    load_agents,
    load_calendars,
    load_queues,
    load_skills,
    load_stations,
    load_tiers,
)
from drivers.sip.options import StationAccount


class StationDriver(Protocol):
    """A driver at which stations register."""

    def set_stations(self, accounts: list[StationAccount]) -> None:
        """Replace all accounts at once."""


async def read_directory(directory: Directory) -> None:
    """Read queues, agents and skills."""
    skills = await load_skills()
    levels: dict[int, dict[str, int]] = {}
    for row in await people.AgentSkill.all().prefetch_related("skill", "agent"):
        levels.setdefault(row.agent.id, {})[row.skill.name] = row.level
    agents = [
        AgentInfo(
            key=agent.id,
            login=agent.user.login,
            name=agent.user.name or agent.user.login,
            station=agent.station,
            skills=levels.get(agent.id, {}),
            queues=tuple(agent.queues),
            only_queues=agent.only_queues,
        )
        for agent in await people.Agent.filter(enabled=True).prefetch_related("user")
    ]
    queues = [
        QueueInfo(
            key=queue.id,
            slug=queue.slug,
            name=queue.name,
            on_timeout=queue.on_timeout,
            on_full=queue.on_full,
            last_agent_s=queue.last_agent_s,
            service_level_s=queue.service_level_s,
            service_level_target=queue.service_level_target,
            short_abandon_s=queue.short_abandon_s,
            max_wait_s=queue.max_wait_s,
            record=queue.record,
            record_tone_s=queue.record_tone_s,
            music=queue.music,
            enabled=queue.enabled,
            skills=dict(queue.skills),
            skill_expression=queue.skill_expression,
            any_of=parse(queue.skill_expression) if queue.skill_expression.strip() else (),
        )
        for queue in await routing.Queue.all()
    ]
    tiers = [
        TierInfo(
            key=TierId(tier.id),
            slug=tier.slug,
            name=tier.name,
            priority=tier.priority,
            keep_lines=tier.keep_lines,
            numbers=tuple(tier.numbers),
        )
        for tier in await routing.Tier.filter(enabled=True)
    ]
    directory.replace(queues=queues, agents=agents, skills=skills, tiers=tiers)


async def read_dial_plan(zone: str) -> DialPlan:
    """Read numbers and calendars; ``zone`` counts where a calendar names none."""
    calendars = await load_calendars(zone)
    numbers = [
        NumberEntry(
            number=number.number,
            flow=number.flow,
            queue=number.queue,
            calendar=number.calendar,
            closed_flow=number.closed_flow,
            language=number.language,
        )
        for number in await routing.Number.filter(enabled=True)
    ]
    return DialPlan(numbers, calendars)


class InForce:
    """Keeps a running controller at what the database says."""

    def __init__(
        self, controller: Controller, zone: str, station_drivers: list[StationDriver]
    ) -> None:
        self._controller = controller
        self._zone = zone
        self._station_drivers = station_drivers
        self._queues: dict[QueueId, QueueConfig] = {}
        self._agents: dict[AgentId, AgentConfig] = {}
        self._tiers: dict[TierId, CallerTier] = {}

    @property
    def configured(
        self,
    ) -> tuple[tuple[QueueConfig, ...], tuple[AgentConfig, ...], tuple[CallerTier, ...]]:
        """What the engine was told of queues, agents and tiers last."""
        return (
            tuple(self._queues.values()),
            tuple(self._agents.values()),
            tuple(self._tiers.values()),
        )

    async def reload(self) -> None:
        """Read everything and tell those who must know what differs."""
        controller = self._controller
        await read_directory(controller.directory)
        controller.dial_plan = await read_dial_plan(self._zone)
        stations = await load_stations()
        controller.stations = tuple(station.name for station in stations)
        accounts = [
            StationAccount(
                name=station.name,
                ha1_md5=station.ha1_md5,
                ha1_sha256=station.ha1_sha256,
                realm=station.realm,
            )
            for station in stations
            if station.ha1_md5 or station.ha1_sha256
        ]
        for driver in self._station_drivers:
            driver.set_stations(accounts)
        await self._tell_engine()
        controller.dirty.set()

    async def _tell_engine(self) -> None:
        """Configure what differs from what the engine was told last."""
        version = self._controller.directory.version
        queues = {
            told.config.queue: told.config
            for told in await load_queues(version, site_zone=self._zone)
        }
        for key, config in queues.items():
            if self._queues.get(key) != config:
                self._controller.acd.submit(_told(self._queues.get(key), config, version))
        for key in self._queues.keys() - queues.keys():
            self._controller.acd.submit(QueueRemoved(queue=key, version=version))
        self._queues = queues
        agents = {told.config.agent: told.config for told in await load_agents(version)}
        for who, agent in agents.items():
            if self._agents.get(who) != agent:
                self._controller.acd.submit(AgentConfigured(config=agent, version=version))
        self._agents = agents | self._dismiss(self._agents.keys() - agents.keys(), version)
        tiers = {told.config.tier: told.config for told in await load_tiers(version)}
        for which, tier in tiers.items():
            if self._tiers.get(which) != tier:
                self._controller.acd.submit(TierConfigured(config=tier, version=version))
        for which in self._tiers.keys() - tiers.keys():
            self._controller.acd.submit(TierRemoved(tier=which, version=version))
        self._tiers = tiers

    def _dismiss(self, leaving: Iterable[AgentId], version: int) -> dict[AgentId, AgentConfig]:
        """Take agents off their seats and forget them; those in a call stay until later."""
        acd = self._controller.acd
        seated = {view.agent for view in acd.floor().agents if view.station}
        stay = {}
        for who in sorted(leaving):
            if who in seated:
                acd.submit(AgentLoggedOut(agent=who))
            if not acd.submit(AgentRemoved(agent=who, version=version)):
                stay[who] = self._agents[who]
        return stay


def _told(
    before: QueueConfig | None, now: QueueConfig, version: int
) -> QueueConfigured | QueueAttended:
    """What the engine is told of a changed queue: the switch alone when only it moved."""
    if before is not None and structs.replace(before, unattended=now.unattended) == now:
        return QueueAttended(queue=now.queue, unattended=now.unattended, version=version)
    return QueueConfigured(config=now, version=version)
