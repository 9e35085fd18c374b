"""Puts the settings of the database in force: directory, dial plan, stations, engine."""

from typing import Protocol

from acd_core.agent import AgentConfig
from acd_core.call_queue import QueueConfig
from acd_core.events import AgentConfigured, AgentRemoved, QueueConfigured, QueueRemoved
from acd_core.ids import AgentId, QueueId, SkillId
from acd_core.opening_hours import parse_hours
from acd_core.skills import Requirement
from daemon.control.controller import Controller
from daemon.control.dial_plan import DialPlan, NumberEntry
from daemon.control.facade.directory import AgentInfo, Directory, QueueInfo
from daemon.store import people, routing
from drivers.sip.options import StationAccount


class StationDriver(Protocol):
    """A driver at which stations register."""

    def set_stations(self, accounts: list[StationAccount]) -> None:
        """Replace all accounts at once."""


async def read_directory(directory: Directory) -> None:
    """Read queues, agents and skills."""
    skills = {skill.name: skill.id for skill in await people.Skill.all()}
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
            enabled=queue.enabled,
            skills=dict(queue.skills),
        )
        for queue in await routing.Queue.all()
    ]
    directory.replace(queues=queues, agents=agents, skills=skills)


async def read_dial_plan(zone: str) -> DialPlan:
    """Read numbers and calendars; ``zone`` counts where a calendar names none."""
    calendars = {
        calendar.name: parse_hours(calendar.zone or zone, calendar.week, calendar.days)
        for calendar in await routing.Calendar.all()
    }
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


async def read_stations() -> list[people.Station]:
    """Read the stations that may be used."""
    return await people.Station.filter(enabled=True).order_by("name")


class InForce:
    """Keeps a running controller at what the database says."""

    def __init__(
        self, controller: Controller, zone: str, station_drivers: list[StationDriver]
    ) -> None:
        self._controller = controller
        self._zone = zone
        self._station_drivers = station_drivers
        self._queues: dict[int, QueueConfig] = {}
        self._agents: dict[int, AgentConfig] = {}

    async def reload(self) -> None:
        """Read everything and tell those who must know what differs."""
        controller = self._controller
        await read_directory(controller.directory)
        controller.dial_plan = await read_dial_plan(self._zone)
        stations = await read_stations()
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
            queue.id: queue_config(queue, self._controller.directory)
            for queue in await routing.Queue.filter(enabled=True)
        }
        for key, config in queues.items():
            if self._queues.get(key) != config:
                self._controller.acd.submit(QueueConfigured(config=config, version=version))
        for key in self._queues.keys() - queues.keys():
            self._controller.acd.submit(QueueRemoved(queue=QueueId(key), version=version))
        self._queues = queues
        agents = {
            agent.key: agent_config(agent, self._controller.directory)
            for agent in self._controller.directory.agents
        }
        for key, agent in agents.items():
            if self._agents.get(key) != agent:
                self._controller.acd.submit(AgentConfigured(config=agent, version=version))
        for key in self._agents.keys() - agents.keys():
            self._controller.acd.submit(AgentRemoved(agent=AgentId(key), version=version))
        self._agents = agents


def queue_config(queue: routing.Queue, directory: Directory) -> QueueConfig:
    """The engine's part of a queue."""
    required = [
        Requirement(SkillId(key), level)
        for name, level in sorted(queue.skills.items())
        if (key := directory.skill(name)) is not None
    ]
    return QueueConfig(
        queue=QueueId(queue.id),
        name=queue.name or queue.slug,
        required=tuple(required),
        strategy=queue.strategy,
        priority=queue.priority,
        offer_s=queue.ring_s,
        wrap_up_s=queue.wrap_up_s,
        max_waiting=queue.max_waiting or None,
        max_wait_s=queue.max_wait_s or None,
        misses_to_pause=queue.misses_to_pause,
        service_level_s=queue.service_level_s,
    )


def agent_config(agent: AgentInfo, directory: Directory) -> AgentConfig:
    """The engine's part of an agent."""
    skills = {
        SkillId(key): level
        for name, level in sorted(agent.skills.items())
        if (key := directory.skill(name)) is not None
    }
    return AgentConfig(agent=AgentId(agent.key), name=agent.name, skills=skills)
