"""Queues, agents and calls as the live picture shows them."""

from collections.abc import Iterable

from acd_core.ids import AgentId, to_text
from acd_core.snapshot import AgentView, KeptPlace, QueueView, Visits
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


def show_queue(queue: QueueInfo, view: QueueView, controller: Controller) -> LiveQueue:
    """How a queue is shown."""
    return LiveQueue(
        slug=queue.slug,
        name=queue.name or queue.slug,
        waiting=_waiting(view, controller),
        callers=view.callers,
        oldest_since=view.oldest or 0.0,
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


def show_agent(
    agent: AgentInfo, view: AgentView, controller: Controller, *, caller: str, others: str
) -> LiveAgent:
    """How an agent is shown; ``others`` are those in the conversation beside the caller."""
    directory = controller.directory
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
        answered_today=controller.answered_today(agent.key),
        with_others=others,
    )


def show_call(call: Call, controller: Controller, position: int) -> LiveCall:
    """How a call is shown."""
    directory = controller.directory
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
        speakers=controller.speaking.get(call.id, ()),
    )


def with_others(call: Call | None) -> str:
    """Whom the agent of a call asks, and who else is in the conversation."""
    if call is None:
        return ""
    asked = [call.consult.to] if call.consult is not None else []
    return ", ".join([*asked, *(guest.to for guest in call.guests)])


def _waiting(view: QueueView, controller: Controller) -> tuple[WaitingCaller, ...]:
    def name(call: int) -> str:
        life = controller.calls.get(call)
        return "" if life is None else life.call.name

    return tuple(
        WaitingCaller(
            call=to_text(waiting.call),
            ani=waiting.ani,
            name=name(waiting.call),
            since=waiting.entered,
            position=waiting.position,
            priority=waiting.priority,
            state="offered" if waiting.agent is not None else "waiting",
            ringing=_logins(waiting.ringing, controller) if waiting.ringing else (),
        )
        for waiting in view.waiting
    )


def _logins(agents: Iterable[AgentId], controller: Controller) -> tuple[str, ...]:
    found = (controller.directory.agent(agent) for agent in agents)
    return tuple(agent.login for agent in found if agent is not None)


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
