"""The supervisor's and technician's part of the facade: other people's calls, lines, status."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import Final

import structlog

from acd_core.agent import AgentState
from acd_core.errors import AcdError
from acd_core.events import CallbackCancelled
from acd_core.ids import AgentId, CallId, from_text, to_text
from daemon.control.calls.call import Part, Supervision
from daemon.control.calls.context import (
    HangUpRequest,
    StopSupervisingRequest,
    SuperviseRequest,
)
from daemon.control.controller import Controller
from daemon.control.facade.agents import AgentFacade
from daemon.control.facade.why_agent import why_agent
from daemon.machine.libraries import LIBRARIES
from daemon.machine.rights import RIGHTS
from daemon.readiness import endpoints
from daemon.service.errors import ServiceError
from daemon.service.messages import (
    Actor,
    Draining,
    DriverStatus,
    LineStatus,
    ProcessStatus,
    SystemStatus,
    Text,
)
from daemon.site_directory import SiteDirectory
from drivers.api import LineId
from drivers.errors import DriverError

log = structlog.get_logger()


NO_FIGURES: Final[Mapping[str, Callable[[], Mapping[str, float]]]] = {}


class SupervisorFacade:
    """What supervisors and technicians ask."""

    def __init__(
        self,
        controller: Controller,
        agents: AgentFacade,
        site: SiteDirectory,
        clock: Callable[[], float],
        figures: Mapping[str, Callable[[], Mapping[str, float]]] = NO_FIGURES,
    ) -> None:
        self._controller = controller
        self._agents = agents
        self._site = site
        self._clock = clock
        self._started = clock()
        self._figures = figures
        """By process: load, lateness and drops of the media engine, as heard last, and how long
        ago control had the last checkpoint of its journal."""

    async def release_call(self, actor: Actor, call: str) -> None:
        """End any call in progress."""
        if not self._controller.request(call_id(call), HangUpRequest(by="system")):
            raise ServiceError("not-found", "This call has already ended.", "该通话已结束。")

    def supervise(self, actor: Actor, call: str, station: str, part: str) -> None:
        """Ring a station for a conversation, or change the part of the actor who is in it."""
        if part not in tuple(Part):
            raise ServiceError(
                "invalid",
                "Choose to listen, whisper or barge in.",
                "请选择监听、密语或强插。",
                fields={"part": "unknown"},
            )
        key = call_id(call)
        life = self._controller.calls.get(key)
        if life is None or not life.call.connected:
            code, en = "wrong-state", "Nobody talks with this caller now."
            raise ServiceError(code, en, "目前没有座席与该来电者通话。")
        self._check_supervisor(actor, life.call.supervision, station)
        wish = SuperviseRequest(login=actor.login, station=station, part=Part(part))
        self._controller.request(key, wish)

    def _check_supervisor(self, actor: Actor, present: Supervision | None, station: str) -> None:
        """Refuse a second supervisor, and a station that cannot be rung for this."""
        controller = self._controller
        if present is not None and present.login != actor.login:
            en = f"{present.login} supervises this conversation already."
            raise ServiceError("conflict", en, f"{present.login} 已在监听此通话。")
        if present is not None:
            return
        if not controller.is_station(station):
            raise ServiceError(
                "invalid",
                "Choose the telephone that is to ring.",
                "请选择要振铃的话机。",
                fields={"station": "unknown"},
            )
        if station in controller.seats:
            en = f"An agent takes calls at {station}; choose another telephone."
            raise ServiceError("conflict", en, f"有座席在 {station} 接听来电，请选择其他话机。")
        try:
            line = controller.station_line(station)
        except DriverError as error:
            log.info("supervisor's station cannot be rung", station=station, why=str(error))
            line = None
        if line is None or controller.watched(line.id):
            en = f"{station} is in use or cannot be reached now."
            raise ServiceError("conflict", en, f"{station} 正在使用或目前无法接通。")

    def stop_supervising(self, call: str) -> None:
        """Let the supervisor of a conversation go."""
        key = call_id(call)
        life = self._controller.calls.get(key)
        if life is None or life.call.supervision is None:
            raise ServiceError(
                "not-found", "Nobody supervises this conversation.", "没有人在监听此通话。"
            )
        self._controller.request(key, StopSupervisingRequest())

    def cancel_callback(self, call: str) -> None:
        """Give up the place that is kept for a caller."""
        key = CallId(call_id(call))
        views = self._controller.acd.floor().queues
        kept = any(place.call == key for view in views for place in view.callbacks)
        if not kept or not self._controller.acd.submit(CallbackCancelled(call=key)):
            raise ServiceError(
                "not-found", "No place is kept for this caller.", "没有为该来电者保留位次。"
            )
        self._controller.dirty.set()

    def why_agent(self, agent: str) -> Sequence[Text]:
        """Why an agent gets no calls."""
        now = self._clock()
        engine = self._controller.acd.engine
        return why_agent(self._controller.directory, engine, self._agents.agent_of(agent), now)

    async def set_agent_ready(self, actor: Actor, agent: str) -> None:
        """End another person's pause."""
        self._agents.make_ready(self._agents.agent_of(agent))

    async def set_agent_paused(self, actor: Actor, agent: str, reason: str) -> None:
        """Pause another person."""
        self._agents.make_paused(self._agents.agent_of(agent), reason)

    async def set_agent_logged_out(self, actor: Actor, agent: str) -> None:
        """Take a person off the seat."""
        self._agents.make_logged_out(self._agents.agent_of(agent))

    async def status(self) -> SystemStatus:
        """Processes, drivers and lines now."""
        return SystemStatus(
            at=self._clock(),
            version=metadata.version("hookflash"),
            site=self._site.config.site.name,
            started=self._started,
            processes=tuple(self._process(n) for n in ("media", "speech", "control", "web")),
            drivers=tuple(
                DriverStatus(
                    name=item.driver.name,
                    kind=item.kind,
                    up=item.driver.name not in self._controller.down,
                    detail=self._controller.down.get(item.driver.name, ""),
                    counters=dict(item.driver.counters()),
                )
                for item in self._controller.lines.drivers
            ),
            lines=tuple(self._lines()),
            warnings=tuple(self._warnings()),
            draining=self._controller.draining,
        )

    def _warnings(self) -> Iterator[Text]:
        """Alarms that stand, and what this machine lacks that the media engine would use."""
        for alarm in self._controller.disk.alarms.standing():
            yield Text(alarm.en, alarm.zh)
        missing = endpoints(self._site.run_dir, "media").get("missing")
        for name in missing if isinstance(missing, list) else ():
            if name in RIGHTS or name in LIBRARIES:
                yield Text(*(RIGHTS.get(name) or LIBRARIES[name]))

    def set_draining(self, *, on: bool) -> Draining:
        """Take no new calls, or take them again."""
        self._controller.draining = on
        log.info("hotline drains" if on else "hotline takes calls", calls=self.draining().calls)
        self._controller.dirty.set()
        return self.draining()

    def draining(self) -> Draining:
        """Whether new calls are refused, and how many still go on."""
        controller = self._controller
        calls, places = len(controller.calls), len(controller.places.kept)
        return Draining(on=controller.draining, calls=calls, places=places)

    def _lines(self) -> list[LineStatus]:
        by_line = {
            leg.line: life.call
            for life in self._controller.calls.values()
            for leg in life.call.legs
        }
        shown = []
        lines = [
            (item.driver.name, line)
            for item in self._controller.lines.drivers
            for line in item.lines
        ]
        for driver, line in lines:
            call = by_line.get(line)
            down = self._controller.down.get(line)
            state = "down" if down is not None else "busy" if call is not None else "idle"
            shown.append(
                LineStatus(
                    line=line,
                    driver=driver,
                    state=state,
                    since=call.since if call is not None else 0.0,
                    call=to_text(call.id) if call is not None else "",
                    detail=down or "",
                )
            )
        for station in self._controller.stations:
            line = LineId(f"station:{station}")
            call = by_line.get(line)
            reachable = self._controller.lines.reachable(station)
            state = "busy" if call is not None else "idle" if reachable else "unreachable"
            shown.append(
                LineStatus(
                    line=line,
                    driver="stations",
                    state=state,
                    call=to_text(call.id) if call is not None else "",
                    detail=self._seated(station),
                )
            )
        return shown

    def _seated(self, station: str) -> str:
        agent = self._controller.directory.agent(self._controller.seats.get(station, 0))
        if agent is None:
            return ""
        snapshot = self._controller.acd.engine.snapshot(self._clock())
        states = {view.agent: view.state for view in snapshot.agents}
        return f"{agent.login} {states.get(AgentId(agent.key), AgentState.LOGGED_OUT)}"

    def _process(self, name: str) -> ProcessStatus:
        told = endpoints(self._site.run_dir, name)
        pid, since = told.get("pid"), told.get("since", 0.0)
        if not isinstance(pid, int) or not isinstance(since, float):
            return ProcessStatus(name=name, up=False)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return ProcessStatus(name=name, up=False, pid=pid)
        except PermissionError:
            # Somebody else's process: under systemd each runs with its own rights.
            log.debug("process belongs to another user", name=name, pid=pid)
        return ProcessStatus(
            name=name,
            up=True,
            pid=pid,
            since=since,
            detail=str(told.get("scheduling", "")),
            figures=dict(self._figures[name]()) if name in self._figures else {},
        )


def call_id(text: str) -> int:
    """Read a call's text; not-found for anything that is none."""
    try:
        return from_text(text)
    except AcdError:
        raise ServiceError(
            "not-found", f"{text} is not a call.", f"{text} 不是通话编号。"
        ) from None
