"""The live picture: what the engine, the calls and the directory look like together."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from acd_core.ids import AgentId, to_text
from acd_core.snapshot import AgentView, KeptPlace, QueueView, Snapshot, Visits
from daemon.control.calls.call import Call, Phase
from daemon.control.controller import Controller
from daemon.control.facade.directory import AgentInfo, QueueInfo
from daemon.service.live import (
    KeptCaller,
    LiveAgent,
    LiveCall,
    LiveQueue,
    QueueCounters,
    WaitingCaller,
)
from daemon.service.live_feed import LiveFeed

REFRESH_S: Final = 0.2  # s; pages are read by people
WHOLE_S: Final = 2.0  # s between two looks at every agent, also those to whom nothing happened


class LivePicture:
    """Publishes the live picture whenever it may have changed."""

    def __init__(self, controller: Controller, clock: Callable[[], float]) -> None:
        self.feed = LiveFeed(clock())
        self._controller = controller
        self._clock = clock
        self._whole_at = 0.0
        self._in_part = False
        """Not every agent was looked at the last time."""
        self._version = -1
        """The directory's version that ``_agents_shown`` is of."""
        self._agents_shown: dict[int, tuple[tuple[AgentView, str, str, int], LiveAgent]] = {}
        """By key of what an agent's picture was made, and the picture."""

    async def run(self) -> None:
        """Refresh until cancelled, at most five times a second."""
        while True:
            try:
                async with asyncio.timeout(WHOLE_S if self._in_part else None):
                    await self._controller.dirty.wait()
            except TimeoutError:
                pass  # now those are looked at whom nobody told us of
            self._controller.dirty.clear()
            self.follow()
            await asyncio.sleep(REFRESH_S)

    def follow(self) -> None:
        """Publish what differs, of the agents only those to whom something happened.

        A hundred calls change a few agents, and to look at all of thousands costs more than
        the calls.
        """
        controller, now = self._controller, self._clock()
        elapsed = now - self._whole_at
        if elapsed >= WHOLE_S or controller.directory.version != self._version:
            self.refresh()
            return
        self._in_part = True
        calls = {life.call.id: life.call for life in controller.calls.values()}
        touched = controller.acd.touched
        # With whom else somebody talks, the engine is not told.
        touched.update(AgentId(call.agent) for call in calls.values() if call.connected)
        snapshot = controller.acd.engine.snapshot(now, touched)
        touched.clear()
        self.feed.show(
            now, queues=self._queues(snapshot, calls), calls=self._calls(snapshot, calls)
        )
        self.feed.show_agents(now, self._agents(snapshot, calls))

    def refresh(self) -> None:
        """Compare with what was published last and publish the differences."""
        controller, now = self._controller, self._clock()
        controller.acd.touched.clear()
        snapshot = controller.acd.engine.snapshot(now)
        self._whole_at, self._in_part = now, False
        if controller.directory.version != self._version:
            self._version = controller.directory.version
            self._agents_shown.clear()
        calls = {life.call.id: life.call for life in controller.calls.values()}
        self.feed.show(
            now,
            queues=self._queues(snapshot, calls),
            agents=self._agents(snapshot, calls),
            calls=self._calls(snapshot, calls),
            version=controller.directory.version,
        )

    def _queues(self, snapshot: Snapshot, calls: dict[int, Call]) -> list[LiveQueue]:
        views = {view.queue: view for view in snapshot.queues}
        directory = self._controller.directory
        shown = []
        for queue in directory.queues:
            view = views.get(queue.key)  # type: ignore[call-overload]
            if view is None:
                continue
            shown.append(
                LiveQueue(
                    slug=queue.slug,
                    name=queue.name or queue.slug,
                    waiting=self._waiting(view, calls),
                    today=_counters(view.visits),
                    service_level_s=queue.service_level_s,
                    service_level_target=queue.service_level_target,
                    max_wait_s=queue.max_wait_s,
                    agents=view.agents,
                    ready=view.ready,
                    open=view.open,
                    unattended=view.unattended,
                    reserves=view.reserves,
                    callbacks=tuple(_kept(place) for place in view.callbacks),
                    estimate_low_s=view.estimate.low_s if view.estimate is not None else 0.0,
                    estimate_high_s=view.estimate.high_s if view.estimate is not None else 0.0,
                )
            )
        return shown

    def _agents(self, snapshot: Snapshot, calls: dict[int, Call]) -> list[LiveAgent]:
        directory = self._controller.directory
        found = ((directory.agent(view.agent), view) for view in snapshot.agents)
        return [self._agent(agent, view, calls) for agent, view in found if agent is not None]

    def _agent(self, agent: AgentInfo, view: AgentView, calls: dict[int, Call]) -> LiveAgent:
        """How an agent is shown; made anew only when it would be different."""
        call = calls.get(view.call) if view.call is not None else None
        caller, others = call.ani if call is not None else "", _with_others(call)
        answered = self._controller.answered_today(agent.key)
        made_of = (view, caller, others, answered)
        before = self._agents_shown.get(agent.key)
        if before is not None and before[0] == made_of:
            return before[1]
        shown = self._show_agent(agent, view, caller, others, answered)
        self._agents_shown[agent.key] = (made_of, shown)
        return shown

    def _show_agent(
        self, agent: AgentInfo, view: AgentView, caller: str, others: str, answered: int
    ) -> LiveAgent:
        directory = self._controller.directory
        queue = directory.queue(view.queue) if view.queue is not None else None
        return LiveAgent(
            login=agent.login,
            name=agent.name,
            state=view.state,
            since=view.since,
            reason=view.reason,
            station=view.station,
            call=to_text(view.call) if view.call is not None else "",
            caller=caller,
            queue=queue.slug if queue is not None else "",
            until=view.until or 0.0,
            queues=tuple(q.slug for q in directory.queues if directory.works_in(agent, q)),
            answered_today=answered,
            with_others=others,
        )

    def _waiting(self, view: QueueView, calls: dict[int, Call]) -> tuple[WaitingCaller, ...]:
        return tuple(
            WaitingCaller(
                call=to_text(waiting.call),
                ani=waiting.ani,
                name=calls[waiting.call].name if waiting.call in calls else "",
                since=waiting.entered,
                position=waiting.position,
                priority=waiting.priority,
                state="offered" if waiting.agent is not None else "waiting",
                ringing=self._logins(waiting.ringing),
            )
            for waiting in view.waiting
        )

    def _logins(self, agents: Iterable[AgentId]) -> tuple[str, ...]:
        found = (self._controller.directory.agent(agent) for agent in agents)
        return tuple(agent.login for agent in found if agent is not None)

    def _calls(self, snapshot: Snapshot, calls: dict[int, Call]) -> list[LiveCall]:
        positions = {w.call: w.position for view in snapshot.queues for w in view.waiting}
        return [
            self._call(call, positions.get(call.id, 0))  # type: ignore[call-overload]
            for call in calls.values()
            if call.phase is not Phase.ENDED
        ]

    def _call(self, call: Call, position: int) -> LiveCall:
        directory = self._controller.directory
        queue: QueueInfo | None = directory.queue(call.queue)
        agents = [agent for agent in map(directory.agent, call.agents) if agent]
        state = call.phase.value
        if call.recording is not None and call.recording.kind == "message":
            state = "voicemail"
        step = f"{call.flow}: {call.path[-1]}" if call.path else call.flow
        return LiveCall(
            call=to_text(call.id),
            ani=call.ani,
            name=call.name,
            dnis=call.dnis,
            state=state,
            since=call.visit.entered if call.in_queue and call.visit else call.since,
            started=call.started,
            line=call.caller.line,
            queue=queue.slug if queue is not None else "",
            position=position,
            agent=agents[0].login if agents else "",
            agent_name=", ".join(agent.name for agent in agents),
            step=step if call.phase is Phase.FLOW else "",
            supervisor=call.supervision.login if call.supervision is not None else "",
            part=call.supervision.part if call.supervision is not None else "",
        )


def _with_others(call: Call | None) -> str:
    if call is None:
        return ""
    asked = [call.consult.to] if call.consult is not None else []
    return ", ".join([*asked, *(guest.to for guest in call.guests)])


def _kept(place: KeptPlace) -> KeptCaller:
    return KeptCaller(
        call=to_text(place.call),
        number=place.number,
        position=place.position,
        since=place.since,
        attempts=place.attempts,
        due=place.due or 0.0,
    )


def _counters(visits: Visits) -> QueueCounters:
    return QueueCounters(
        offered=visits.offered,
        answered=visits.answered,
        abandoned=visits.abandoned,
        overflowed=visits.overflowed,
        timed_out=visits.timed_out,
        refused=visits.refused,
        voicemail=visits.voicemail,
        callback_taken=visits.callback_taken,
        transferred_out=visits.transferred_out,
        in_system=visits.in_system,
        answered_in_time=visits.answered_in_time,
        answered_wait_s=visits.answered_wait_s,
    )
